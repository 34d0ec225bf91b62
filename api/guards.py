"""What a handler needs its caller to be allowed to do, as the type of an argument; nothing else leads to a task.

Each guard finds what the path names within the caller's tenant (404), then asks the policy (403), in this order: who
may not see a tenant's things does not learn that they exist. `Guarded` (401) comes before all of them.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import Depends, Path
from starlette.requests import Request

from api import context, routing
from auth import policy
from auth.policy import Action, Reach
from auth.principal import CORE, Principal
from core import errors, ids, logs
from core.queue import Bindings, Queue
from core.task import Actor, Task, held_by
from core.tenant import Tenant

NamePart = Annotated[
    str, Path(pattern=rf"^{ids.NAME.pattern}$", description="1 to 50 letters, digits, `-`, `_` or spaces")
]
TenantId = Annotated[str, Path(min_length=1, max_length=40)]
RedriveId = Annotated[str, Path(min_length=1, max_length=100)]
TaskId = Annotated[str, Path(min_length=1, max_length=100)]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with a valid token; nothing more is known."""

    who: Principal

    @property
    def by(self) -> Actor:
        """The caller as records name it."""
        return Actor(id=self.who.subject, name=self.who.name, email=self.who.email)


class InTenant(Caller, frozen=True, kw_only=True):
    """A caller within its tenant, or an operator within the one it chose."""

    @property
    def tenant(self) -> str:
        """Where everything happens that this caller asks for."""
        return self.who.tenant

    def require(self, action: Action) -> None:
        """Raise `Forbidden` unless the caller may do this in its tenant as a whole."""
        policy.require(self.who, action)


