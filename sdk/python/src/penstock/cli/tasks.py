"""`penstock tasks`: list, show, history, and what may be done to tasks from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, cast

import typer

from penstock import errors
from penstock.calls.looking import Filters
from penstock.cli import arguments, comments, exits, holding, output, people, submit, watch
from penstock.cli.arguments import Queue, TaskId, TaskIds
from penstock.cli.shared import Session, command
from penstock.client import Client
from penstock.models import task as models

Many = list[str] | None
When = Annotated[str, typer.Argument(help="A time, in how long (2h, 3d), or `never`.", metavar="WHEN")]

_MOST_WORDS = 60


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Tasks: submit, look, watch, change.", no_args_is_help=True)
    submit.add(group)
    command(group, "list")(list_tasks)
    for function in (show, history):
        command(group)(function)
    watch.add(group)
    command(group, "next")(take_next)
    for function in (retry, cancel, delete, assign, priority, due):
        command(group)(function)
    command(group, "follow-up")(follow_up)
    command(group)(redrive)
    comments.add(group)
    holding.add(group)
    app.add_typer(group, name="tasks")


def list_tasks(
    session: Session,
    queue: Annotated[
        str | None,
        typer.Argument(
            help="The queue; all that you may read without it.",
            metavar="[QUEUE]",
            autocompletion=arguments.complete_queue,
        ),
    ] = None,
    *,
    state: Annotated[Many, typer.Option(help="waiting, ready, requested, in-progress, done.")] = None,
    outcome: Annotated[Many, typer.Option(help="succeeded, failed, canceled, expired.")] = None,
    priority: Annotated[Many, typer.Option(help="low, normal, high, urgent.")] = None,
    label: Annotated[Many, typer.Option(help="A label.")] = None,
    assignee: Annotated[str | None, typer.Option(help="A person's id, `me` or `none`.")] = None,
    definition: Annotated[str | None, typer.Option(help="A definition.")] = None,
    record_id: Annotated[str | None, typer.Option(help="A record id.")] = None,
    text: Annotated[str | None, typer.Option(help="Words to look for.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Dead letters.")] = False,
    created_since: Annotated[str | None, typer.Option(help="A time, or how long ago: 2h.")] = None,
    ended_since: Annotated[str | None, typer.Option(help="A time, or how long ago: 2h.")] = None,
    created_by: Annotated[str | None, typer.Option(help="Submitted by this person's id, or `me`.")] = None,
    due_before: Annotated[str | None, typer.Option(help="Due before this time, or in: 2h.")] = None,
    saved: Annotated[str | None, typer.Option("--filter", help="A saved filter; what is named beside counts.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="place, createdAt, -createdAt, -updatedAt, endedAt, -endedAt, dueDate, followUpDate."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 50,
) -> None:
    """List tasks: the open ones in the order in which they are handed out, unless asked otherwise."""
    filters = {
        "state": state or None,
        "outcome": outcome or None,
        "priority": priority or None,
        "label": label or None,
        "assignee": assignee,
        "definition": definition,
        "record_id": record_id,
        "text": text,
        "dead": True if dead else None,
        "created_from": arguments.moment(created_since),
        "ended_from": arguments.moment(ended_since),
        "created_by": created_by,
        "due_to": arguments.future(due_before),
        "filter": saved,
        "sort": sort,
    }
    given = cast("Filters", {name: value for name, value in filters.items() if value is not None})
    with session.client() as client:
        found = client.tasks.list(queue, limit=limit or None, **given)
        if session.as_json:
            for task in found:
                output.print_json(task)
            return
        columns = ("task", "queue", "name", "state", "priority", "age", "who", "labels")
        rows = [(*_row(task), *((_why(task),) if dead else ())) for task in found]
    output.show(output.table((*columns, "why") if dead else columns, rows))


def show(session: Session, task: TaskId) -> None:
    """Show a task."""
    with session.client() as client:
        found = client.tasks.get(task)
    session.show(found, lambda: _shown(found))


def history(session: Session, task: TaskId) -> None:
    """Show everything that happened to a task."""
    with session.client() as client:
        for event in client.tasks.history(task):
            if session.as_json:
                output.print_json(event)
            else:
                output.show(watch.line(event))


def retry(session: Session, tasks: TaskIds) -> None:
    """Run ended tasks again with all their attempts."""
    _each(session, tasks, lambda client, task: client.tasks.retry(task))


def cancel(
    session: Session,
    tasks: TaskIds,
    *,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Cut a running one off; it is asked to stop otherwise.")] = False,
) -> None:
    """Cancel tasks."""
    _each(session, tasks, lambda client, task: client.tasks.cancel(task, reason, mode="now" if now else "ask"))


def delete(session: Session, tasks: TaskIds) -> None:
    """Remove tasks from every view."""
    _each(session, tasks, lambda client, task: client.tasks.delete(task))


def assign(
    session: Session,
    task: TaskId,
    to: people.To,
    *,
    name: people.Name = None,
    email: people.Email = None,
) -> None:
    """Give a task to a person, or back to nobody."""
    with session.client() as client:
        found = client.tasks.assign(task, people.wanted(to, name, email))
    whom = found.assignment.to.name if found.assignment and found.assignment.to else "nobody"
    session.say(f"{found.id} is assigned to {whom}.", found)


def priority(
    session: Session,
    task: TaskId,
    to: Annotated[str, typer.Argument(help="low, normal, high, urgent.")],
) -> None:
    """Change a task's priority."""
    with session.client() as client:
        found = client.tasks.set_priority(task, cast("Any", to))
    session.say(f"{found.id} is {found.priority}.", found)


