"""What a handler needs its caller to be allowed to do with definitions, as the type of an argument (see `guards.py`).

Who has any right at a definition's queue may read the definition; changes take the right to manage.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from api import context, guards
from api.guards import InTenant
from auth import policy
from auth.policy import Action
from auth.principal import Principal
from core import errors, ids
from core.definition import Definition

Name = Annotated[
    str,
    Path(pattern=rf"^{ids.DEFINITION.pattern}$", description="1 to 150 letters, digits, `._/-`; slashes as they are"),
]


class OnDefinition(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this definition."""

    definition: Definition


async def concerns(request: Request, who: Principal, definition: Definition) -> bool:
    """Whether the caller may know of the definition."""
    if policy.allowed(who, Action.READ):
        return True
    try:
        queue = await context.of(request).parts.directory.queue(who.tenant, definition.queue)
    except errors.NotFound:
        return False
    return guards.concerns(who, queue)


def _on_definition(action: Action | None) -> Callable[..., Awaitable[OnDefinition]]:
    async def guard(request: Request, at: guards.Member, definition: Name) -> OnDefinition:
        found = await context.of(request).parts.record.definitions.get(at.tenant, definition)
        if found is None:
            raise errors.NotFound(f"There is no definition {definition}.")
        if action is not None:
            policy.require(at.who, action)
        elif not await concerns(request, at.who, found):
            raise errors.Forbidden(f"You have no right at the queue of definition {definition}.")
        return OnDefinition(who=at.who, definition=found)

    return guard


Knowing = Annotated[OnDefinition, Depends(_on_definition(None))]
Managing = Annotated[OnDefinition, Depends(_on_definition(Action.MANAGE))]
