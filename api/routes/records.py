"""Records: what applications report that happened, and the tasks that this sets off (contract xfsc-and-jobs 1.10)."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import Body
from starlette.responses import Response

from api import described, guards, idempotency, replies, routing, shown
from api.context import Now, Recording, Triggering
from api.schemas import platform_views as views
from api.schemas.common import kept
from broker.triggers import Triggers
from core import errors, ids, trigger
from core.errors import Fault
from core.schedule import Run
from store.records import Record

router = routing.router("records")

_log = structlog.get_logger(__name__)

RecordBody = Annotated[
    dict[str, Any],
    Body(
        description="Any JSON object. `key`, with `namespace` and `scope` or as `key,namespace,scope`, names an event.",
        examples=[{"key": "credentials", "namespace": "login", "scope": "user"}],
    ),
]


@router.post(
    "/records",
    status_code=201,
    responses=described.answers(views.RecordView, "The record is kept.", status=201)
    | described.answers(views.RecordView, "It was reported before under the same key.")
    | described.refusals(errors.PayloadMismatch),
)
async def post_record(
    *,
    at: guards.Reporting,
    body: RecordBody,
    records: Recording,
    triggers: Triggering,
    now: Now,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Report that something happened: the record is kept; triggers that select it, and event tasks that fit it, run.

    What cannot run at once does as soon as it can. A repeat under the same `Idempotency-Key` submits nothing
    twice.
    """
    event = _event(kept(body))
    number = ids.new_id() if idempotency_key is None else ids.digest(at.tenant, at.who.subject, idempotency_key)
    selected = await triggers.set_off(at.tenant, number, body)
    fitting = await records.set_off(at.tenant, *event) if event is not None else ()
    events = tuple(trigger.event_mark(each.name) for each in fitting)
    record = Record(
        tenant=at.tenant, id=number, body=body, received_at=now(), received_by=at.by, triggers=selected + events
    )
    created = await records.insert(record)
    if not created:
        # A repeat is told of the tasks of the first: what ran before does not run again.
        there = await records.get(at.tenant, number) or record
        record = msgspec.structs.replace(there, triggers=tuple(dict.fromkeys(there.triggers + events)))
    started = await _fired(triggers, record)
    tasks, flows = (tuple(run.id for run in started if run.kind == kind) for kind in ("task", "flow"))
    view = views.RecordView(id=number, received_at=shown.stamp(record.received_at), tasks=tasks, flows=flows)
    return replies.reply(view, status=201 if created else 200)


async def _fired(triggers: Triggers, record: Record) -> Sequence[Run]:
    """What it started; where that cannot be now, the engine sees to it. Raises why an event task is refused."""
    if not record.triggers:
        return ()
    try:
        done = await triggers.fire(record)
    except (errors.Unavailable, errors.TooManyRequests) as error:
        _log.warning("triggers wait", record=record.id, error=error.detail)
        return ()
    if done.refused:
        raise done.refused[0]
    return done.runs


def _event(body: dict[str, Any]) -> tuple[str, str, str] | None:
    """The key, namespace and scope of a record that is an event of the cache; None for any other."""
    key = body.get("key")
    if not isinstance(key, str):
        return None
    if "namespace" not in body and "scope" not in body:
        parts = [*key.split(",", 2), "", ""]
        return parts[0], parts[1], parts[2]
    for field in ("namespace", "scope"):
        if not isinstance(body.get(field, ""), str):
            raise errors.Invalid(f"{field}: must be text.", faults=[Fault(field=field, message="must be text")])
    return key, body.get("namespace", ""), body.get("scope", "")
