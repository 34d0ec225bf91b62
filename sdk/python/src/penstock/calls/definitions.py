"""Definitions: made, changed, looked at, as they are and as they were."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.calls import paging, paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page, Priority, RetryPolicy
from penstock.models.definition import Concurrency, Definition, Target
from penstock.transport import Call, Query

DefinitionRef = str | Definition
"""A definition: its name, or one that the server showed."""


class DefinitionCalls(Calls):
    """Calls on definitions."""

    @operation
    async def put(
        self,
        definition: DefinitionRef,
        *,
        queue: paths.QueueRef,
        description: str | None = None,
        params_schema: Mapping[str, Any] | None = None,
        result_schema: Mapping[str, Any] | None = None,
        error_schema: Mapping[str, Any] | None = None,
        priority: Priority | None = None,
        lease: paths.Seconds | None = None,
        start_timeout: paths.Seconds | None = None,
        overall_timeout: paths.Seconds | None = None,
        retry: RetryPolicy | None = None,
        concurrency: Concurrency | None = None,
        target: Target | None = None,
        version: int | None = None,
        create_only: bool = False,
    ) -> Definition:
        """Make the definition, or give it exactly these settings; tasks keep what they were made with.

        With `version` only if that is still its version, with `create_only` only if there is none: PreconditionFailed.
        """
        records = {"retry": retry, "concurrency": concurrency, "target": target}
        body = paths.given(
            queue=paths.key(queue),
            description=description,
            paramsSchema=params_schema,
            resultSchema=result_schema,
            errorSchema=error_schema,
            priority=priority,
            leaseSeconds=paths.seconds(lease),
            startTimeoutSeconds=paths.seconds(start_timeout),
            overallTimeoutSeconds=paths.seconds(overall_timeout),
        )
        body |= {name: paths.dumped(each) for name, each in records.items() if each is not None}
        headers = paths.conditions(version, create_only=create_only)
        call = Call(method="PUT", path=_path(definition), body=body, headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Definition)

    @operation
    async def put_body(
        self, definition: DefinitionRef, body: Mapping[str, Any], *, version: int | None = None
    ) -> Definition:
        """As `put`, with the body as the wire has it: for files."""
        headers = paths.conditions(version)
        call = Call(method="PUT", path=_path(definition), body=dict(body), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Definition)

    @operation
    async def get(self, definition: DefinitionRef, *, version: int | None = None) -> Definition:
        """The definition as it is, or as it was at a version. Raises NotFound."""
        call = Call(method="GET", path=_path(definition), query={"version": version}, repeatable=True)
        return await self._transport.answer(call, Definition)

    @stream
    async def list(self, *, queue: str | None = None) -> AsyncIterator[Definition]:
        """The definitions of the queues in which the caller has any right, by name."""
        query: Query = {"queue": queue}
        async for each in paging.walk(self._transport, f"{paths.ROOT}/definitions", Page[Definition], query):
            yield each

    @operation
    async def update(
        self, definition: DefinitionRef, fields: Mapping[str, Any], *, version: int | None = None
    ) -> Definition:
        """Change some settings, named as on the wire (a merge patch: None takes one back to its default)."""
        headers = paths.conditions(version)
        call = Call(method="PATCH", path=_path(definition), body=dict(fields), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Definition)

    @operation
    async def delete(self, definition: DefinitionRef) -> None:
        """Delete it. Raises QueueNotEmpty while tasks of it are open."""
        await self._transport.send(Call(method="DELETE", path=_path(definition)))

    @stream
    async def versions(self, definition: DefinitionRef) -> AsyncIterator[Definition]:
        """What it was before, the newest first."""
        path = f"{paths.ROOT}/definition-versions/{paths.name(_name(definition))}"
        before: str | None = None
        while True:
            call = Call(method="GET", path=path, query={"before": before}, repeatable=True)
            page = await self._transport.answer(call, Page[Definition])
            for each in page.items:
                yield each
            if (before := page.next) is None:
                return


def _name(ref: DefinitionRef) -> str:
    return ref.name if isinstance(ref, Definition) else ref


def _path(ref: DefinitionRef) -> str:
    return f"{paths.ROOT}/definitions/{paths.name(_name(ref))}"
