"""Waiting for tickets: while, and only while, somebody waits on a lane, a consumer of theirs stands there.

All waiters of a process share one channel, each with one consumer per lane that may hold one ticket.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from broker.rabbit import channel, connection, drawing, management
from loop import patience


class Waiter:
    """One caller who waits on some lanes; an async context manager.

    Leaving gives back whatever came and was not settled, also what `next` handed out: settle before you leave. When
    the link is lost while it waits it goes on once the link is back.
    """

    def __init__(self, waiters: "Waiters", lanes: tuple[str, ...]) -> None:
        self.lanes = lanes
        self.ended = False
        self._waiters = waiters
        self._channel: drawing.DrawChannel | None = None
        self._consumers: list[str] = []
        self._made: list[str] = []
        self._idle = False
        self._ready: list[drawing.Drawn] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Stand in the lanes; missing ones are declared. Raises `Unavailable` when the broker is away."""
        await self._waiters.join(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lanes. Does not suspend, so a cancellation cannot cut it short."""
        self._waiters.leave(self)

    async def next(self, seconds: float) -> drawing.Drawn | None:
        """The best ticket that came, as soon as one comes; must be settled.

        None when none came in time, or early when one of the lanes was dropped. Raises `Unavailable` when the time is
        over and the link is down.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (best := self._best()) is None and not self.ended and (left := end - loop.time()) > 0:
            if self._channel is not None and not self._consumers and not self._channel.holds(self._made):
                # What came before was in vain.
                self.stand(self._channel)
            self._news.clear()
            # Not wait_for: it may lose a cancellation that comes together with the news.
            timer = loop.call_later(left, self._news.set)
            try:
                await self._news.wait()
            finally:
                timer.cancel()
        if best is None and not self.ended and (self._channel is None or self._channel.is_closed):
            raise connection.unavailable()
        if best is not None:
            # Before it is acked: with room again the consumer would be brought one more, which would have to go back.
            self._stand_back()
        return best

    def call_off(self) -> None:
        """Nobody waits any more: `next` answers None at once."""
        self.ended = True
        self._news.set()

    def take(self, drawn: drawing.Drawn) -> None:
        """Called by the channel: a ticket came."""
        self._ready.append(drawn)
        self._is_idle(False)
        self._news.set()

    def end(self) -> None:
        """Called by the channel: a lane was dropped. What came and was not taken goes back to the others."""
        self.ended = True
        self._waiters.dropped(self)
        self._stand_back()
        if self._channel is not None:
            self._channel.settle([drawn.tag for drawn in self._ready], back=True)
        self._ready.clear()
        self._news.set()

    def stand(self, place: drawing.DrawChannel) -> None:
        """Wait on this channel from now on; what came on another one is lost with it."""
        if place is not self._channel:
            self._ready.clear()
            self._made.clear()
        self._channel = place
        self._consumers = [place.consume(lane, self) for lane in self.lanes]
        self._made += self._consumers
        self._is_idle(True)

    def step_away(self) -> None:
        """Wait no more."""
        self._stand_back()
        if self._channel is not None:
            self._channel.give_back(self._made)

    def _stand_back(self) -> None:
        """Have nothing more brought."""
        self._is_idle(False)
        if self._channel is not None:
            self._channel.cancel(self._consumers)
        self._consumers = []

    def _is_idle(self, now: bool) -> None:  # noqa: FBT001 - the new value of what it is named after
        if now is not self._idle:
            self._idle = now
            self._waiters.note_idle(self.lanes, 1 if now else -1)

    def _best(self) -> drawing.Drawn | None:
        if not self._ready or self._channel is None or self._channel.is_closed:
            return None
        best = min(self._ready, key=lambda drawn: drawn.ticket.rank)
        self._ready.remove(best)
        return best


class Waiters:
    """All waiters of a process, and the channel they stand on."""

    def __init__(self, link: connection.Link, lanes: management.Lanes) -> None:
        self._lanes = lanes
        self._keeper = channel.Keeper(link, drawing.DrawChannel, prepare=self._prepare, gone=lanes.forget)
        self._waiting: set[Waiter] = set()
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

    def idle(self, lane: str) -> bool:
        """Whether somebody stands in the lane to whom nothing is brought: nothing is there then."""
        return lane in self._idle

    def note_idle(self, lanes: Iterable[str], number: int) -> None:
        """Called by a waiter: so many more, or fewer, are idle in these lanes."""
        for lane in lanes:
            self._idle[lane] += number
            if not self._idle[lane]:
                del self._idle[lane]

    async def join(self, waiter: Waiter) -> None:
        """Let a waiter stand in its lanes; raises `Unavailable`."""
        with connection.translated():
            present = await patience.within(management.CALL_TIMEOUT, self._place(waiter.lanes))
        self._waiting.add(waiter)
        waiter.stand(present)

    async def _place(self, lanes: tuple[str, ...]) -> drawing.DrawChannel:
        await self._lanes.ensure(lanes)
        return await self._keeper.channel()

    def leave(self, waiter: Waiter) -> None:
        """Let it go."""
        self._waiting.discard(waiter)
        waiter.step_away()

    def dropped(self, waiter: Waiter) -> None:
        """One of its lanes is no more."""
        self._lanes.forget(waiter.lanes)

    async def _prepare(self, fresh: drawing.DrawChannel) -> None:
        """A new channel takes the place of a lost one: all who wait move over."""
        await fresh.limit_consumers()
        await self._lanes.ensure({lane for waiter in self._waiting if not waiter.ended for lane in waiter.lanes})
        for waiter in self._waiting:
            if not waiter.ended:
                waiter.stand(fresh)
