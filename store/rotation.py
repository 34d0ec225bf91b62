"""A new key for a tenant: secrets and payloads are sealed anew while everything runs, and the keys before are erased.

Other processes go on sealing payloads with the key before for some seconds, so that what they write is looked for once
more before it is erased.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from core import errors
from store import eventlog, mongo, notes, payloads
from store.mongo import Document
from store.payloads import Kind, Payloads
from store.sealing import CURRENT_SECONDS
from store.secrets import Secrets

SETTLED = timedelta(seconds=CURRENT_SECONDS + 25)
"""After so long nobody seals with the key before: a process looks it up again, and a write ends in less."""
_PATIENCE = timedelta(seconds=60)
_LOOK_SECONDS = 0.5
_BATCH = 1_000


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many secrets, and rows with payloads, were sealed anew."""

    secrets: int
    payloads: int


class Rotation:
    """Rotates the keys of tenants."""

    def __init__(self, database: mongo.Database, secrets: Secrets, *, settled: timedelta = SETTLED) -> None:
        self._database = database
        self._secrets = secrets
        self._payloads = Payloads(secrets.sealer)
        self._settled = settled

    async def rotate(self, tenant: str) -> Sealed:
        """Seal all that the tenant has with a new key, and erase those before.

        May be repeated when it was broken off. Raises `Conflict`, with the keys before still there, while events are
        missing in the record because no engine runs.
        """
        number = await self._secrets.sealer.renew(tenant)
        secrets = await self._secrets.reseal(tenant)
        rows = await self._walk(tenant, number)
        if rows or await self._has_payloads(tenant):
            await asyncio.sleep(self._settled.total_seconds())
            await self._heard(tenant, number)
            while more := await self._walk(tenant, number):
                rows += more
        await self._secrets.sealer.forget_before(tenant, number)
        return Sealed(secrets=secrets, payloads=rows)

    async def _has_payloads(self, tenant: str) -> bool:
        for name in payloads.KINDS:
            if await self._database[name].find_one(_mine(tenant), {"_id": 1}) is not None:
                return True
        return False

    async def _walk(self, tenant: str, number: int) -> int:
        changed = 0
        for name, kind in payloads.KINDS.items():
            async for row in self._database[name].find(_mine(tenant)):
                changed += await self._reseal(name, kind, row, number)
        return changed

    async def _reseal(self, collection: str, kind: Kind, row: Document, number: int) -> bool:
        """Seal a row's fields anew. Its last event stays as it is: the record of events has that, too."""
        was: Document = {
            field: row[field]
            for field in (*kind.fields, "sealed")
            if field in row
            and (field == "sealed" or isinstance(row[field], bytes))
            and payloads.number_of(row[field]) != number
        }
        if not was:
            return False
        fresh = await self._payloads.resealed(kind, row, was)
        # A row that was changed meanwhile has values that are sealed anew, or is found by the next walk.
        result = await self._database[collection].update_one({"_id": row["_id"], **was}, {"$set": fresh})
        return result.modified_count == 1

    async def _heard(self, tenant: str, number: int) -> None:
        """Return when all events whose data an older key sealed are in the record of events."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE.total_seconds()
        while missing := await self._missing(tenant, number):
            if asyncio.get_running_loop().time() > deadline:
                raise errors.Conflict(
                    f"{missing} events of {tenant} are not in the record yet: start an engine, and rotate again."
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def _missing(self, tenant: str, number: int) -> int:
        missing, keys = 0, list[str]()
        async for row in self._database["tasks"].find(_mine(tenant), {"lastEvent": 1, "seq": 1}):
            sealed = notes.mark(row["lastEvent"]).sealed
            if sealed is not None and payloads.number_of(sealed) != number:
                keys.append(eventlog.event_key(str(row["_id"]), int(row["seq"])))
            if len(keys) == _BATCH:
                missing, keys = missing + await self._absent(tenant, keys), []
        return missing + await self._absent(tenant, keys)

    async def _absent(self, tenant: str, keys: Sequence[str]) -> int:
        found: Document = {"tenant": tenant, "_id": {"$in": list(keys)}}
        return len(keys) - await self._database["events"].count_documents(found)


def _mine(tenant: str) -> Document:
    # "0" is what follows "/".
    return {"tenant": tenant, "_id": {"$gt": f"{tenant}/", "$lt": f"{tenant}0"}, "encrypted": True}
