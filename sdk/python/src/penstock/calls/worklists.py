"""Worklists of people: the next task, saved filters, one action on many tasks, and whom to assign to."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from penstock.calls import paging, paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page, Priority
from penstock.models.task import Task
from penstock.models.worklist import (
    BulkAction,
    BulkPreview,
    NextTask,
    Person,
    Role,
    Roles,
    SavedFilter,
    SavedFilters,
)
from penstock.transport import Call, Query

_FILTERS = f"{paths.ROOT}/filters"
_BULK = f"{paths.ROOT}/bulk-actions"
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.05, 2.0

FilterRef = str | SavedFilter
"""A saved filter: its id, or one that the server showed."""
BulkRef = str | BulkPreview | BulkAction
"""A bulk action: its token, or what the server showed of it."""
Names: TypeAlias = Sequence[str]
Binding = Literal["submitters", "workers", "assigners", "readers"]


class WorklistCalls(Calls):
    """Calls of people who take work."""

    @operation
    async def next(
        self,
        queues: Sequence[paths.QueueRef] | None = None,
        *,
        definitions: Sequence[str] | None = None,
        priorities: Sequence[Priority] | None = None,
        label: str | None = None,
        text: str | None = None,
        start: bool = True,
    ) -> Task | None:
        """Take the most urgent task that the caller may work on, the oldest first; None where there is none.

        It is assigned to the caller and begun, without a lease; with `start=False` only assigned. Hand the task that
        comes back to `complete`, `fail` or `release`: it carries its fence.
        """
        body = paths.given(
            queues=None if queues is None else [paths.key(each) for each in queues],
            definition=None if definitions is None else list(definitions),
            priority=None if priorities is None else list(priorities),
            label=label,
            text=text,
            start=start,
        )
        call = Call(method="POST", path=f"{paths.ROOT}/worklist/next", body=body)
        return (await self._transport.answer(call, NextTask)).task


class FilterCalls(Calls):
    """Calls on saved filters; `wanted` holds parameters of a listing, named as on the wire."""

    @stream
    async def list(self) -> AsyncIterator[SavedFilter]:
        """The caller's and those that others share, by name."""
        call = Call(method="GET", path=_FILTERS, repeatable=True)
        for each in (await self._transport.answer(call, SavedFilters)).items:
            yield each

    @operation
    async def create(self, name: str, wanted: Mapping[str, Any], *, shared: bool = False) -> SavedFilter:
        """Save a filter. `tasks.list(filter=...)` lists by it; `me` in it is whoever asks."""
        body = {"name": name, "wanted": dict(wanted), "shared": shared}
        return await self._transport.answer(Call(method="POST", path=_FILTERS, body=body), SavedFilter)

    @operation
    async def get(self, filter: FilterRef) -> SavedFilter:  # noqa: A002 - the name on the wire
        """The filter. Raises NotFound."""
        return await self._transport.answer(Call(method="GET", path=_filter(filter), repeatable=True), SavedFilter)

    @operation
    async def put(
        self,
        filter: FilterRef,  # noqa: A002 - the name on the wire
        name: str,
        wanted: Mapping[str, Any],
        *,
        shared: bool = False,
    ) -> SavedFilter:
        """Change one's own, or as task-admin a shared one."""
        body = {"name": name, "wanted": dict(wanted), "shared": shared}
        call = Call(method="PUT", path=_filter(filter), body=body, repeatable=True)
        return await self._transport.answer(call, SavedFilter)

    @operation
    async def delete(self, filter: FilterRef) -> None:  # noqa: A002 - the name on the wire
        """Remove one's own, or as task-admin a shared one."""
        await self._transport.send(Call(method="DELETE", path=_filter(filter)))


