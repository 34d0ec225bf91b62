"""Aidbox's rules, which upstream reads from a file, by a call: each is a schedule or a trigger of the same name."""

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from api import described, replies, routing, schedule_guards, trigger_guards
from api.context import Timetables, Triggering
from api.schemas import aidbox_rules as rules
from api.shown import stamp
from core import errors
from core.schedule import Cron, FiringStatus, FlowOrder, Order, OverlapPolicy, Run, Schedule, TaskOrder
from core.trigger import Trigger

router = routing.router("Aidbox rules")

_SCHEDULED = "/aidbox/scheduler-rules/{schedule_id}"
_TRIGGERED = "/aidbox/subscription-rules/{trigger_id}"
_CHANGES = described.refusals(errors.Changed, errors.Conflict, errors.PayloadMismatch)


@router.put(
    _SCHEDULED,
    responses=described.answers(rules.SchedulerRuleView, "The rule.")
    | described.answers(rules.SchedulerRuleView, "The rule is new.", status=201)
    | _CHANGES,
)
async def put_scheduler_rule(
    at: schedule_guards.Founding,
    schedule_id: schedule_guards.ScheduleId,
    body: rules.SchedulerRuleBody,
    timetable: Timetables,
) -> Response:
    """Make a schedule by a rule of Aidbox's scheduler.

    Everything else about it is done by `/schedules`: list, pause, resume, run now, look ahead and back, remove.
    """
    found, created = await timetable.put(at.tenant, schedule_id, body.plan(), by=at.by, match=None)
    return replies.reply(_scheduler_rule(found), status=201 if created else 200)


@router.get(_SCHEDULED, responses=described.answers(rules.SchedulerRuleView, "The rule.") | _CHANGES)
async def get_scheduler_rule(at: schedule_guards.Reading) -> Response:
    """Read a schedule as a rule of Aidbox's scheduler, with its status; one that is none is refused."""
    if not isinstance(at.schedule.timing.trigger, Cron):
        raise errors.Conflict(f"Schedule {at.schedule.id} has no cron expression.")
    return replies.reply(_scheduler_rule(at.schedule))


@router.put(
    _TRIGGERED,
    responses=described.answers(rules.SubscriptionRuleView, "The rule.")
    | described.answers(rules.SubscriptionRuleView, "The rule is new.", status=201)
    | _CHANGES,
)
async def put_subscription_rule(
    at: trigger_guards.Founding,
    trigger_id: trigger_guards.TriggerId,
    body: rules.SubscriptionRuleBody,
    triggers: Triggering,
) -> Response:
    """Make a trigger by a rule of Aidbox's subscription trigger.

    Everything else about it is done by `/triggers`: list, pause, resume, run now, look back, remove.
    """
    found, created = await triggers.put(at.tenant, trigger_id, body.plan(), by=at.by, match=None)
    return replies.reply(_subscription_rule(found), status=201 if created else 200)


@router.get(_TRIGGERED, responses=described.answers(rules.SubscriptionRuleView, "The rule."))
async def get_subscription_rule(at: trigger_guards.Reading) -> Response:
    """Read a trigger as a rule of Aidbox's subscription trigger."""
    return replies.reply(_subscription_rule(at.trigger))


def _scheduler_rule(found: Schedule) -> rules.SchedulerRuleView:
    trigger = found.timing.trigger
    assert isinstance(trigger, Cron)
    task, flow = _requests(found.order)
    return rules.SchedulerRuleView(
        schedule=trigger.expression,
        execute_on_setup=found.run_on_create,
        concurrency_policy="allow" if found.overlap.policy is OverlapPolicy.ALLOW else "forbid",
        start_deadline_seconds=found.misfire.grace_seconds,
        task_request=task,
        workflow_request=flow,
        paused=found.paused,
        status=_status(found),
    )


def _status(found: Schedule) -> rules.RuleStatusView:
    status = rules.RuleStatusView(id=found.id)
    if found.next_at is not None:
        status = _with(status, execute_at=stamp(found.next_at))
    if found.last is not None:
        started = found.last.status is FiringStatus.SUBMITTED
        word = "started" if started else "skipped"
        status = _with(status, last_schedule=stamp(found.last.at), last_schedule_status=word)
        if found.last.run is not None:
            status = _with(status, last_schedule_reference=_reference(found.last.run))
    return status


def _with(status: rules.RuleStatusView, **fields: object) -> rules.RuleStatusView:
    return msgspec.structs.replace(status, **fields)


def _reference(run: Run) -> rules.ReferenceView:
    return rules.ReferenceView(id=run.id, resource_type="AidboxTask" if run.kind == "task" else "AidboxWorkflow")


def _subscription_rule(found: Trigger) -> rules.SubscriptionRuleView:
    task, flow = _requests(found.order)
    return rules.SubscriptionRuleView(
        select_by=tuple(
            rules.SelectView(get_in=each.get_in, comparator=each.comparator, value=each.value)
            for each in found.select_by
        ),
        task_request=task,
        workflow_request=flow,
        paused=found.paused,
    )


def _requests(order: Order) -> tuple[rules.RequestView | UnsetType, rules.RequestView | UnsetType]:
    """The task-request and the workflow-request, one of them absent."""
    if isinstance(order, FlowOrder):
        return UNSET, _request(order.template, order.params, order.label)
    assert isinstance(order, TaskOrder)
    return _request(order.definition or order.queue or "", order.params, order.name), UNSET


def _request(definition: str, params: object, label: str | None) -> rules.RequestView:
    return rules.RequestView(
        definition=definition, params=UNSET if params is None else params, label=UNSET if label is None else label
    )
