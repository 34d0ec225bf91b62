"""`penstock queues`: list, show, put, delete, pause, resume, purge, metrics."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from penstock import errors
from penstock.cli import arguments, output
from penstock.cli.arguments import Queue
from penstock.cli.shared import Session, command
from penstock.models import queue as models

Roles = Annotated[list[str] | None, typer.Option(help="A role; may be repeated.", metavar="ROLE")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Queues: who may do what in them, and how they do.", no_args_is_help=True)
    command(group, "list")(list_queues)
    for function in (show, put, delete, pause, resume, purge, metrics):
        command(group)(function)
    app.add_typer(group, name="queues")


def list_queues(
    session: Session, *, namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None
) -> None:
    """List the queues in which you have any right."""
    with session.client() as client:
        found = list(client.queues.list(namespace=namespace))
    if session.as_json:
        for queue in found:
            output.print_json(queue)
        return
    rows = [(q.key, q.display_name, "paused" if q.paused else "", _may(q), q.version) for q in found]
    output.show(output.table(("queue", "name", "", "you may", "version"), rows))


def show(session: Session, queue: Queue) -> None:
    """Show what is said of a queue."""
    with session.client() as client:
        found = client.queues.get(queue)
    session.show(found, lambda: _shown(found))


def put(
    session: Session,
    queue: Queue,
    *,
    file: Annotated[str | None, typer.Option(help="JSON of the whole queue, as text or @file.")] = None,
    submitter: Roles = None,
    worker: Roles = None,
    assigner: Roles = None,
    reader: Roles = None,
    display_name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    priority: Annotated[str | None, typer.Option(help="Of tasks that do not say: low, normal, high, urgent.")] = None,
    lease: Annotated[str | None, typer.Option(help="Lease of a hand-out: 30s, 5m.")] = None,
    attempts: Annotated[int | None, typer.Option(help="Attempts before a task becomes a dead letter.")] = None,
    schema: Annotated[str | None, typer.Option(help="JSON Schema of params, as text or @file.")] = None,
    version: Annotated[int | None, typer.Option(help="Only if this is still its version.")] = None,
) -> None:
    """Create a queue, or replace what is said of it."""
    body = arguments.json_object(file, "--file") or {}
    roles = {"submitters": submitter, "workers": worker, "assigners": assigner, "readers": reader}
    if given := {name: value for name, value in roles.items() if value}:
        body["bindings"] = body.get("bindings", {}) | given
    defaults: dict[str, Any] = {
        "priority": priority,
        "leaseSeconds": arguments.seconds(lease),
        "retry": None if attempts is None else {"maxAttempts": attempts},
    }
    if given := {name: value for name, value in defaults.items() if value is not None}:
        body["defaults"] = body.get("defaults", {}) | given
    rest = {
        "displayName": display_name,
        "description": description,
        "paramsSchema": arguments.json_object(schema, "--schema"),
    }
    body |= {name: value for name, value in rest.items() if value is not None}
    with session.client() as client:
        found = client.queues.put_body(queue, body, version=version)
    session.say(f"{found.key} is at version {found.version}.", found)


def delete(
    session: Session,
    queue: Queue,
    *,
    force: Annotated[bool, typer.Option(help="Cancel what is open in it.")] = False,
) -> None:
    """Delete a queue."""
    with session.client() as client:
        canceled = client.queues.delete(queue, force=force)
    session.say(f"Deleted {queue}; {canceled} open tasks were canceled.", {"canceled": canceled})


def pause(session: Session, queue: Queue) -> None:
    """Hand nothing out from now on."""
    with session.client() as client:
        found = client.queues.pause(queue)
    session.say(f"{found.key} is paused.", found)


def resume(session: Session, queue: Queue) -> None:
    """Hand tasks out again."""
    with session.client() as client:
        found = client.queues.resume(queue)
    session.say(f"{found.key} hands tasks out again.", found)


def purge(
    session: Session,
    queue: Queue,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Cancel everything that is open in a queue."""
    if not yes and not typer.confirm(f"Cancel every open task of {queue}?", err=True):
        raise errors.UsageError("Nothing was done.")
    with session.client() as client:
        canceled = client.queues.purge(queue)
    session.say(f"Canceled {canceled} tasks of {queue}.", {"canceled": canceled})


def metrics(session: Session, queue: Queue) -> None:
    """Show a queue in numbers."""
    with session.client() as client:
        found = client.queues.metrics(queue)
    session.show(
        found,
        lambda: output.members(
            [
                ("open", found.open),
                *found.by_state.items(),
                ("dead letters", found.dead_letters),
                ("oldest ready", output.ago(found.oldest_ready_at)),
                ("by priority", output.counts(found.by_priority)),
                ("by assignee", ", ".join(f"{each.name or 'nobody'} {each.count}" for each in found.by_assignee)),
                ("last minute", output.counts(found.rates.get("lastMinute") or {})),
                ("last hour", output.counts(found.rates.get("lastHour") or {})),
                ("they waited", _times(found.wait_seconds)),
                ("they took", _times(found.work_seconds)),
            ]
        ),
    )


def _may(queue: models.Queue) -> str:
    """The rights by which one knows what a queue is to oneself; `show` has them all."""
    return ", ".join(right for right in ("manage", "submit", "work", "assign", "read") if right in queue.rights)


def _times(seconds: Mapping[str, float] | None) -> str | None:
    if not seconds:
        return None
    average, longest = output.span(seconds.get("average")), output.span(seconds.get("max"))
    return f"{average} on average, {longest} at most"


def _defaults(defaults: models.Defaults) -> Iterator[tuple[str, object]]:
    yield "priority", defaults.priority
    yield "lease", output.span(defaults.lease_seconds) or "no limit"
    yield "start in", output.span(defaults.start_timeout_seconds)
    yield "end in", output.span(defaults.overall_timeout_seconds)
    if defaults.retry is not None:
        yield "attempts", defaults.retry.max_attempts
        if (backoff := defaults.retry.backoff) is not None:
            most = f" up to {output.span(backoff.max_seconds)}" if backoff.kind == "exponential" else ""
            yield "backoff", f"{backoff.kind}, {output.span(backoff.initial_seconds)}{most}"


def _shown(queue: models.Queue) -> object:
    return output.members(
        [
            ("queue", queue.key),
            ("name", queue.display_name),
            ("description", queue.description),
            ("paused", queue.paused or None),
            ("submitters", queue.bindings.submitters),
            ("workers", queue.bindings.workers),
            ("assigners", queue.bindings.assigners),
            ("readers", queue.bindings.readers),
            *_defaults(queue.defaults),
            ("params schema", queue.params_schema),
            ("version", queue.version),
            ("your rights", queue.rights),
        ]
    )