class AtQueue(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says at this queue."""

    queue: Queue

    @property
    def reach(self) -> Reach:
        """Which of the queue's tasks the caller may list."""
        return policy.reach(self.who, self.queue.bindings)


class OnTask(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this task; `queue` is None when it was deleted."""

    task: Task
    queue: Queue | None

    def require(self, action: Action) -> None:
        """Raise `Forbidden` unless the caller may do this, too."""
        policy.require(self.who, action, _bindings(self.queue), policy.ties_of(self.task))

    def still(self, action: Action) -> Callable[[Task], Task]:
        """A check for the moment of the change: raises `Forbidden` when the task as it then is forbids it."""

        def check(now: Task) -> Task:
            policy.require(self.who, action, _bindings(self.queue), policy.ties_of(now))
            return now

        return check

    @property
    def home(self) -> Queue:
        """The task's queue; raises `Conflict` when it was deleted."""
        if self.queue is None:
            raise errors.Conflict(f"Queue {self.task.queue} was deleted.", extra={"state": self.task.state.value})
        return self.queue

    def holding(self, exec_id: str) -> Task:
        """The task, unless this is its present fence in the hands of somebody else, who then gets `Forbidden`."""
        holder = self.task.holder
        if self.task.exec_id == exec_id and holder is not None and not held_by(self.task, self.who.subject):
            raise errors.Forbidden(f"Task {self.task.id} is held by {holder.name}; only its holder may end it.")
        return self.task


class OfTask(InTenant, frozen=True, kw_only=True):
    """A caller and the id that it named. Whether there is such a task, and whether the caller holds it, is decided
    by the conditional update itself: by tenant, id, fence and holder.
    """

    task_id: str


class Steers(Caller, frozen=True, kw_only=True):
    """A caller who may change a tenant's settings: an operator, or its own admin."""

    tenant: Tenant


# --- guards ---


async def _caller(request: Request) -> Caller:
    return Caller(who=routing.caller_of(request))


async def _in_tenant(request: Request) -> InTenant:
    return InTenant(who=_tenant_of(request))


async def _operating(request: Request) -> Caller:
    who = routing.caller_of(request)
    policy.require(who, Action.TENANTS)
    return Caller(who=who)


async def _reviewing(request: Request) -> Caller:
    who = routing.caller_of(request)
    policy.require(who, Action.TENANTS if who.tenant == CORE else Action.AUDIT)
    return Caller(who=who)


async def _steering(request: Request, tenant: TenantId) -> Steers:
    who = routing.caller_of(request)
    mine = who.is_operator or tenant == who.tenant
    found = await context.of(request).parts.record.tenants.get(tenant) if mine else None
    if found is None:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    policy.require(who, Action.SETTINGS)
    return Steers(who=who, tenant=found)


def _tenant_of(request: Request) -> Principal:
    return in_tenant(routing.caller_of(request))


def in_tenant(who: Principal) -> Principal:
    """The caller, if it is in a tenant that has queues; raises `Invalid`, `Forbidden`."""
    if who.tenant == CORE:
        if who.is_operator:
            raise errors.Invalid(
                "An operator names the tenant to act in by the header Penstock-Tenant.",
                faults=[errors.Fault(field="Penstock-Tenant", message="is missing")],
            )
        raise errors.Forbidden("The tenant core has no queues.")
    return who


def _for_tenant(action: Action) -> Callable[..., Awaitable[InTenant]]:
    async def guard(request: Request) -> InTenant:
        at = InTenant(who=_tenant_of(request))
        at.require(action)
        return at

    return guard


def _at_queue(action: Action) -> Callable[..., Awaitable[AtQueue]]:
    async def guard(request: Request, namespace: NamePart, name: NamePart) -> AtQueue:
        who = _tenant_of(request)
        queue = await context.of(request).parts.directory.queue(who.tenant, f"{namespace}:{name}")
        policy.require(who, action, queue.bindings)
        return AtQueue(who=who, queue=queue)

    return guard


def _at_queue_now(action: Action | None) -> Callable[..., Awaitable[AtQueue]]:
    """As `_at_queue`, with the queue read now: for what depends on its version. None: any right will do."""

    async def guard(request: Request, namespace: NamePart, name: NamePart) -> AtQueue:
        who = _tenant_of(request)
        key = f"{namespace}:{name}"
        queue = await context.of(request).parts.record.queues.get(who.tenant, key)
        if queue is None:
            raise errors.NotFound(f"There is no queue {key}.")
        if action is not None:
            policy.require(who, action, queue.bindings)
        elif not concerns(who, queue):
            raise errors.Forbidden(f"You have no right at the queue {key}.")
        return AtQueue(who=who, queue=queue)

    return guard


def concerns(who: Principal, queue: Queue) -> bool:
    """Whether the caller has any right at the queue: then it may know of it."""
    return policy.reach(who, queue.bindings) is not Reach.NONE or policy.allowed(who, Action.SUBMIT, queue.bindings)


async def _listing(request: Request, namespace: NamePart, name: NamePart) -> AtQueue:
    who = _tenant_of(request)
    queue = await context.of(request).parts.directory.queue(who.tenant, f"{namespace}:{name}")
    if policy.reach(who, queue.bindings) is Reach.NONE:
        policy.require(who, Action.READ, queue.bindings)
    return AtQueue(who=who, queue=queue)


def _on_task(action: Action, *, orphan: bool = False) -> Callable[..., Awaitable[OnTask]]:
    """`orphan`: also when the task's queue was deleted."""

    async def guard(request: Request, task_id: TaskId) -> OnTask:
        at = await on_task(request, task_id)
        at.require(action)
        return at if orphan else msgspec.structs.replace(at, queue=at.home)

    return guard


async def _holding(request: Request, task_id: TaskId) -> OnTask:
    return await on_task(request, task_id)


async def _of_task(request: Request, task_id: TaskId) -> OfTask:
    return OfTask(who=_tenant_of(request), task_id=task_id)


async def on_task(request: Request, task_id: str) -> OnTask:
    """A caller and a task of its tenant, with no right made sure of yet; raises `NotFound`."""
    who = _tenant_of(request)
    parts = context.of(request).parts
    task = await parts.record.tasks.get(who.tenant, task_id)
    if task is None:
        raise errors.NotFound(f"There is no task {task_id}.")
    logs.add(attempt=task.attempt)
    try:
        queue = await parts.directory.queue(who.tenant, task.queue)
    except errors.NotFound:
        queue = None
    return OnTask(who=who, task=task, queue=queue)


def _bindings(queue: Queue | None) -> Bindings | None:
    return None if queue is None else queue.bindings


Anybody = Annotated[Caller, Depends(_caller)]
"""Every caller with a token, operators included."""

Operating = Annotated[Caller, Depends(_operating)]
Reviewing = Annotated[Caller, Depends(_reviewing)]
"""May read the audit trail of the tenant, or of the platform."""

Steering = Annotated[Steers, Depends(_steering)]

Member = Annotated[InTenant, Depends(_in_tenant)]
"""Every caller of a tenant: for answers that show each what it may see, and no more."""

Founding = Annotated[InTenant, Depends(_for_tenant(Action.MANAGE))]
"""May create queues."""

Surveying = Annotated[InTenant, Depends(_for_tenant(Action.READ))]
"""May read everything of the tenant."""

Reporting = Annotated[InTenant, Depends(_for_tenant(Action.SUBMIT))]
"""May submit to every queue of the tenant."""

Submitting = Annotated[AtQueue, Depends(_at_queue(Action.SUBMIT))]
Working = Annotated[AtQueue, Depends(_at_queue(Action.WORK))]
Reading = Annotated[AtQueue, Depends(_at_queue(Action.READ))]
Listing = Annotated[AtQueue, Depends(_listing)]
"""May read some of the queue's tasks: `AtQueue.reach` says which."""

Knowing = Annotated[AtQueue, Depends(_at_queue_now(None))]
"""May do anything at all there."""

Managing = Annotated[AtQueue, Depends(_at_queue_now(Action.MANAGE))]
Purging = Annotated[AtQueue, Depends(_at_queue(Action.PURGE))]
Redriving = Annotated[AtQueue, Depends(_at_queue(Action.REDRIVE))]

ReadingTask = Annotated[OnTask, Depends(_on_task(Action.READ, orphan=True))]
WorkingOn = Annotated[OnTask, Depends(_on_task(Action.WORK))]
Patching = Annotated[OnTask, Depends(_on_task(Action.PATCH))]
Deleting = Annotated[OnTask, Depends(_on_task(Action.DELETE, orphan=True))]
Cancelling = Annotated[OnTask, Depends(_on_task(Action.CANCEL, orphan=True))]
Retrying = Annotated[OnTask, Depends(_on_task(Action.RETRY))]
Taking = Annotated[OnTask, Depends(_on_task(Action.TAKE))]
"""May assign the task at least to itself; whoever else is meant needs `Action.ASSIGN` besides."""
Prioritising = Annotated[OnTask, Depends(_on_task(Action.PRIORITIZE))]

Holding = Annotated[OnTask, Depends(_holding)]
"""Whoever knows the task's fence: the fence is the right, as long as the caller is the holder (`OnTask.holding`)."""
Finishing = Annotated[OfTask, Depends(_of_task)]
"""The same without reading the task first."""
