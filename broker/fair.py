"""Fair admission: of a full replica a tenant gets no more than its share, so that a noisy one slows only itself.

Requests with many tasks keep a process busy for milliseconds each, before which everybody else's wait: as long as more
than one tenant asks, only a few of them are worked on at once, and the next is another tenant's. None begins while a
light request of another tenant is being worked on, but for a while at most.

What counts is how many requests of a tenant are being worked on; long polls and streams, which wait, have quotas of
their own. As long as there is room nobody is refused, and a tenant that is alone is never refused.
"""

import asyncio
import itertools
import math
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, KeysView
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta

from core import errors
from core.clock import Clock

SEEN_SECONDS = 10.0
"""A tenant that asked so lately has its share kept free."""
_SEEN = timedelta(seconds=SEEN_SECONDS)
LIGHT = 10
"""A request with so many tasks, or fewer, waits for nobody."""
HEAVY_AT_ONCE = 2
"""Of different tenants: two of one tenant keep MongoDB so busy that a single task of another waits for them there.
Beside a flood of batches its pickup took 29 to 41 ms with two of the same tenant (the 95th; 13 to 15 alone), 20 to 27
with one (10 to 12 alone). Each of several that have much to do still has its turn while another's waits for MongoDB.
"""
HOLD_SECONDS = 0.02
"""So long a heavy request is held at most for light ones of others: about as long as one of them takes. Held, a flood
leaves a pickup beside it at 16 to 22 ms (the 95th) in place of 20 to 25, its median at 10 to 11 in place of 13 to 14.
"""
LINGER_SECONDS = 0.003
"""A task that was just submitted reaches the worker who waits for it so soon: its hand-out follows as a light one."""


class Fair:
    """The requests in work of one replica, by tenant."""

    def __init__(self, clock: Clock, *, room: int) -> None:
        """`room` is how many requests are worked on at once before shares are looked at."""
        self._room = room
        self._running: Counter[str] = Counter()
        self._clock = clock
        self._seen: dict[str, datetime] = {}
        """When which tenant was seen last, the longest ago first; looked through for old ones when that matters."""
        self._total = 0
        self._heavy: set[str] = set()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._since = 0.0
        """When the first of those that wait might have begun but for light ones, by the loop's clock."""
        self._look: asyncio.TimerHandle | None = None
        self._light: Counter[str] = Counter()
        self._last = self._before = ("", -math.inf)
        """Whose light request ended last, and when; and the last one of another tenant than that."""

    def turn(self, tenant: str) -> AbstractContextManager[None]:
        """Count a request while it is worked on; raises `TooManyRequests` where its tenant has its share already."""
        return _Counted(self._begin, self._end, tenant)

    def _begin(self, tenant: str) -> None:
        """The first half of `turn`."""
        if tenant not in self._running:
            self._see(tenant)
        if self._total >= self._room and self._asking > 1 and self._running[tenant] >= self.share:
            raise errors.TooManyRequests(
                "This server is full, and the tenant has its share of it; slow down.",
                retry_after=1.0,
                extra={"quota": "share", "limit": self.share, "used": self._running[tenant]},
            )
        self._running[tenant] += 1
        self._total += 1

    def _end(self, tenant: str) -> None:
        """The second."""
        self._total -= 1
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
            self._see(tenant)

    def light(self, tenant: str) -> AbstractContextManager[None]:
        """Count a request with few tasks while it is worked on, and not while it waits for something to come."""
        return _Counted(self._begin_light, self._end_light, tenant)

    def _begin_light(self, tenant: str) -> None:
        """The first half of `light`."""
        self._light[tenant] += 1

    def _end_light(self, tenant: str) -> None:
        """The second."""
        self._light[tenant] -= 1
        if not self._light[tenant]:
            del self._light[tenant]
        if self._last[0] != tenant:
            self._before = self._last
        self._last = tenant, asyncio.get_running_loop().time()
        if self._waiting and not self._light:
            self._look_in(LINGER_SECONDS)

    @asynccontextmanager
    async def heavy(self, tenant: str, tasks: int) -> AsyncGenerator[None]:
        """Work on so many tasks, when it is the tenant's turn; few, and a tenant that is alone, wait for nothing."""
        if tasks <= LIGHT:
            with self.light(tenant):
                yield
            return
        if self.alone(tenant) and not self._waiting:
            yield
            return
        await self._turn_of(tenant)
        try:
            yield
        finally:
            self._give_up(tenant)

    async def _turn_of(self, tenant: str) -> None:
        """Wait for the turn, and take it."""
        if not self._waiting:
            self._since = asyncio.get_running_loop().time()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_up(tenant)
            raise

    def _give_up(self, done: str) -> None:
        self._heavy.discard(done)
        self._since = asyncio.get_running_loop().time()
        self._admit()

    def _admit(self) -> None:
        """Let those begin that may, the tenant first that has waited longest for a turn."""
        held = math.inf
        for tenant in [each for each in self._waiting if each not in self._heavy]:
            if len(self._heavy) >= HEAVY_AT_ONCE:
                return
            left = self._held(tenant)
            if left > 0:
                held = min(held, left)
            else:
                self._let_in(tenant)
        if held < math.inf:
            self._look_in(held)

    def _let_in(self, tenant: str) -> None:
        queue = self._waiting.pop(tenant)
        while queue and queue[0].done():
            queue.popleft()
        if not queue:
            return
        turn = queue.popleft()
        if queue:
            self._waiting[tenant] = queue
        self._heavy.add(tenant)
        turn.set_result(None)

    def _held(self, tenant: str) -> float:
        """For how many seconds its next heavy request is held still, for light ones of others."""
        until = self._since + HOLD_SECONDS
        if len(self._light) == (tenant in self._light):
            _, lit = self._last if self._last[0] != tenant else self._before
            until = min(until, lit + LINGER_SECONDS)
        return until - asyncio.get_running_loop().time()

    def _look_in(self, seconds: float) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = asyncio.get_running_loop().call_later(seconds, self._admit)

    def alone(self, tenant: str) -> bool:
        """Whether nobody else asks, or did so lately."""
        if len(self._running) > (tenant in self._running):
            return False
        return len(self._seen) == (tenant in self._seen) or len(self._lately()) == (tenant in self._seen)

    def _see(self, tenant: str) -> None:
        """Note it: when the first request of a tenant begins, and when its last ends."""
        self._seen.pop(tenant, None)
        self._seen[tenant] = self._clock()

    def _lately(self) -> KeysView[str]:
        """Who was seen lately."""
        since = self._clock() - _SEEN
        for tenant in list(itertools.takewhile(lambda each: self._seen[each] <= since, self._seen)):
            del self._seen[tenant]
        return self._seen.keys()

    @property
    def _asking(self) -> int:
        """How many tenants ask, or did so lately."""
        return len(self._lately() | self._running.keys())

    @property
    def share(self) -> int:
        """How many requests each of the tenants that were seen lately may have in work when all is full."""
        return max(self._room // max(self._asking, 1), 1)


class _Counted(AbstractContextManager[None]):
    """A request between the two halves of how it is counted."""

    def __init__(self, begin: Callable[[str], None], end: Callable[[str], None], tenant: str) -> None:
        self._begin = begin
        self._end = end
        self._tenant = tenant

    def __enter__(self) -> None:
        self._begin(self._tenant)

    def __exit__(self, *_: object) -> None:
        self._end(self._tenant)
