"""`penstock schedules`: list, show, put, delete, pause, resume, run, upcoming, firings, preview; all of a tenant's."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from penstock import errors
from penstock.cli import arguments, output
from penstock.cli.shared import Session, command
from penstock.models import schedule as models

ScheduleId = Annotated[
    str, typer.Argument(help="The schedule's id.", metavar="SCHEDULE", autocompletion=arguments.complete_schedule)
]
CronText = Annotated[
    str | None, typer.Option(help="Minute, hour, day of month, month, day of week: '0 3 * * MON-FRI'.")
]
Zone = Annotated[str | None, typer.Option(help="The cron expression's time zone; UTC without it.")]
Every = Annotated[str | None, typer.Option(help="An interval: 30s, 5m, 1d.")]
At = Annotated[str | None, typer.Option(help="Once, at this time, or in: 2h.")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Schedules: tasks and flows at their times.", no_args_is_help=True)
    command(group, "list")(list_schedules)
    for function in (show, put, delete, pause, resume, run, upcoming, firings, preview):
        command(group)(function)
    command(group, "pause-all")(pause_all)
    command(group, "resume-all")(resume_all)
    app.add_typer(group, name="schedules")


def list_schedules(
    session: Session,
    *,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    paused: Annotated[bool | None, typer.Option("--paused/--active", help="Only paused ones, or only others.")] = None,
) -> None:
    """List the schedules of the queues that you may read."""
    with session.client() as client:
        session.listing(
            client.schedules.list(queue=queue, definition=definition, paused=paused),
            ("schedule", "when", "what", "status", "next", "last"),
            lambda one: (
                one.id, one.words, _what(one), one.status, one.next_at, one.last.status if one.last else None
            ),
        )  # fmt: skip


def show(session: Session, schedule: ScheduleId) -> None:
    """Show a schedule."""
    with session.client() as client:
        found = client.schedules.get(schedule)
    session.show(found, lambda: _shown(found))


def put(
    session: Session,
    schedule: ScheduleId,
    *,
    file: arguments.File = None,
    cron: CronText = None,
    time_zone: Zone = None,
    every: Every = None,
    at: At = None,
    queue: Annotated[
        str | None,
        typer.Option(help="The queue that each firing submits to.", autocompletion=arguments.complete_queue),
    ] = None,
    definition: Annotated[str | None, typer.Option(help="The definition of each firing's task.")] = None,
    flow: Annotated[str | None, typer.Option(help="The template of each firing's flow.")] = None,
    params: arguments.Params = None,
    param: arguments.Param = None,
    name: Annotated[str | None, typer.Option(help="The tasks' name for people.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal, high, urgent.")] = None,
    display_name: Annotated[str | None, typer.Option(help="The schedule's name for people.")] = None,
    start_at: Annotated[str | None, typer.Option(help="Not before this time, or in: 2h.")] = None,
    end_at: Annotated[str | None, typer.Option(help="Not after this time, or in: 2h.")] = None,
    jitter: Annotated[str | None, typer.Option(help="Spread firings over so long.")] = None,
    misfire: Annotated[str | None, typer.Option(help="What is late: skip, one, all, latest.")] = None,
    grace: Annotated[str | None, typer.Option(help="Late is what is later than this.")] = None,
    overlap: Annotated[str | None, typer.Option(help="While the last still runs: allow, skip, replace.")] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Do not fire before it is resumed.")] = False,
    version: arguments.Version = None,
) -> None:
    """Make a schedule, or give it exactly these settings."""
    body = arguments.json_object(file, "--file") or {}
    if trigger := _trigger(cron, time_zone, every, at):
        body["trigger"] = trigger
    what: dict[str, Any] = {"params": arguments.params_of(params, param), "priority": priority}
    if flow is not None:
        if queue or definition or name:
            raise errors.UsageError("--flow goes without --queue, --definition and --name.")
        body["flow"] = body.get("flow", {}) | {"template": flow} | _given(what)
    elif given := _given(what | {"queue": queue, "definition": definition, "name": name}):
        body["task"] = body.get("task", {}) | given
    body |= _given(
        {
            "displayName": display_name,
            "startAt": arguments.future(start_at),
            "endAt": arguments.future(end_at),
            "jitterSeconds": arguments.seconds(jitter),
            "misfire": _given({"policy": misfire, "graceSeconds": arguments.seconds(grace)}) or None,
            "overlap": None if overlap is None else {"policy": overlap},
            "paused": True if paused else None,
        }
    )
    with session.client() as client:
        found = client.schedules.put_body(schedule, body, version=version)
    when = "" if found.next_at is None else f", next {found.next_at.astimezone():%Y-%m-%d %H:%M:%S}"
    session.say(f"{found.id}: {found.words} ({found.status}{when}).", found)


def delete(session: Session, schedule: ScheduleId) -> None:
    """Remove a schedule; what it submitted stays."""
    with session.client() as client:
        client.schedules.delete(schedule)
    session.say(f"Deleted {schedule}.", {"id": schedule})


def pause(session: Session, schedule: ScheduleId) -> None:
    """Fire no more until it is resumed."""
    with session.client() as client:
        found = client.schedules.pause(schedule)
    session.say(f"{found.id} is paused.", found)


def resume(session: Session, schedule: ScheduleId) -> None:
    """Fire again from now on."""
    with session.client() as client:
        found = client.schedules.resume(schedule)
    session.say(f"{found.id} fires again.", found)


def run(session: Session, schedule: ScheduleId) -> None:
    """Fire now, beside its trigger."""
    with session.client() as client:
        found = client.schedules.run(schedule)
    session.say(f"{found.run.kind} {found.run.id}" if found.run else found.status, found)


def upcoming(
    session: Session,
    schedule: ScheduleId,
    *,
    count: Annotated[int, typer.Option("--count", "-n", help="How many.", min=1, max=100)] = 10,
) -> None:
    """List the next firings."""
    with session.client() as client:
        session.listing(client.schedules.upcoming(schedule, count=count), ("at", "runs at"), _times)


def firings(
    session: Session,
    schedule: ScheduleId,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 50,
) -> None:
    """List what became of its firings, the newest first."""
    with session.client() as client:
        session.listing(
            client.schedules.firings(schedule, limit=limit or None),
            ("at", "kind", "status", "submitted", "why"),
            lambda one: (
                one.at, one.kind, one.status, f"{one.run.kind} {one.run.id}" if one.run else None,
                one.reason.message if one.reason else None,
            ),
        )  # fmt: skip


def preview(
    session: Session,
    *,
    cron: CronText = None,
    time_zone: Zone = None,
    every: Every = None,
    at: At = None,
    count: Annotated[int, typer.Option("--count", "-n", help="How many.", min=1, max=100)] = 10,
) -> None:
    """Say what a trigger means and when it would fire; nothing is kept."""
    trigger = _trigger(cron, time_zone, every, at)
    if trigger is None:
        raise errors.UsageError("Say when: --cron '0 3 * * *', --every 5m or --at 2026-03-01T09:30.")
    kinds = {"cron": models.Cron, "interval": models.Interval, "date": models.Date}
    with session.client() as client:
        found = client.schedules.preview(kinds[trigger["kind"]].model_validate(trigger), count=count)
    session.show(found, lambda: output.table((found.words,), [(each.at,) for each in found.items]))


def pause_all(session: Session) -> None:
    """Pause all schedules of the tenant."""
    with session.client() as client:
        found = client.schedules.pause_all()
    session.say("All schedules are paused.", found)


def resume_all(session: Session) -> None:
    """Resume all schedules of the tenant."""
    with session.client() as client:
        found = client.schedules.resume_all()
    session.say("All schedules fire again.", found)


def _trigger(cron: str | None, zone: str | None, every: str | None, at: str | None) -> dict[str, Any] | None:
    if sum(each is not None for each in (cron, every, at)) > 1 or (zone and not cron):
        raise errors.UsageError("Give one of --cron (with --time-zone), --every and --at.")
    if cron is not None:
        return {"kind": "cron", "expression": cron} | ({"timeZone": zone} if zone else {})
    if every is not None:
        return {"kind": "interval", "seconds": arguments.seconds(every)}
    if at is not None:
        return {"kind": "date", "at": arguments.future(at)}
    return None


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _times(one: models.Upcoming) -> Sequence[object]:
    return one.at, one.runs_at


def _what(one: models.Schedule) -> str | None:
    if one.flow is not None:
        return f"flow {one.flow.template}"
    return None if one.task is None else one.task.definition or one.task.queue


def _shown(one: models.Schedule) -> object:
    return output.members(
        [
            ("schedule", one.id),
            ("name", one.display_name),
            ("description", one.description),
            ("when", one.words),
            ("trigger", output.as_json(one.trigger)),
            ("from", one.start_at),
            ("until", one.end_at),
            ("task", one.task),
            ("flow", one.flow),
            ("status", one.status),
            ("next", one.next_at),
            ("last", one.last.at if one.last else None),
            ("it was", one.last.status if one.last else None),
            ("jitter, seconds", one.jitter_seconds or None),
            ("misfire", one.misfire),
            ("overlap", one.overlap),
            ("version", one.version),
        ]
    )
