"""Waiting for tickets: while, and only while, somebody waits on a lane, consumers of theirs stand there.

All waiters of a process share one channel; those who wait on the same lanes share what comes (`stand`).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from broker.rabbit import channel, connection, drawing, management, stand
from loop import patience


class Waiter:
    """One caller who waits on some lanes for at most `count` tickets; an async context manager.

    Leaving passes on whatever `next` answered and was not settled: settle before you leave. When the link is lost
    while it waits it goes on once the link is back.
    """

    def __init__(self, waiters: "Waiters", lanes: Iterable[str], count: int) -> None:
        self._waiters = waiters
        self._lanes = tuple(sorted(set(lanes)))
        self._asker = stand.Asker(count)
        self._stand: stand.Stand | None = None
        self._ended = False

    async def __aenter__(self) -> Self:
        """Stand in the lanes; missing ones are declared. Raises `Unavailable` when the broker is away."""
        self._stand = await self._waiters.place(self._lanes)
        self._stand.join(self._asker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lanes. Does not suspend, so a cancellation cannot cut it short."""
        if self._stand is not None:
            self._waiters.leave(self._stand, self._asker)

    async def next(self, seconds: float) -> list[drawing.Drawn]:
        """The best tickets that came, one at least, as soon as they are dealt; must be settled.

        Empty when none came in time, or early when one of the lanes was dropped. Raises `Unavailable` when the time is
        over and the link is down.
        """
        here, asker = self._present(), self._asker
        here.ask(asker)
        if not asker.hand and not here.ended and not self._ended and seconds > 0:
            # Not wait_for: it may lose a cancellation that comes together with the news.
            timer = asyncio.get_running_loop().call_later(seconds, asker.wake)
            try:
                await asker.news()
            finally:
                timer.cancel()
        here.hold(asker)
        if not asker.hand and not here.ended and not self._ended and not here.is_up:
            raise connection.unavailable()
        return asker.hand

    def part(self) -> None:
        """What `next` answered will take longer than a write: others need not wait until it is handed out."""
        self._present().part(self._asker)

    def call_off(self) -> None:
        """Nobody waits any more: `next` answers at once."""
        self._ended = True
        self._asker.wake()

    def _present(self) -> stand.Stand:
        assert self._stand is not None
        return self._stand


class Waiters:
    """All waiters of a process, and the channel they stand on."""

    def __init__(self, link: connection.Link, lanes: management.Lanes) -> None:
        self._lanes = lanes
        self._keeper = channel.Keeper(link, drawing.DrawChannel, prepare=self._prepare, gone=lanes.forget)
        self._stands: dict[tuple[str, ...], stand.Stand] = {}
        self._idle: Counter[str] = Counter()

    def start(self) -> None:
        """Open the channel, now or when the broker comes."""
        self._keeper.start()

    async def ready(self) -> None:
        """Wait until waiting is possible."""
        await self._keeper.ready()

    async def close(self) -> None:
        """Close the channel; those who wait get nothing more."""
        await self._keeper.close()

    @property
    def unsettled(self) -> int:
        """How many tickets the waiters hold."""
        present = self._keeper.current
        return present.unsettled if present is not None else 0

    @property
    def count(self) -> int:
        """How many wait."""
        return sum(len(each.members) for each in self._stands.values())

    def idle(self, lane: str) -> bool:
        """Whether more would be brought from the lane if it were there: nothing is there then."""
        return lane in self._idle

    async def place(self, lanes: tuple[str, ...]) -> stand.Stand:
        """Where one waits on these lanes; raises `Unavailable`."""
        present = self._keeper.current
        found = self._stands.get(lanes)
        if found is None or present is None or found.channel is not present:
            with connection.translated():
                present = await patience.within(management.CALL_TIMEOUT, self._channel(lanes))
            found = self._stands.get(lanes)
        if found is None:
            found = self._stands[lanes] = stand.Stand(lanes, self._idle, self._dropped)
        if found.channel is not present:
            found.move(present)
        return found

    async def _channel(self, lanes: tuple[str, ...]) -> drawing.DrawChannel:
        await self._lanes.ensure(lanes)
        return await self._keeper.channel()

    def leave(self, place: stand.Stand, asker: stand.Asker) -> None:
        """Let it go."""
        place.leave(asker)
        if not place.members:
            self._forget(place)

    def _dropped(self, place: stand.Stand) -> None:
        """One of its lanes is no more: whoever comes next stands elsewhere."""
        self._lanes.forget(place.lanes)
        self._forget(place)

    def _forget(self, place: stand.Stand) -> None:
        if self._stands.get(place.lanes) is place:
            del self._stands[place.lanes]

    async def _prepare(self, fresh: drawing.DrawChannel) -> None:
        """A new channel takes the place of a lost one: all who wait move over."""
        await self._lanes.ensure({lane for each in self._stands.values() for lane in each.lanes})
        for each in self._stands.values():
            each.move(fresh)
