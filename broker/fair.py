"""Fair admission: of a full replica a tenant gets no more than its share, so that a noisy one slows only itself.

What counts is how many requests of a tenant are being worked on; long polls and streams, which wait, have quotas of
their own. As long as there is room nobody is refused, and a tenant that is alone is never refused.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from cachetools import TTLCache

from core import errors
from core.clock import Clock

SEEN_SECONDS = 10.0
"""A tenant that asked so lately has its share kept free."""


class Fair:
    """The requests in work of one replica, by tenant."""

    def __init__(self, clock: Clock, *, room: int) -> None:
        """`room` is how many requests are worked on at once before shares are looked at."""
        self._room = room
        self._running: Counter[str] = Counter()
        self._seen: TTLCache[str, None] = TTLCache(10_000, SEEN_SECONDS, timer=lambda: clock().timestamp())
        self._total = 0

    @contextmanager
    def turn(self, tenant: str) -> Generator[None]:
        """Count a request while it is worked on; raises `TooManyRequests` where its tenant has its share already."""
        self._seen[tenant] = None
        if self._total >= self._room and len(self._seen) > 1 and self._running[tenant] >= self.share:
            raise errors.TooManyRequests(
                "This server is full, and the tenant has its share of it; slow down.",
                retry_after=1.0,
                extra={"quota": "share", "limit": self.share, "used": self._running[tenant]},
            )
        self._running[tenant] += 1
        self._total += 1
        try:
            yield
        finally:
            self._total -= 1
            self._running[tenant] -= 1
            if not self._running[tenant]:
                del self._running[tenant]

    @property
    def share(self) -> int:
        """How many requests each of the tenants that were seen lately may have in work when all is full."""
        return max(self._room // max(len(self._seen), 1), 1)
