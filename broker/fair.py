"""Fair admission: of a full replica a tenant gets no more than its share, so that a noisy one slows only itself.

Requests with many tasks keep a process busy for milliseconds each, before which everybody else's wait: as long as more
than one tenant asks, only a few of them are worked on at once, and the next is another tenant's.

What counts is how many requests of a tenant are being worked on; long polls and streams, which wait, have quotas of
their own. As long as there is room nobody is refused, and a tenant that is alone is never refused.
"""

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import AsyncGenerator, KeysView
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

    def turn(self, tenant: str) -> AbstractContextManager[None]:
        """Count a request while it is worked on; raises `TooManyRequests` where its tenant has its share already."""
        return _Turn(self, tenant)

    def begin(self, tenant: str) -> None:
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

    def end(self, tenant: str) -> None:
        """The second."""
        self._total -= 1
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
            self._see(tenant)

    @asynccontextmanager
    async def heavy(self, tenant: str, tasks: int) -> AsyncGenerator[None]:
        """Work on so many tasks, when it is the tenant's turn; a tenant that is alone waits for nothing."""
        if tasks <= LIGHT or (self.alone(tenant) and not self._waiting):
            yield
            return
        if tenant in self._heavy or len(self._heavy) >= HEAVY_AT_ONCE:
            await self._wait(tenant)
        else:
            self._heavy.add(tenant)
        try:
            yield
        finally:
            self._pass_on(tenant)

    async def _wait(self, tenant: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on(tenant)
            raise

    def _pass_on(self, done: str) -> None:
        """Give the place to who waits longest of the tenant that has waited longest for a turn, and has none."""
        self._heavy.discard(done)
        for tenant in [each for each in self._waiting if each not in self._heavy]:
            queue = self._waiting.pop(tenant)
            while queue and queue[0].done():
                queue.popleft()
            if not queue:
                continue
            turn = queue.popleft()
            if queue:
                self._waiting[tenant] = queue
            self._heavy.add(tenant)
            turn.set_result(None)
            return

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


class _Turn(AbstractContextManager[None]):
    def __init__(self, fair: Fair, tenant: str) -> None:
        self._fair = fair
        self._tenant = tenant

    def __enter__(self) -> None:
        self._fair.begin(self._tenant)

    def __exit__(self, *_: object) -> None:
        self._fair.end(self._tenant)
