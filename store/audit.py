"""The audit trail: rows that are added and never changed, and beside them how far each tenant's chain has come."""

from datetime import datetime

import msgspec
from pymongo import errors as driver

from core import audit, errors
from core.audit import Change, Row
from store import documents, mongo
from store.mongo import Document

_TRIES = 50
_DIGITS = 12


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows a listing is about; None means any."""

    action: str | None = None
    """The whole of it, or its beginning with a dot at the end: `queue.`."""
    target: str | None = None
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@mongo.translating
class Audit:
    """Rows by tenant and number."""

    def __init__(self, database: mongo.Database, key: bytes | None = None) -> None:
        """`key` seals the rows; None makes plain hashes of it."""
        self._database = database
        self._rows = database["audit"]
        self._heads = database["auditHeads"]
        self._key = key

    async def append(self, change: Change) -> Row:
        """Add a change at the end of its tenant's chain; raises `Changed` when many others do the same at once."""
        for _ in range(_TRIES):
            last = await self._last(change.tenant)
            n, previous = (1, audit.BEGINNING) if last is None else (last.n + 1, last.seal)
            row = audit.sealed(change, n=n, previous=previous, key=self._key)
            try:
                await self._rows.insert_one({"_id": _key(row.tenant, n), **documents.encode(row)})
            except driver.DuplicateKeyError:
                continue
            await self._note(row)
            return row
        raise errors.Changed("Others write to the audit trail at the same moment; try again.", retry_after=1.0)

    async def page(self, tenant: str, wanted: Wanted, *, before: int | None, limit: int) -> list[Row]:
        """Rows, the newest first, those with smaller numbers than `before`."""
        found: Document = {"tenant": tenant, "_id": {"$gt": tenant, "$lt": f"{tenant}0"}}
        if before is not None:
            found["_id"]["$lt"] = _key(tenant, before)
        if wanted.action is not None:
            ends = wanted.action.endswith(".")
            found["action"] = {"$gte": wanted.action, "$lt": f"{wanted.action[:-1]}/"} if ends else wanted.action
        if wanted.target is not None:
            found["target"] = wanted.target
        if wanted.by is not None:
            found["by.id"] = wanted.by
        if wanted.since is not None or wanted.until is not None:
            bounds = {"$gte": wanted.since, "$lt": wanted.until}
            found["at"] = {operator: moment for operator, moment in bounds.items() if moment is not None}
        rows = self._rows.find(found).sort("_id", -1).limit(limit)
        return [_decode(row) async for row in rows]

    async def document(self, collection: str, tenant: str, name: str) -> Document | None:
        """A thing of the tenant's as it is kept now; the tenant itself is in `tenants` under its own id."""
        key = tenant if collection == "tenants" else documents.key(tenant, name)
        return await self._database[collection].find_one({"_id": key})

    async def _last(self, tenant: str) -> Row | None:
        found: Document = {"tenant": tenant, "_id": {"$gt": tenant, "$lt": f"{tenant}0"}}
        rows = [_decode(row) async for row in self._rows.find(found).sort("_id", -1).limit(1)]
        return rows[0] if rows else None

    async def _note(self, row: Row) -> None:
        """Note the end of the chain apart, so that rows taken off its end are missed; never an earlier one."""
        head = {"tenant": row.tenant, "n": row.n, "seal": row.seal}
        try:
            await self._heads.update_one({"_id": row.tenant, "n": {"$lt": row.n}}, {"$set": head}, upsert=True)
        except driver.DuplicateKeyError:
            return


def decode(row: Document) -> Row:
    """The row of a document."""
    row.pop("_id", None)
    return documents.decode(row, Row)


_decode = decode


def _key(tenant: str, n: int) -> str:
    return documents.key(tenant, f"{n:0{_DIGITS}d}")
