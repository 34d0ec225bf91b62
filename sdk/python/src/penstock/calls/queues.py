"""Queues: made, changed, looked at, paused, emptied."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.calls import paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page, Record
from penstock.models.queue import Bindings, Deadlines, Defaults, Queue, QueueMetrics
from penstock.transport import Call, Query

_PAGE = 100


class Canceled(Record):
    """How many open tasks a purge or a forced deletion canceled."""

    canceled: int = 0


class QueueCalls(Calls):
    """Calls on queues."""

    @operation
    async def put(
        self,
        queue: paths.QueueRef,
        *,
        bindings: Bindings | None = None,
        defaults: Defaults | None = None,
        deadlines: Deadlines | None = None,
        display_name: str | None = None,
        description: str | None = None,
        context: Mapping[str, Any] | None = None,
        params_schema: Mapping[str, Any] | None = None,
        retention_days: float | None = None,
        version: int | None = None,
        create_only: bool = False,
    ) -> Queue:
        """Create the queue, or replace what is said of it.

        With `version` only if that is still its version, with `create_only` only if there is none: PreconditionFailed.
        """
        body = paths.given(
            bindings=None if bindings is None else paths.dumped(bindings),
            defaults=None if defaults is None else paths.dumped(defaults),
            deadlines=None if deadlines is None else paths.dumped(deadlines),
            displayName=display_name,
            description=description,
            context=context,
            paramsSchema=params_schema,
            retentionDays=retention_days,
        )
        headers = paths.conditions(version, create_only=create_only)
        call = Call(method="PUT", path=paths.queue(queue), body=body, headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Queue)

    @operation
    async def put_body(self, queue: paths.QueueRef, body: Mapping[str, Any], *, version: int | None = None) -> Queue:
        """As `put`, with the body as the wire has it: for files."""
        headers = paths.conditions(version)
        call = Call(method="PUT", path=paths.queue(queue), body=dict(body), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Queue)

    @operation
    async def get(self, queue: paths.QueueRef) -> Queue:
        """The queue. Raises NotFound."""
        return await self._transport.answer(Call(method="GET", path=paths.queue(queue), repeatable=True), Queue)

    @stream
    async def list(self, *, namespace: str | None = None) -> AsyncIterator[Queue]:
        """Every queue in which the caller has any right."""
        after: str | None = None
        while True:
            query: Query = {"namespace": namespace, "after": after, "limit": _PAGE}
            call = Call(method="GET", path=f"{paths.ROOT}/queues", query=query, repeatable=True)
            page = await self._transport.answer(call, Page[Queue])
            for queue in page.items:
                yield queue
            if (after := page.next) is None:
                return

    @operation
    async def update(self, queue: paths.QueueRef, fields: Mapping[str, Any], *, version: int | None = None) -> Queue:
        """Change some of what is said of it, named as on the wire (a merge patch: None removes)."""
        headers = paths.conditions(version)
        call = Call(method="PATCH", path=paths.queue(queue), body=dict(fields), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Queue)

    @operation
    async def delete(self, queue: paths.QueueRef, *, force: bool = False) -> int:
        """Delete it; answers how many open tasks `force` canceled. Raises QueueNotEmpty, NotFound."""
        query: Query = {"force": True if force else None}
        call = Call(method="DELETE", path=paths.queue(queue), query=query)
        return (await self._transport.answer(call, Canceled)).canceled

    @operation
    async def pause(self, queue: paths.QueueRef) -> Queue:
        """Hand nothing out from now on; submits go on."""
        return await self._transport.answer(_post(queue, "pause"), Queue)

    @operation
    async def resume(self, queue: paths.QueueRef) -> Queue:
        """Hand tasks out again."""
        return await self._transport.answer(_post(queue, "resume"), Queue)

    @operation
    async def purge(self, queue: paths.QueueRef) -> int:
        """Cancel everything that is open in it; answers how many tasks that were."""
        return (await self._transport.answer(_post(queue, "purge"), Canceled)).canceled

    @operation
    async def metrics(self, queue: paths.QueueRef) -> QueueMetrics:
        """The queue in numbers."""
        call = Call(method="GET", path=f"{paths.queue(queue)}/metrics", repeatable=True)
        return await self._transport.answer(call, QueueMetrics)


def _post(queue: paths.QueueRef, verb: str) -> Call:
    return Call(method="POST", path=f"{paths.queue(queue)}/{verb}", body={}, repeatable=True)
