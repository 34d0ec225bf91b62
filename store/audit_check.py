"""Looks through audit trails for rows that were altered, removed, added or put in another order."""

from collections.abc import AsyncGenerator

from core import audit
from core.audit import Fault, Row
from store import mongo
from store.audit import decode


class AuditCheck:
    """Over all tenants; for `python -m store audit verify`."""

    def __init__(self, database: mongo.Database, key: bytes | None = None) -> None:
        """`key` is the one that the rows were sealed with."""
        self._rows = database["audit"]
        self._heads = database["auditHeads"]
        self._key = key

    async def tenants(self) -> list[str]:
        """Those who have a trail, or had one."""
        found = {*await self._rows.distinct("tenant"), *await self._heads.distinct("tenant")}
        return sorted(str(tenant) for tenant in found)

    async def verify(self, tenant: str) -> tuple[int, list[Fault]]:
        """How many rows a tenant's trail has, and what is wrong with it."""
        rows = [row async for row in self._read(tenant)]
        noted = await self._heads.find_one({"_id": tenant})
        head = None if noted is None else (int(noted["n"]), str(noted["seal"]))
        found = [
            Fault(tenant=tenant, n=fault.n, what=fault.what) for fault in audit.faults(rows, head=head, key=self._key)
        ]
        return len(rows), found

    async def _read(self, tenant: str) -> AsyncGenerator[Row]:
        async for row in self._rows.find({"tenant": tenant}).sort("_id", 1):
            yield decode(row)
