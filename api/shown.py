"""From records to what answers show of them. Times are written as RFC 3339 in UTC with milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from api.schemas import platform_views, queue_views, views, worklist_views
from auth import policy
from auth.principal import Principal
from core.deadlines import Deadlines
from core.events import Event
from core.queue import Queue
from core.quota import Quotas
from core.task import HELD, Limits, ScheduleRef, Task
from core.tenant import Tenant
from store.redrives import Redrive

_LABELS: tuple[views.PriorityName, ...] = ("low", "normal", "high", "urgent")


@lru_cache(maxsize=1024)
def stamp(moment: datetime) -> str:
    """A moment as every answer writes it; those of what happens together are the same."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def maybe_stamp(moment: datetime | None) -> str | UnsetType:
    """The same, or absent."""
    return UNSET if moment is None else stamp(moment)


def task_view(task: Task) -> views.TaskView:
    """A task as everybody who may read it sees it."""
    return views.TaskView(**_shown(task))


def read_task_view(task: Task, who: Principal) -> views.ReadTaskView:
    """A task; whoever holds it gets its fence again, to go on with on another device."""
    mine = task.state in HELD and task.holder is not None and task.holder.id == who.subject
    return views.ReadTaskView(exec_id=_or_unset(task.exec_id) if mine else UNSET, **_shown(task))


def claimed_view(task: Task) -> views.ClaimedView:
    """A task as its new holder gets it."""
    assert task.exec_id is not None
    return views.ClaimedView(exec_id=task.exec_id, traceparent=_or_unset(task.trace), **_shown(task))


def next_view(task: Task) -> worklist_views.NextTaskView:
    """A task as the person gets it whose next it is."""
    return worklist_views.NextTaskView(exec_id=_or_unset(task.exec_id), **_shown(task))


def _shown(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "queue": task.queue,
        "definition": _or_unset(task.definition),
        "name": _or_unset(task.name),
        "description": _or_unset(task.description),
        "params": _or_unset(task.params),
        "context": task.context,
        "labels": task.labels,
        "record_id": _or_unset(task.record_id),
        "attachments": task.attachments or UNSET,
        "priority": priority_name(task.priority),
        "state": task.state,
        "outcome": _or_unset(task.outcome),
        "reason": _or_unset(task.reason),
        "result": _or_unset(task.result),
        "error": _or_unset(task.error),
        "created_at": stamp(task.created_at),
        "created_by": task.created_by,
        "updated_at": stamp(task.updated_at),
        "execute_at": maybe_stamp(task.execute_at),
        "expire_at": maybe_stamp(task.expire_at),
        "due_date": maybe_stamp(task.due_date),
        "follow_up_date": maybe_stamp(task.follow_up_date),
        "requested_at": maybe_stamp(task.requested_at),
        "started_at": maybe_stamp(task.started_at),
        "ended_at": maybe_stamp(task.ended_at),
        "lease_until": maybe_stamp(task.lease_until),
        "holder": _or_unset(task.holder),
        "worker": _or_unset(task.worker),
        "attempt": task.attempt,
        "attempts_left": max(0, task.limits.retry.max_attempts - task.spent),
        "progress": _or_unset(task.progress),
        "cancel_requested": task.cancel_request is not None,
        "assignment": _assignment(task),
        "dead": task.dead or UNSET,
        "redrive": _or_unset(task.redrive),
        "encrypted": task.encrypted or UNSET,
        "erased": task.erased or UNSET,
        "schedule": UNSET if task.schedule is None else schedule_view(task.schedule),
        "limits": limits_view(task.limits),
        "seq": task.seq,
    }


def brief_view(task: Task) -> views.BriefView:
    """The task in a few words."""
    return views.BriefView(
        id=task.id,
        state=task.state,
        outcome=_or_unset(task.outcome),
        priority=priority_name(task.priority),
        created_at=stamp(task.created_at),
        updated_at=stamp(task.updated_at),
    )


def settled_view(task: Task) -> views.SettledTaskView:
    """How it stands after a report."""
    return views.SettledTaskView(
        id=task.id, state=task.state, outcome=_or_unset(task.outcome), ended_at=maybe_stamp(task.ended_at)
    )


def event_view(event: Event) -> views.EventView:
    """An event as streams and histories show it."""
    return views.EventView(
        n=event.n,
        id=f"{event.task}.{event.seq}",
        task=event.task,
        queue=event.queue,
        definition=_or_unset(event.definition),
        type=event.type,
        seq=event.seq,
        at=stamp(event.at),
        by=event.by,
        reason=_or_unset(event.reason),
        data=_or_unset(event.data),
        state=event.state,
        outcome=_or_unset(event.outcome),
        name=_or_unset(event.name),
        record_id=_or_unset(event.record_id),
        priority=priority_name(event.priority),
    )


