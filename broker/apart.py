"""Group commit among tenants: whoever brings much is written in calls of its own, so that others do not wait for those.

A call with a thousand tasks takes some fifty times as long as one with a single task, and a tenant that always has some
waiting would have all the calls that may run at once. What tenants bring one by one still shares its calls, over all of
them: that is what makes a group commit cheap.

Beside other tenants who ask, one that has much under way has one call at a time, in which its tasks gather. With four,
each a write and a flush of the journal, the ends of a tenant beside one at ten times its quota took 8 ms in place of
the 4.8 that they take alone (the 95th); with one they take 6.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic

from broker.gather import Answer, Gather, Item

LIGHT = 8
"""A tenant with so many items under way, or fewer, shares calls with the others."""


class Apart(Generic[Item, Answer]):
    """`Gather` with a lane for each tenant that has much under way, and one for all others."""

    def __init__(
        self,
        flush: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        *,
        in_flight: int = 2,
        alone: Callable[[str], bool] = lambda _tenant: True,
    ) -> None:
        """`in_flight` calls may run at once in each lane; one in that of a tenant which is not `alone`."""
        self._flush = flush
        self._in_flight = in_flight
        self._alone = alone
        self._shared: Gather[Item, Answer] = self._lane()
        self._own: dict[str, Gather[Item, Answer]] = {}
        self._under_way: Counter[str] = Counter()

    async def add(self, tenant: str, items: Sequence[Item]) -> Sequence[Answer]:
        """The answers for these items of one tenant; they travel together. Raises what the shared call raised."""
        self._under_way[tenant] += len(items)
        # Until nothing of it is under way it keeps its lane: alone in a process, a tenant has one lane and not two.
        if tenant not in self._own and self._under_way[tenant] > LIGHT:
            self._own[tenant] = self._lane()
        lane = self._own.get(tenant, self._shared)
        if lane is not self._shared:
            lane.in_flight = self._in_flight if self._alone(tenant) else 1
        try:
            return await lane.add(items)
        finally:
            self._under_way[tenant] -= len(items)
            if not self._under_way[tenant]:
                del self._under_way[tenant]
                self._own.pop(tenant, None)

    def _lane(self) -> Gather[Item, Answer]:
        return Gather(self._flush, in_flight=self._in_flight)
