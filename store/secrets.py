"""The secrets of tenants: what targets are signed and called with. Only the engine reads their values."""

from datetime import datetime

import msgspec

from core.task import Actor
from store import documents, mongo
from store.masters import Wrapper
from store.mongo import Document
from store.sealing import Sealer


class Secret(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A secret without its value: what people see."""

    tenant: str
    name: str
    updated_at: datetime
    updated_by: Actor


_SEALED = {"value": 1, "sealed": 1, "sealedBy": 1}
_HIDDEN = {"value": 0, "sealed": 0, "sealedBy": 0}


@mongo.translating
class Secrets:
    """Secrets by tenant and name."""

    def __init__(self, database: mongo.Database, wrapper: Wrapper | None = None) -> None:
        """`wrapper` has the master keys; without it values are kept as they are."""
        self._secrets = database["secrets"]
        self.sealer = Sealer(database, wrapper)

    async def put(self, secret: Secret, value: str) -> bool:
        """Keep a secret, in place of an earlier one of its name; True when it is new."""
        row = documents.encode(secret) | await self.sealer.seal(secret.tenant, secret.name, value)
        key = documents.key(secret.tenant, secret.name)
        result = await self._secrets.replace_one({"_id": key}, row, upsert=True)
        return result.upserted_id is not None

    async def value(self, tenant: str, name: str) -> str | None:
        """What it says, or None."""
        row = await self._secrets.find_one({"_id": documents.key(tenant, name)}, _SEALED)
        return None if row is None else await self.sealer.open(tenant, name, row)

    async def reseal(self, tenant: str) -> int:
        """Seal all of the tenant's secrets with its newest key; answers how many."""
        count = 0
        async for row in self._secrets.find({"tenant": tenant}):
            name = str(row["name"])
            sealed = await self.sealer.seal(tenant, name, await self.sealer.open(tenant, name, row))
            was = {field: row[field] for field in ("value", "sealed") if field in row}
            change = {"$set": sealed, "$unset": {"value": ""}}
            # One that was put meanwhile is sealed with the new key already.
            count += (await self._secrets.update_one({"_id": row["_id"], **was}, change)).modified_count
        return count

    async def page(self, tenant: str, *, after: str | None, limit: int) -> list[Secret]:
        """Secrets by name, without their values, those behind `after`; not those of our own parts (`part/name`)."""
        # "0" is what follows "/": one range of `_id` holds all of a tenant.
        found: Document = {"tenant": tenant, "_id": {"$gt": documents.key(tenant, after or ""), "$lt": f"{tenant}0"}}
        found["name"] = {"$not": {"$regex": "/"}}
        rows = self._secrets.find(found, _HIDDEN).sort("_id", 1).limit(limit)
        return [documents.decode(row, Secret) async for row in rows]

    async def remove(self, tenant: str, name: str) -> bool:
        """Forget it; False when there is none."""
        return (await self._secrets.delete_one({"_id": documents.key(tenant, name)})).deleted_count == 1
