"""Secrets, which are kept and never read again, and the audit trail, which is only read."""

from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import quote

from penstock.calls import paging, paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page
from penstock.models.platform import Audited, AuditPage, Secret
from penstock.transport import Call, Query

_SECRETS = f"{paths.ROOT}/secrets"
_AUDIT = f"{paths.ROOT}/audit"
_PAGE = 200


class SecretCalls(Calls):
    """Calls on secrets."""

    @operation
    async def put(self, name: str, value: str) -> Secret:
        """Keep a secret, in place of an earlier one of its name. Raises Invalid."""
        call = Call(method="PUT", path=_path(name), body={"value": value}, repeatable=True)
        return await self._transport.answer(call, Secret)

    @stream
    async def list(self) -> AsyncIterator[Secret]:
        """The tenant's secrets without their values, by name."""
        async for each in paging.walk(self._transport, _SECRETS, Page[Secret]):
            yield each

    @operation
    async def delete(self, name: str) -> None:
        """Forget it; targets that need it are not called any more. Raises NotFound."""
        await self._transport.send(Call(method="DELETE", path=_path(name)))


class AuditCalls(Calls):
    """Calls on the audit trail."""

    @stream
    async def list(
        self,
        *,
        action: str | None = None,
        target: str | None = None,
        by: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Audited]:
        """What was changed by whom, the newest first; `action` may end in a dot: `queue.` for all of queues."""
        left, before = limit, None
        while left is None or left > 0:
            query: Query = {
                "action": action, "target": target, "by": by, "since": paths.moment(since),
                "until": paths.moment(until), "before": before, "limit": min(_PAGE, left or _PAGE),
            }  # fmt: skip
            call = Call(method="GET", path=_AUDIT, query=query, repeatable=True)
            page = await self._transport.answer(call, AuditPage)
            for each in page.items:
                yield each
            left = None if left is None else left - len(page.items)
            if (before := page.next) is None:
                return


def _path(name: str) -> str:
    return f"{_SECRETS}/{quote(name, safe='')}"
