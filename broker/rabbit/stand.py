"""Dealing: what comes for those who wait on the same lanes belongs to all of them, and few hands take all of it.

A group commit of hand-outs. While nothing is under way every ticket is dealt at once, to one waiter each. What comes
while hand-outs are under way gathers for that moment, and is then dealt to as few as ask for so much: each of them
costs a write, an answer, and another call for the next tasks. Nobody waits for a timer, and who got none waits on.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from broker.rabbit import bringing, drawing

FLIGHTS = 2
"""So many deals may be under way before tickets gather."""
FEW = bringing.EACH
"""Who asks for so many, or fewer, is brought all of them; who asks for more draws them when a first one came."""


class Flight:
    """The hand-outs of one deal that are under way."""

    def __init__(self, hands: int) -> None:
        self.hands = hands


class Asker:
    """One caller who waits in a stand: how many tickets it takes, and what was dealt to it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.brought = count if count <= FEW else 1
        self.hand: list[drawing.Drawn] = []
        self.before: list[drawing.Drawn] = []
        """What was dealt to it before, and is not settled."""
        self.flight: Flight | None = None
        self._news: asyncio.Future[None] | None = None

    def held(self) -> list[drawing.Drawn]:
        """What was dealt to it and is not settled."""
        return [drawn for drawn in [*self.before, *self.hand] if drawn.channel.has(drawn.tag)]

    def news(self) -> asyncio.Future[None]:
        """Resolves with the next `wake`."""
        self._news = asyncio.get_running_loop().create_future()
        return self._news

    def wake(self) -> None:
        """Something was dealt, or there is nothing to wait for any more."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Stand:
    """Those who wait on the same lanes, and their consumers, which together never bring more than is asked for.

    Whose consumer brought a ticket does not matter. None stays here when nobody is left whom it could be dealt to.
    """

    def __init__(self, lanes: tuple[str, ...], idle: Counter[str], dropped: Callable[["Stand"], None]) -> None:
        """In `idle` is counted what could still be brought, by lane; `dropped` is told when a lane is no more."""
        self.lanes = lanes
        self.ended = False
        """A lane was dropped: nobody is brought anything here any more."""
        self.channel: drawing.DrawChannel | None = None
        self.members: set[Asker] = set()
        self._bringing = bringing.Bringing(lanes, self, idle)
        self._dropped = dropped
        self._open: set[Asker] = set()
        self._asking: dict[Asker, None] = {}
        self._asked = 0
        self._tickets: list[drawing.Drawn] = []
        self._flights = 0
        self._is_dealing_soon = False

    @property
    def is_up(self) -> bool:
        """Whether there is a channel."""
        return self.channel is not None and not self.channel.is_closed

    # --- those who wait ---

    def join(self, asker: Asker) -> None:
        """One more waits here."""
        self.members.add(asker)
        self._enter(asker)
        self._fill()

    def ask(self, asker: Asker) -> None:
        """It takes what there is, now or later."""
        self.land(asker)
        asker.before = asker.held()
        asker.hand = []
        if not self.ended:
            self._enter(asker)
            self._asking[asker] = None
            self._fill()
            self._deal()

    def hold(self, asker: Asker) -> None:
        """It takes nothing at the moment; what comes is kept for it."""
        self._asking.pop(asker, None)

    def land(self, asker: Asker) -> None:
        """Its hand-out is not under way any more."""
        flight, asker.flight = asker.flight, None
        if flight is not None:
            flight.hands -= 1
            if not flight.hands:
                self._flights -= 1
                self._deal()

    def part(self, asker: Asker) -> None:
        """What was dealt to it takes longer: neither those who wait nor their consumers are held up by it."""
        if self.channel is not None:
            for name in self.channel.holders([drawn.tag for drawn in asker.hand if drawn.channel is self.channel]):
                self._bringing.cancel(name)
        self.land(asker)
        self._fill()

    def leave(self, asker: Asker) -> None:
        """It waits no more; what was dealt to it and is not settled is dealt to others, or goes back."""
        self.members.discard(asker)
        self._exit(asker)
        self._asking.pop(asker, None)
        for drawn in asker.held():
            if drawn.channel is self.channel and not self.ended:
                self._tickets.append(drawn)
            else:
                drawn.channel.settle([drawn.tag], back=True)
        self.land(asker)
        self._deal()
        self._trim()

    # --- what the channel says ---

    def move(self, channel: drawing.DrawChannel) -> None:
        """Stand on this channel from now on; what came on another one is lost with it."""
        self._tickets.clear()
        self.channel = channel
        self._bringing.move(channel)
        self._fill()

    def take(self, name: str, drawn: drawing.Drawn) -> None:
        """A ticket came."""
        self._bringing.brought(name)
        self._tickets.append(drawn)
        if not self._is_dealing_soon:
            # In the next turn of the loop: what was read from the socket together is dealt together.
            self._is_dealing_soon = True
            asyncio.get_running_loop().call_soon(self._deal)

    def freed(self, name: str) -> None:
        """What a consumer brought is about to be settled: it would be brought the next."""
        if self._bringing.freed(name):
            self._trim()

    def end(self) -> None:
        """One of the lanes was dropped: everybody is sent home, and what came goes back."""
        self.ended = True
        self._dropped(self)
        self._open.clear()
        self._asked = 0
        asking = list(self._asking)
        self._asking.clear()
        self._give_back()
        self._trim()
        for asker in asking:
            asker.wake()

    # --- dealing ---

    def _deal(self) -> None:
        self._is_dealing_soon = False
        if self._tickets and not self.is_up:
            self._tickets.clear()
        while self._tickets and self._asking and self._flights < FLIGHTS:
            self._tickets.sort(key=_rank)
            hands = self._few() if self._flights else self._each()
            dealt = {drawn.tag for _, hand in hands for drawn in hand}
            self._tickets = [drawn for drawn in self._tickets if drawn.tag not in dealt]
            self._flights += 1
            flight = Flight(len(hands))
            for asker, hand in hands:
                del self._asking[asker]
                self._exit(asker)
                asker.hand, asker.flight = hand, flight
                asker.wake()
            self._trim()
        if self._tickets and not self._open:
            self._give_back()

    def _each(self) -> list[tuple[Asker, list[drawing.Drawn]]]:
        """One ticket to each who asks, and further ones where there are more."""
        askers = [asker for asker, _ in zip(self._asking, self._tickets, strict=False)]
        return [(asker, self._tickets[number :: len(askers)][: asker.count]) for number, asker in enumerate(askers)]

    def _few(self) -> list[tuple[Asker, list[drawing.Drawn]]]:
        """All tickets to as few as ask for so many, whoever has waited longest first."""
        hands: list[tuple[Asker, list[drawing.Drawn]]] = []
        start = 0
        for asker in self._asking:
            if start >= len(self._tickets):
                break
            hands.append((asker, self._tickets[start : start + asker.count]))
            start += asker.count
        return hands

    def _give_back(self) -> None:
        if self.channel is not None:
            self.channel.settle([drawn.tag for drawn in self._tickets], back=True)
        self._tickets.clear()

    def _enter(self, asker: Asker) -> None:
        if asker not in self._open:
            self._open.add(asker)
            self._asked += asker.brought

    def _exit(self, asker: Asker) -> None:
        if asker in self._open:
            self._open.discard(asker)
            self._asked -= asker.brought

    def _fill(self) -> None:
        """Have as much brought as is asked for."""
        if not self.ended:
            self._bringing.fill(self._asked, len(self._tickets))

    def _trim(self) -> None:
        """Have no more brought than is asked for by those who are left."""
        if self._bringing.trim(self._asked):
            self._fill()


def _rank(drawn: drawing.Drawn) -> tuple[int, str]:
    return drawn.ticket.rank