def queue_quotas_view(queue: Queue) -> queue_views.QueueQuotasView:
    """A queue's limits."""
    named = {} if queue.quotas is None else msgspec.structs.asdict(queue.quotas)
    return queue_views.QueueQuotasView(**{name: value for name, value in named.items() if value is not None})


def queue_view(queue: Queue, who: Principal) -> queue_views.QueueView:
    """A queue, with what this caller may do there."""
    limits = queue.defaults.limits
    return queue_views.QueueView(
        namespace=queue.namespace,
        name=queue.name,
        key=queue.key,
        display_name=_or_unset(queue.display_name),
        description=_or_unset(queue.description),
        context=queue.context,
        bindings=queue.bindings,
        defaults=queue_views.DefaultsView(
            priority=priority_name(queue.defaults.priority),
            lease_seconds=limits.lease_seconds,
            start_timeout_seconds=limits.start_timeout_seconds,
            overall_timeout_seconds=limits.overall_seconds,
            retry=limits.retry,
        ),
        deadlines=deadlines_view(queue.deadlines),
        params_schema=queue.params_schema,
        retention_days=queue.retention_days,
        quotas=queue_quotas_view(queue),
        encrypt_payloads=queue.encrypt_payloads,
        paused=queue.paused,
        deleting=queue.deleting or UNSET,
        version=queue.version,
        created_at=stamp(queue.created_at),
        created_by=queue.created_by,
        updated_at=stamp(queue.updated_at),
        updated_by=queue.updated_by,
        rights=tuple(sorted(policy.rights(who, queue.bindings))),
    )


def deadlines_view(rules: Deadlines) -> queue_views.DeadlinesView:
    """What a queue says of the time of its tasks."""
    return queue_views.DeadlinesView(
        due_in_seconds=rules.due_in_seconds,
        remind_before_seconds=rules.remind_before_seconds,
        escalations=tuple(
            queue_views.EscalationView(
                after_seconds=rule.after_seconds,
                raise_to=UNSET if rule.raise_to is None else priority_name(rule.raise_to),
                assign_to=_or_unset(rule.assign_to),
                give_back=rule.give_back or UNSET,
                notify=rule.notify,
            )
            for rule in rules.escalations
        ),
    )


def redrive_view(redrive: Redrive, matched: int | None = None) -> queue_views.RedriveView:
    """A redrive."""
    return queue_views.RedriveView(
        id=redrive.id,
        queue=redrive.queue,
        state=redrive.state,
        matched=_or_unset(matched),
        moved=redrive.moved,
        undone=redrive.undone,
        rate_per_second=redrive.rate_per_second,
        created_at=stamp(redrive.created_at),
        by=redrive.by,
        undone_by=_or_unset(redrive.undone_by),
        ended_at=maybe_stamp(redrive.ended_at),
    )


def quotas_view(quotas: Quotas) -> platform_views.QuotasView:
    """A tenant's limits."""
    limits = {name: _or_unset(value) for name, value in msgspec.structs.asdict(quotas).items()}
    return platform_views.QuotasView(**limits)


def tenant_view(tenant: Tenant) -> platform_views.TenantView:
    """A tenant."""
    return platform_views.TenantView(
        id=tenant.id,
        issuer=tenant.issuer,
        display_name=_or_unset(tenant.display_name),
        state=tenant.state,
        erase_at=maybe_stamp(tenant.erase_at),
        quotas=quotas_view(tenant.quotas),
        policy_url=_or_unset(tenant.policy_url),
        http_targets=platform_views.HttpTargetsView(allow=tenant.http_allow),
        created_at=stamp(tenant.created_at),
        version=tenant.version,
    )


def me_view(who: Principal) -> platform_views.MeView:
    """A caller."""
    return platform_views.MeView(
        tenant=who.tenant,
        subject=who.subject,
        name=who.name,
        email=_or_unset(who.email),
        roles=tuple(sorted(who.roles)),
        kind=who.kind,
        operator=who.is_operator,
    )


def limits_view(limits: Limits) -> views.LimitsView:
    """Time limits and retry."""
    return views.LimitsView(
        lease_seconds=limits.lease_seconds,
        start_timeout_seconds=limits.start_timeout_seconds,
        overall_timeout_seconds=limits.overall_seconds,
        retry=limits.retry,
    )


def priority_name(priority: int) -> views.PriorityName:
    """The label of a priority."""
    return _LABELS[priority]


def schedule_view(fired: ScheduleRef) -> views.ScheduleRefView:
    return views.ScheduleRefView(id=fired.id, at=stamp(fired.at))


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value


def _assignment(task: Task) -> views.AssignmentView | UnsetType:
    assignment = task.assignment
    if assignment is None:
        return UNSET
    return views.AssignmentView(
        to=_or_unset(assignment.to),
        by=assignment.by,
        at=stamp(assignment.at),
    )
