"""The newest events in memory, for whoever goes through all of them in order: only what was missed is read again."""

from collections import deque
from collections.abc import Sequence

from core.events import Event
from store.eventlog import EventLog

_AHEAD = 20_000


class Tail:
    """One reader's view of the log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._heard: deque[Event] = deque()

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now. What does not fit into memory is read from the record later."""
        if len(self._heard) + len(events) <= _AHEAD:
            self._heard.extend(events)

    async def after(self, n: int, limit: int) -> list[Event]:
        """The next events behind `n`, from memory where nothing between was missed, else from the record."""
        while self._heard and self._heard[0].n <= n:
            self._heard.popleft()
        if not self._heard or self._heard[0].n != n + 1:
            self._heard.clear()
            return await self._log.after(n, limit)
        batch = [self._heard.popleft()]
        while self._heard and len(batch) < limit and self._heard[0].n == batch[-1].n + 1:
            batch.append(self._heard.popleft())
        return batch

    @property
    def more(self) -> bool:
        """Whether there is more that was heard of."""
        return bool(self._heard)

    def forget(self) -> None:
        """Read from the record next."""
        self._heard.clear()
