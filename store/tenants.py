"""The tenants collection: the organisations on this platform. The only one that is not itself below a tenant."""

from datetime import datetime

from core.tenant import Tenant, TenantState
from store import documents, mongo
from store.mongo import Document
from store.versioned import Versioned


@mongo.translating
class Tenants:
    """Tenants by id and by issuer."""

    def __init__(self, database: mongo.Database) -> None:
        self._tenants = database["tenants"]
        self._written = Versioned(database, "tenants")

    async def get(self, tenant: str) -> Tenant | None:
        """The tenant of that id, or None."""
        row = await self._tenants.find_one({"_id": tenant})
        return None if row is None else _decode(row)

    async def by_issuer(self, issuer: str) -> Tenant | None:
        """The tenant whose tokens that issuer signs, or None: its callers are then refused."""
        row = await self._tenants.find_one({"issuer": issuer})
        return None if row is None else _decode(row)

    async def insert(self, tenant: Tenant) -> None:
        """Keep a new tenant; raises `AlreadyExists` when its id or issuer is taken."""
        await self._written.insert(_encode(tenant), taken=f"Tenant {tenant.id} or its issuer exists already.")

    async def replace(self, tenant: Tenant, *, was: int) -> bool:
        """Write a changed tenant if its version is still `was`; raises `AlreadyExists` when its issuer is taken."""
        taken = f"The issuer {tenant.issuer} is that of another tenant."
        return await self._written.replace(_encode(tenant), was=was, taken=taken)

    async def erasable(self, now: datetime) -> list[Tenant]:
        """Deleted tenants whose days of grace are over."""
        found: Document = {"state": TenantState.DELETING.value, "eraseAt": {"$lte": now}}
        return [_decode(row) async for row in self._tenants.find(found).sort("_id", 1)]

    async def remove(self, tenant: Tenant) -> bool:
        """Forget the tenant if its version is still this one."""
        return await self._written.remove(tenant.id, was=tenant.version)

    async def every(self) -> list[Tenant]:
        """All tenants, by id."""
        return [_decode(row) async for row in self._tenants.find({}).sort("_id", 1)]


def _encode(tenant: Tenant) -> Document:
    row = documents.encode(tenant)
    return {"_id": row.pop("id"), **row}


def _decode(row: Document) -> Tenant:
    row["id"] = row.pop("_id")
    return documents.decode(row, Tenant)