class BulkCalls(Calls):
    """Calls that assign, reprioritise or cancel many open tasks: first shown, then done to exactly these.

    Which tasks: `filter` holds parameters of a listing, named as on the wire; or up to 1,000 `ids`.
    """

    @operation
    async def assign(
        self,
        to: Mapping[str, str] | Literal["me"] | None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name on the wire
        ids: Names | None = None,
    ) -> BulkPreview:
        """Preview giving them to a person (`{id, name, email}`), to the caller (`me`), or back to nobody (None)."""
        body = {"action": "assign", "to": dict(to) if isinstance(to, Mapping) else to} | _which(filter, ids)
        return await self._transport.answer(_preview(body), BulkPreview)

    @operation
    async def set_priority(
        self,
        priority: Priority,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name on the wire
        ids: Names | None = None,
    ) -> BulkPreview:
        """Preview changing their priority."""
        body = {"action": "priority", "priority": priority} | _which(filter, ids)
        return await self._transport.answer(_preview(body), BulkPreview)

    @operation
    async def cancel(
        self,
        reason: str | None = None,
        *,
        mode: Literal["ask", "now"] = "ask",
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name on the wire
        ids: Names | None = None,
    ) -> BulkPreview:
        """Preview ending them: `ask` lets running ones stop by themselves, `now` cuts them off."""
        body = {"action": "cancel", "mode": mode} | paths.given(reason=reason) | _which(filter, ids)
        return await self._transport.answer(_preview(body), BulkPreview)

    @operation
    async def run(self, action: BulkRef) -> BulkAction:
        """Do what was previewed, within 15 minutes; large ones go on in the background. Raises Conflict, NotFound."""
        call = Call(method="POST", path=f"{_action(action)}/run", body={}, repeatable=True)
        return await self._transport.answer(call, BulkAction)

    @operation
    async def get(self, action: BulkRef) -> BulkAction:
        """How far it is. Raises NotFound."""
        return await self._transport.answer(_look(action), BulkAction)

    @operation
    async def stop(self, action: BulkRef) -> BulkAction:
        """Do no more of it; what was done stays."""
        call = Call(method="POST", path=f"{_action(action)}/stop", body={}, repeatable=True)
        return await self._transport.answer(call, BulkAction)

    @operation
    async def wait(self, action: BulkRef, *, timeout: paths.Seconds | None = None) -> BulkAction:  # noqa: ASYNC109 - of both faces
        """Return it when nothing more is done. Raises TimeoutError when that takes longer."""
        async with asyncio.timeout(paths.seconds(timeout)):
            rest = _FIRST_LOOK_SECONDS
            while not (now := await self._transport.answer(_look(action), BulkAction)).ended:
                await asyncio.sleep(rest)
                rest = min(rest * 1.5, _LAST_LOOK_SECONDS)
            return now


class PeopleCalls(Calls):
    """Calls on the tenant's people, as its identity provider knows them."""

    @stream
    async def of_queue(
        self, queue: paths.QueueRef, binding: Binding = "workers", *, search: str | None = None
    ) -> AsyncIterator[Person]:
        """Who may work there, or what the binding says, by name: directly, by groups, or by composite roles."""
        query: Query = {"queue": paths.key(queue), "binding": binding, "search": search}
        async for each in paging.walk(self._transport, f"{paths.ROOT}/people", Page[Person], query):
            yield each

    @stream
    async def of_roles(self, roles: Sequence[str], *, search: str | None = None) -> AsyncIterator[Person]:
        """Who has one of the roles, by name; for those who manage queues."""
        query: Query = {"role": list(roles), "search": search}
        async for each in paging.walk(self._transport, f"{paths.ROOT}/people", Page[Person], query):
            yield each

    @stream
    async def roles(self) -> AsyncIterator[Role]:
        """The roles that queues can be bound to; for those who manage queues."""
        call = Call(method="GET", path=f"{paths.ROOT}/roles", repeatable=True)
        for each in (await self._transport.answer(call, Roles)).items:
            yield each


def _which(filter: Mapping[str, Any] | None, ids: Names | None) -> dict[str, object]:  # noqa: A002 - as on the wire
    return paths.given(filter=None if filter is None else dict(filter), ids=None if ids is None else list(ids))


def _preview(body: Mapping[str, object]) -> Call:
    return Call(method="POST", path=_BULK, body=dict(body), repeatable=True)


def _look(action: BulkRef) -> Call:
    return Call(method="GET", path=_action(action), repeatable=True)


def _action(ref: BulkRef) -> str:
    return f"{_BULK}/{quote(ref if isinstance(ref, str) else ref.token, safe='')}"


def _filter(ref: FilterRef) -> str:
    return f"{_FILTERS}/{quote(ref if isinstance(ref, str) else ref.id, safe='')}"
