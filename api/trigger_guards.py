"""What a handler needs its caller to be allowed to do with triggers, as the type of an argument (see `api/guards.py`).

Who may read the tasks of a queue may read the triggers that submit to it; all else takes the right to manage.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from api import context, flow_guards, guards
from api.guards import InTenant
from auth import policy
from auth.policy import Action
from core import ids
from core.schedule import TaskOrder
from core.trigger import Trigger

TriggerId = Annotated[str, Path(pattern=rf"^{ids.TASK_ID.pattern}$", description="1 to 100 letters, digits, `._:-`")]


class OnTrigger(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this trigger."""

    trigger: Trigger


def _on_trigger(action: Action) -> Callable[..., Awaitable[OnTrigger]]:
    async def guard(request: Request, at: guards.Member, trigger_id: TriggerId) -> OnTrigger:
        found = await context.of(request).parts.triggers.get(at.tenant, trigger_id)
        order, bindings = found.order, None
        if isinstance(order, TaskOrder) and order.queue is not None:
            bindings = await flow_guards.bindings_of(request, at.tenant, order.queue)
        policy.require(at.who, action, bindings)
        return OnTrigger(who=at.who, trigger=found)

    return guard


Reading = Annotated[OnTrigger, Depends(_on_trigger(Action.READ))]
Managing = Annotated[OnTrigger, Depends(_on_trigger(Action.MANAGE))]
Founding = guards.Founding
"""May make triggers."""
