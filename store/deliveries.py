"""The deliveries of webhooks: kept before they are sent, so that none is lost, and afterwards for those who look."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from pymongo import errors as driver

from core import errors
from core.delivery import Delivery, Status
from store import documents, mongo, payloads
from store.mongo import Document
from store.payloads import DELIVERY, Payloads

_DUPLICATE = 11000
_TRIED = ("status", "open", "next_at", "first_at", "tries", "attempts", "ended_at")
_FIELDS = documents.field_names(Delivery)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries; None means any."""

    status: Status | None = None
    types: tuple[str, ...] | None = None
    task: str | None = None
    since: datetime | None = None
    """Made at that moment or later."""


@mongo.translating
class Deliveries:
    """Deliveries by tenant and webhook."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens and seals what is encrypted."""
        self._payloads = kept
        self._deliveries = database["webhookDeliveries"]

    # --- for people ---

    async def get(self, tenant: str, webhook: str, delivery_id: str) -> Delivery | None:
        """The delivery of that id, or None."""
        row = await self._deliveries.find_one({"_id": documents.key(tenant, delivery_id), "webhook": webhook})
        return None if row is None else (await self._opened([row]))[0]

    async def page(self, tenant: str, webhook: str, wanted: Wanted, *, after: str | None, limit: int) -> list[Delivery]:
        """Deliveries of a webhook, the newest first, behind the one of the id `after`; raises `BadCursor`."""
        found = _selector(tenant, webhook, wanted)
        if after is not None:
            last = await self.get(tenant, webhook, after)
            if last is None:
                raise errors.BadCursor(
                    faults=[errors.Fault(field="after", message="give back `next` of the page before")]
                )
            found = {"$and": [found, _behind(last)]}
        cursor = self._deliveries.find(found).sort([("createdAt", -1), ("n", -1), ("_id", -1)]).limit(limit)
        return await self._opened([row async for row in cursor])

    async def reopen(self, tenant: str, webhook: str, wanted: Wanted, *, now: datetime) -> int:
        """Have what was tried before sent again, with all its tries; answers how many."""
        return await self._reopen(_selector(tenant, webhook, wanted) | {"open": None}, now)

    async def reopen_one(self, tenant: str, webhook: str, delivery_id: str, *, now: datetime) -> bool:
        """The same for one; False when it is under way already, or there is none."""
        found: Document = {"_id": documents.key(tenant, delivery_id), "webhook": webhook, "open": None}
        return await self._reopen(found, now) == 1

    async def remove_of(self, tenant: str, webhook: str) -> None:
        """Remove all of a webhook."""
        await self._deliveries.delete_many({"tenant": tenant, "webhook": webhook})

    # --- for the engine ---

    async def insert(self, tenant: str, deliveries: Sequence[Delivery]) -> None:
        """Keep new ones; what is there already stays as it is."""
        rows = [documents.encode_keyed(each, tenant, each.id) for each in deliveries]
        if not rows:
            return
        await self._payloads.close(DELIVERY, rows)
        try:
            await self._deliveries.insert_many(rows, ordered=False)
        except driver.BulkWriteError as error:
            if any(fault["code"] != _DUPLICATE for fault in error.details["writeErrors"]):
                raise

    async def waiting(self, tenant: str, webhook: str, *, at_most: int) -> int:
        """How many are still to be sent, counted no further than `at_most` (index `due`)."""
        return await self._deliveries.count_documents(_open(tenant, webhook), limit=at_most)

    async def due(self, tenant: str, webhook: str, *, now: datetime, limit: int) -> list[Delivery]:
        """What may be sent now: the longest due first, of one group always in order (index `due`)."""
        found = _open(tenant, webhook) | {"nextAt": {"$lte": now}}
        rows = self._deliveries.find(found).sort([("nextAt", 1), ("n", 1)]).limit(limit)
        return await self._opened([row async for row in rows])

    async def next_due(self, tenant: str, webhook: str) -> datetime | None:
        """When the next may be sent; None when there is none (index `due`)."""
        row = await self._deliveries.find_one(_open(tenant, webhook), {"nextAt": 1}, sort=[("nextAt", 1), ("n", 1)])
        return None if row is None else row["nextAt"]

    async def heads(self, tenant: str, webhook: str, groups: Iterable[str]) -> Mapping[str, tuple[int, datetime]]:
        """The lowest number of each group that has something to send, and when it may be sent (index `group`)."""
        found = _open(tenant, webhook) | {"group": {"$in": list(groups)}}
        rows = self._deliveries.find(found, {"group": 1, "n": 1, "nextAt": 1}).sort([("group", 1), ("n", 1)])
        heads: dict[str, tuple[int, datetime]] = {}
        async for row in rows:
            heads.setdefault(row["group"], (int(row["n"]), row["nextAt"]))
        return heads

    async def note(self, was: Delivery, now: Delivery) -> bool:
        """Write what a try came to; False when another try, or a replay, was first."""
        values = {name: getattr(now, name) for name in _TRIED}
        sets = {_FIELDS[name]: documents.encode_value(value) for name, value in values.items() if value is not None}
        gone = {_FIELDS[name]: "" for name, value in values.items() if value is None}
        update: Document = {"$set": sets} | ({"$unset": gone} if gone else {})
        found: Document = {"_id": documents.key(was.tenant, was.id), "open": True, "tries": was.tries or None}
        return (await self._deliveries.update_one(found, update)).matched_count == 1

    async def postpone(self, tenant: str, webhook: str, group: str, until: datetime) -> None:
        """Let a group's deliveries wait behind its first."""
        found = _open(tenant, webhook) | {"group": group, "nextAt": {"$lt": until}}
        await self._deliveries.update_many(found, {"$set": {"nextAt": until}})

    async def hurry(self, tenant: str, webhook: str, now: datetime) -> None:
        """Let nothing wait any longer: the receiver is well again."""
        found = _open(tenant, webhook) | {"nextAt": {"$gt": now}}
        await self._deliveries.update_many(found, {"$set": {"nextAt": now}})

    async def _opened(self, rows: Sequence[Document]) -> list[Delivery]:
        await self._payloads.open(DELIVERY, rows)
        return [documents.decode(row, Delivery) for row in rows]

    async def _reopen(self, found: Document, now: datetime) -> int:
        sets: Document = {"status": Status.PENDING.value, "open": True, "nextAt": now}
        update: Document = {"$set": sets, "$unset": {"endedAt": "", "firstAt": "", "tries": ""}}
        return (await self._deliveries.update_many(found, update)).modified_count


def _open(tenant: str, webhook: str) -> Document:
    return {"tenant": tenant, "webhook": webhook, "open": True}


def _behind(last: Delivery) -> Document:
    key = documents.key(last.tenant, last.id)
    same = [{"n": {"$lt": last.n}}, {"n": last.n, "_id": {"$lt": key}}]
    return {
        "createdAt": {"$lte": last.created_at},
        "$or": [{"createdAt": {"$lt": last.created_at}}, *({"createdAt": last.created_at} | each for each in same)],
    }


def _selector(tenant: str, webhook: str, wanted: Wanted) -> Document:
    found: Document = {"tenant": tenant, "webhook": webhook}
    if wanted.status is not None:
        # The record leaves out what is the default.
        found["status"] = (
            {"$in": [Status.PENDING.value, None]} if wanted.status is Status.PENDING else wanted.status.value
        )
    if wanted.types is not None:
        found["type"] = {"$in": list(wanted.types)}
    if wanted.task is not None:
        found["task"] = wanted.task
    if wanted.since is not None:
        found["createdAt"] = {"$gte": wanted.since}
    return found
