"""What a handler needs its caller to be allowed to do with imports, as the type of an argument (see `api/guards.py`).

An import is for those who have the same right at the tasks of its queue: who may submit may begin one, who made it or
may read the queue may read it, who may cancel tasks there may cancel it.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from api import context, flow_guards, guards, worklists
from api.guards import InTenant
from auth import policy
from auth.policy import Action, Ties
from core import errors, ids
from core.imports import Import
from store.imports import Wanted
from store.queues import Queues

ImportId = Annotated[str, Path(pattern=rf"^{ids.TASK_ID.pattern}$", description="As the answer to its making has it")]


class OnImport(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this import."""

    job: Import


async def wanted(queues: Queues, at: InTenant, queue: str | None) -> Wanted:
    """The imports that the caller may read: all of the queues whose tasks it may read, and its own."""
    among = None if queue is None else (queue,)
    if policy.allowed(at.who, Action.READ):
        return Wanted(queues=among)
    readable, _ = await worklists.reachable(queues, at, frozenset(among or ()))
    return Wanted(queues=among, readable=tuple(sorted(readable)), maker=at.who.subject)


def _on_import(action: Action) -> Callable[..., Awaitable[OnImport]]:
    async def guard(request: Request, at: guards.Member, import_id: ImportId) -> OnImport:
        job = await context.of(request).parts.record.imports.get(at.tenant, import_id)
        if job is None:
            raise errors.NotFound(f"There is no import {import_id}.")
        bindings = await flow_guards.bindings_of(request, at.tenant, job.queue)
        policy.require(at.who, action, bindings, Ties(creator=job.created_by.id))
        return OnImport(who=at.who, job=job)

    return guard


Reading = Annotated[OnImport, Depends(_on_import(Action.READ))]
Cancelling = Annotated[OnImport, Depends(_on_import(Action.CANCEL))]
