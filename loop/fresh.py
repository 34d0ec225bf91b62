"""A cache of what is read with every request and changes seldom: looked up anew now and then, by one caller for all."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import cachetools

from core.clock import Clock

V = TypeVar("V")
_LATE = timedelta(seconds=1)


class Fresh(Generic[V]):
    """Values by key, as they were `ttl` ago at most.

    Who hears of changes forgets what they touch, and can keep the rest for long. When that is over, the next who asks
    looks again, and until it knows all others go on with what was there: hundreds that asked at the same moment would
    do nothing else for a while. What takes longer than a second is looked up by the next, too. A failure, and that
    there is nothing, is not kept.
    """

    def __init__(
        self, look: Callable[[str], Awaitable[V | None]], clock: Clock, *, ttl: timedelta, most: int = 10_000
    ) -> None:
        """`most` values are kept."""
        self._look = look
        self._clock = clock
        self._ttl = ttl
        self._kept: cachetools.LRUCache[str, tuple[V, datetime]] = cachetools.LRUCache(most)
        self._forgotten = 0

    async def get(self, key: str) -> V | None:
        """The value, or None where there is none; raises what looking it up raises."""
        kept, at = self._kept.get(key), self._clock()
        if kept is not None and kept[1] - self._ttl <= at < kept[1]:
            return kept[0]
        if kept is not None:
            self._kept[key] = kept[0], at + min(_LATE, self._ttl)
        forgotten = self._forgotten
        found = await self._look(key)
        if found is None:
            self._kept.pop(key, None)
        elif forgotten == self._forgotten:
            self._kept[key] = found, at + self._ttl
        return found

    def forget(self, key: str | None) -> None:
        """Look it up again at the next chance, or all (None); what is being looked up at this moment is not kept."""
        self._forgotten += 1
        if key is None:
            self._kept.clear()
        else:
            self._kept.pop(key, None)
