"""Flows: begun, looked at live, waited for, canceled, begun again; and the templates that they are made by."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from penstock.calls import paging, paths
from penstock.calls.submitting import new_key
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page, Priority
from penstock.models.flow import Flow, FlowItem, FlowItems, FlowStatus, FlowTemplate
from penstock.models.task import Outcome
from penstock.transport import Call, Query

_FLOWS = f"{paths.ROOT}/flows"
_TEMPLATES = f"{paths.ROOT}/flow-templates"
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.05, 2.0
_PAGE = 200

FlowRef = str | Flow
"""A flow: its id, or one that the server showed."""
TemplateRef = str | FlowTemplate
"""A flow template: its name, or one that the server showed."""


class FlowCalls(Calls):
    """Calls on flows."""

    @operation
    async def start(
        self,
        template: TemplateRef,
        params: Any = None,
        *,
        label: str | None = None,
        context: dict[str, Any] | None = None,
        priority: Priority | None = None,
        execute_at: datetime | None = None,
        key: str | None = None,
    ) -> Flow:
        """Begin a flow; with the same `key` a second call answers the flow of the first."""
        body = paths.given(
            template=_name(template), params=params, label=label, context=context, priority=priority,
            executeAt=paths.moment(execute_at),
        )  # fmt: skip
        headers = {"idempotency-key": key or new_key()}
        call = Call(method="POST", path=_FLOWS, body=body, headers=headers, repeatable=True)
        return await self._transport.answer(call, Flow)

    @operation
    async def get(self, flow: FlowRef) -> Flow:
        """The flow as it is now, with every step and the first children of each. Raises NotFound."""
        return await self._transport.answer(_get(_path(flow)), Flow)

    @stream
    async def list(
        self,
        *,
        template: str | None = None,
        queue: str | None = None,
        label: str | None = None,
        status: FlowStatus | None = None,
        outcome: Outcome | None = None,
        parent: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Flow]:
        """Flows without their steps, the newest first."""
        query: Query = {
            "template": template, "queue": queue, "label": label, "status": status, "outcome": outcome,
            "parent": parent,
        }  # fmt: skip
        async for each in paging.walk(self._transport, _FLOWS, Page[Flow], query, limit=limit):
            yield each

    @stream
    async def items(self, flow: FlowRef, step: str) -> AsyncIterator[FlowItem]:
        """All children of a step."""
        path = f"{_path(flow)}/steps/{quote(step, safe='')}/items"
        after: int | None = 0
        while after is not None:
            page = await self._transport.answer(_get(path, {"after": after, "limit": _PAGE}), FlowItems)
            for item in page.items:
                yield item
            after = page.next

    @operation
    async def mermaid(self, flow: FlowRef) -> str:
        """The flow as a chart in Mermaid's language."""
        call = Call(
            method="GET",
            path=f"{_path(flow)}/mermaid",
            headers={"accept": "text/vnd.mermaid, application/json"},
            repeatable=True,
        )
        return (await self._transport.send(call)).text

    @operation
    async def wait(self, flow: FlowRef, *, timeout: paths.Seconds | None = None) -> Flow:  # noqa: ASYNC109 - of both faces
        """Return the flow when it has ended. Raises TimeoutError when it has not in time."""
        async with asyncio.timeout(paths.seconds(timeout)):
            rest = _FIRST_LOOK_SECONDS
            while not (now := await self._transport.answer(_get(_path(flow)), Flow)).ended:
                await asyncio.sleep(rest)
                rest = min(rest * 1.5, _LAST_LOOK_SECONDS)
            return now

    @operation
    async def cancel(self, flow: FlowRef, reason: str | None = None, *, mode: Literal["ask", "now"] = "ask") -> Flow:
        """End it: nothing new is begun, and what runs is asked to stop, or ended at once. Raises WrongState."""
        call = Call(method="POST", path=f"{_path(flow)}/cancel", body=paths.given(reason=reason, mode=mode))
        return await self._transport.answer(call, Flow)

    @operation
    async def retry(self, flow: FlowRef) -> Flow:
        """Begin one again that failed or was canceled: answers the new flow. Raises WrongState."""
        return await self._transport.answer(Call(method="POST", path=f"{_path(flow)}/retry", body={}), Flow)


class FlowTemplateCalls(Calls):
    """Calls on flow templates."""

    @operation
    async def put(
        self,
        template: TemplateRef,
        content: Mapping[str, Any],
        *,
        version: int | None = None,
        create_only: bool = False,
    ) -> FlowTemplate:
        """Make the template, or give it exactly this content (as the wire has it) as its next version.

        With `version` only if that is still its version, with `create_only` only if there is none: PreconditionFailed.
        """
        headers = paths.conditions(version, create_only=create_only)
        path = _template(template)
        call = Call(method="PUT", path=path, body=dict(content), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, FlowTemplate)

    @operation
    async def get(self, template: TemplateRef, *, version: int | None = None) -> FlowTemplate:
        """The template as it is, or as it was at a version. Raises NotFound."""
        return await self._transport.answer(_get(_template(template), {"version": version}), FlowTemplate)

    @stream
    async def list(self, *, queue: str | None = None) -> AsyncIterator[FlowTemplate]:
        """The templates of the queues in which the caller has any right, by name."""
        query: Query = {"queue": queue}
        async for each in paging.walk(self._transport, _TEMPLATES, Page[FlowTemplate], query):
            yield each

    @operation
    async def delete(self, template: TemplateRef) -> None:
        """Delete it; its flows go on."""
        await self._transport.send(Call(method="DELETE", path=_template(template)))


def _path(ref: FlowRef) -> str:
    return f"{_FLOWS}/{quote(ref.id if isinstance(ref, Flow) else ref, safe='')}"


def _name(ref: TemplateRef) -> str:
    return ref.name if isinstance(ref, FlowTemplate) else ref


def _template(ref: TemplateRef) -> str:
    return f"{_TEMPLATES}/{paths.name(_name(ref))}"


def _get(path: str, query: Query | None = None) -> Call:
    return Call(method="GET", path=path, query=query or {}, repeatable=True)
