"""Tenants, and the caller itself."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.calls import paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page
from penstock.models.platform import Tenant
from penstock.transport import Call, Query


class TenantCalls(Calls):
    """Calls on tenants: for operators, and for a tenant's own administrators."""

    @stream
    async def list(self) -> AsyncIterator[Tenant]:
        """Every tenant."""
        after: str | None = None
        while True:
            query: Query = {"after": after}
            call = Call(method="GET", path=f"{paths.ROOT}/tenants", query=query, repeatable=True)
            page = await self._transport.answer(call, Page[Tenant])
            for tenant in page.items:
                yield tenant
            if (after := page.next) is None:
                return

    @operation
    async def get(self, tenant_id: str) -> Tenant:
        """A tenant. Raises NotFound."""
        return await self._transport.answer(_call("GET", tenant_id), Tenant)

    @operation
    async def put(self, tenant_id: str, *, issuer: str, display_name: str | None = None) -> Tenant:
        """Attach a tenant to its issuer."""
        body = paths.given(issuer=issuer, displayName=display_name)
        return await self._transport.answer(_call("PUT", tenant_id, body), Tenant)

    @operation
    async def update(self, tenant_id: str, fields: Mapping[str, Any]) -> Tenant:
        """Change settings of a tenant, named as on the wire."""
        return await self._transport.answer(_call("PATCH", tenant_id, dict(fields)), Tenant)


def _call(method: str, tenant_id: str, body: Any = None) -> Call:
    return Call(method=method, path=paths.tenant(tenant_id), body=body, repeatable=True)