def take_next(
    session: Session,
    queues: Annotated[
        list[str] | None,
        typer.Argument(
            help="In these queues; in all where you work without them.",
            metavar="[QUEUE...]",
            autocompletion=arguments.complete_queue,
        ),
    ] = None,
    *,
    definition: Annotated[Many, typer.Option(help="Of this definition.")] = None,
    priority: Annotated[Many, typer.Option(help="low, normal, high, urgent.")] = None,
    label: Annotated[str | None, typer.Option(help="With this label.")] = None,
    text: Annotated[str | None, typer.Option(help="With these words.")] = None,
    assign_only: Annotated[bool, typer.Option("--assign-only", help="Do not begin it.")] = False,
) -> None:
    """Take the most urgent task that you may work on; status 5 when there is none.

    It is yours until you say `complete`, `fail` or `release`: there is no lease.
    """
    with session.client() as client:
        found = client.worklist.next(
            queues or None, definitions=definition or None, priorities=cast("Any", priority or None), label=label,
            text=text, start=not assign_only,
        )  # fmt: skip
    if found is None:
        output.complain("There is nothing for you to do.")
        raise typer.Exit(exits.Exit.NOT_FOUND)
    session.show(found, lambda: _shown(found))


def due(session: Session, task: TaskId, at: When) -> None:
    """Say until when a task should be done; `never` takes the date away."""
    with session.client() as client:
        found = client.tasks.set_due(task, None if at == "never" else arguments.future(at))
    session.say(f"{found.id} is due {_at(found.due_date)}.", found)


def follow_up(session: Session, task: TaskId, at: When) -> None:
    """Say when somebody should look at a task again; `never` takes the date away."""
    with session.client() as client:
        found = client.tasks.set_follow_up(task, None if at == "never" else arguments.future(at))
    session.say(f"{found.id} comes up again {_at(found.follow_up_date)}.", found)


def _at(moment: datetime | None) -> str:
    return "never" if moment is None else f"at {moment.astimezone():%Y-%m-%d %H:%M}"


def redrive(
    session: Session,
    queue: Queue,
    tasks: Annotated[list[str] | None, typer.Argument(help="Only these dead letters.", metavar="[TASK...]")] = None,
    *,
    label: Annotated[str | None, typer.Option(help="Only those with this label.")] = None,
    text: Annotated[str | None, typer.Option(help="Only those with these words.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those that failed for this reason.")] = None,
    ended_since: Annotated[str | None, typer.Option(help="A time, or how long ago: 2h.")] = None,
    rate: Annotated[float | None, typer.Option(help="Tasks a second at most.")] = None,
) -> None:
    """Run dead letters again: those named, those that fit, or all of the queue."""
    since = arguments.moment(ended_since)
    filters: dict[str, Any] = {"label": label, "text": text, "reason": reason}
    filters["endedFrom"] = None if since is None else since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    given = {name: value for name, value in filters.items() if value is not None}
    with session.client() as client:
        found = client.tasks.redrive(queue, ids=tasks or None, filter=given or None, rate_per_second=rate)
    session.say(f"Redrive {found.id} of {queue} is {found.state}.", found)


def _each(session: Session, tasks: Sequence[str], act: Callable[[Client, str], models.Task | None]) -> None:
    """Do it to every task; what is refused is said, and the rest is done."""
    refused: list[errors.PenstockError] = []
    with session.client() as client:
        for task in tasks:
            try:
                found = act(client, task)
            except errors.ApiError as error:
                refused.append(error)
                output.complain(error, json_wanted=session.as_json)
            else:
                state = "deleted" if found is None else _state(found)
                session.say(f"{task}: {state}", {"id": task} if found is None else found)
    if refused:
        raise typer.Exit(exits.of(refused[0]) if len(refused) == len(tasks) else exits.Exit.PARTLY)


def _state(task: models.Task) -> str:
    if task.outcome is not None:
        return task.outcome
    return "asked to stop" if task.cancel_requested else task.state


def _row(task: models.Task) -> Sequence[object]:
    who = task.holder or (task.assignment.to if task.assignment else None)
    return (
        task.id,
        task.queue,
        task.name,
        _state(task),
        task.priority,
        output.ago(task.created_at),
        who.name if who else None,
        task.labels,
    )


def _why(task: models.Task) -> str | None:
    """What a dead letter died of, in a few words."""
    error: Any = task.error
    told = cast("Mapping[str, Any]", error).get("message") if isinstance(error, Mapping) else error
    words = str(told or (task.reason.message if task.reason else "") or "")
    return words if len(words) <= _MOST_WORDS else f"{words[: _MOST_WORDS - 1]}…"


def _shown(task: models.Task) -> object:
    return output.members(
        [
            ("task", task.id),
            ("queue", task.queue),
            ("definition", task.definition),
            ("name", task.name),
            ("description", task.description),
            ("state", _state(task)),
            ("reason", task.reason.message if task.reason else None),
            ("priority", task.priority),
            ("labels", task.labels),
            ("record id", task.record_id),
            ("params", task.params),
            ("context", task.context),
            ("result", task.result),
            ("error", task.error),
            ("progress", task.progress),
            ("created", task.created_at),
            ("by", task.created_by.name if task.created_by else None),
            ("execute at", task.execute_at),
            ("expire at", task.expire_at),
            ("due", task.due_date),
            ("follow up", task.follow_up_date),
            ("attachments", ", ".join(each.url for each in task.attachments) or None),
            ("started", task.started_at),
            ("ended", task.ended_at),
            ("holder", task.holder.name if task.holder else None),
            ("worker", task.worker),
            ("lease until", task.lease_until),
            ("assigned to", task.assignment.to.name if task.assignment and task.assignment.to else None),
            ("attempt", task.attempt or None),
            ("attempts left", task.attempts_left),
        ]
    )
