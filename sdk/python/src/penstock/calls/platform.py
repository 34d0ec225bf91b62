"""Tenants, and the caller itself."""

from collections.abc import AsyncIterator, Mapping, Sequence
from os import PathLike
from typing import Any

from penstock.calls import files, paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page
from penstock.models.platform import Restored, Tenant
from penstock.transport import Call, Query

_REALM_SECONDS = 60.0
_FILE_SECONDS = 600.0


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
    async def create(
        self,
        tenant_id: str,
        *,
        admin: Mapping[str, Any],
        display_name: str | None = None,
        roles: Sequence[str] | None = None,
        service_client: str | None = None,
    ) -> Tenant:
        """Make a tenant with a realm of its own in Keycloak: its first admin (as on the wire), roles and program.

        The answer's `credentials` are shown this once, so the call is not repeated by itself.
        """
        body = paths.given(
            admin=dict(admin),
            displayName=display_name,
            roles=None if roles is None else list(roles),
            serviceClient=service_client,
        )
        call = Call(method="PUT", path=paths.tenant(tenant_id), body=body, read_seconds=_REALM_SECONDS)
        return await self._transport.answer(call, Tenant)

    @operation
    async def delete(self, tenant_id: str, *, grace: paths.Seconds | None = None) -> Tenant:
        """Shut a tenant out at once; everything of it is erased after its grace."""
        query: Query = {"graceSeconds": paths.seconds(grace)}
        call = Call(method="DELETE", path=paths.tenant(tenant_id), query=query)
        return await self._transport.answer(call, Tenant)

    @stream
    async def export(self, tenant_id: str) -> AsyncIterator[bytes]:
        """Everything that a tenant owns, as NDJSON, in pieces as they come; secrets are left out."""
        call = Call(method="GET", path=f"{paths.tenant(tenant_id)}/export", headers={"accept": "application/x-ndjson"})
        async with self._transport.stream(call) as response:
            async for piece in response.aiter_bytes():
                yield piece

    @operation
    async def restore(self, tenant_id: str, file: str | PathLike[str]) -> Restored:
        """Keep again what the file of an export holds; the tenant must own nothing yet. Raises Conflict."""
        call = Call(
            method="POST",
            path=f"{paths.tenant(tenant_id)}/import",
            content=files.reader(file),
            headers={"content-type": "application/x-ndjson"},
            read_seconds=_FILE_SECONDS,
        )
        return await self._transport.answer(call, Restored)

    @operation
    async def update(self, tenant_id: str, fields: Mapping[str, Any]) -> Tenant:
        """Change settings of a tenant, named as on the wire."""
        return await self._transport.answer(_call("PATCH", tenant_id, dict(fields)), Tenant)


def _call(method: str, tenant_id: str, body: Any = None) -> Call:
    return Call(method=method, path=paths.tenant(tenant_id), body=body, repeatable=True)
