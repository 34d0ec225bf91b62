"""The events collection as callers read it: a task's history, and the stream of a tenant."""

from collections.abc import Sequence

import msgspec
from pymongo.read_concern import ReadConcern

from core.events import Event
from store import mongo, payloads
from store.mongo import Document
from store.payloads import Payloads


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Events in the order of `n`, and the number up to which all were looked at: go on behind that one."""

    events: Sequence[Event]
    reached: int


@mongo.translating
class Events:
    """Events of a tenant."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens what is encrypted."""
        self._payloads = kept
        # As in store/eventlog.py: a number that was seen must not be taken back by a failover.
        self._events = database["events"].with_options(read_concern=ReadConcern("majority"))

    async def history(self, tenant: str, task_id: str, *, after_seq: int = 0, limit: int) -> list[Event]:
        """What happened to a task, the oldest first, behind number `after_seq` of the task."""
        found: Document = {"tenant": tenant, "task": task_id, "seq": {"$gt": after_seq}}
        rows = self._events.find(found).sort("seq", 1).limit(limit)
        return await self._payloads.events([row async for row in rows])

    async def since(
        self,
        tenant: str,
        n: int,
        *,
        limit: int,
        queues: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
    ) -> Slice:
        """The tenant's events behind `n`, at most `limit`; of these queues and types only, where given."""
        newest = await self.newest(tenant)
        found: Document = {"tenant": tenant, "n": {"$gt": n}}
        found |= {} if queues is None else {"queue": {"$in": list(queues)}}
        found |= {} if types is None else {"type": {"$in": list(types)}}
        rows = self._events.find(found).sort("n", 1).limit(limit)
        events = await self._payloads.events([row async for row in rows])
        last = events[-1].n if events else n
        return Slice(events=events, reached=last if len(events) == limit else max(last, newest))

    async def newest(self, tenant: str) -> int:
        """The number of the tenant's last event; 0 when it has none."""
        row = await self._events.find_one({"tenant": tenant}, {"n": 1}, sort=[("n", -1)])
        return 0 if row is None else int(row["n"])
