"""`penstock tasks claim`, `complete` and the like: a worker in a shell script."""

import os
from typing import Annotated

import typer

from penstock import errors
from penstock.cli import arguments, exits, output
from penstock.cli.arguments import Queue, TaskId
from penstock.cli.shared import Session, command
from penstock.client import Client
from penstock.models.task import Progress, Task

ExecId = Annotated[
    str | None,
    typer.Option("--exec-id", help="The execId that the claim answered; of a task that you hold it is looked up."),
]


def add(group: typer.Typer) -> None:
    """Register the commands."""
    for function in (claim, start, heartbeat, complete, fail, release):
        command(group)(function)


def claim(
    session: Session,
    queue: Queue,
    *,
    count: Annotated[int, typer.Option("--max", help="At most so many.", min=1, max=1000)] = 1,
    wait: Annotated[str, typer.Option(help="Wait so long for the first one, at most 60s.")] = "0",
    definition: Annotated[list[str] | None, typer.Option(help="Only of this definition.")] = None,
    worker: Annotated[str | None, typer.Option(help="What the task shows as its worker.")] = None,
) -> None:
    """Claim tasks and print each as one line of JSON, with its execId; status 5 when there was none."""
    name = worker or f"penstock-cli:{os.getpid()}"
    seconds = arguments.seconds(wait) or 0.0
    with session.client() as client:
        found = client.tasks.claim(queue, count=count, wait=seconds, worker=name, definitions=definition or None)
    for task in found:
        output.print_json(task)
    if not found:
        raise typer.Exit(exits.Exit.NOT_FOUND)


def start(session: Session, task: TaskId) -> None:
    """Begin a ready task that you picked by its id; prints it with its execId."""
    with session.client() as client:
        output.print_json(client.tasks.start(task))


def heartbeat(
    session: Session,
    task: TaskId,
    *,
    exec_id: ExecId = None,
    current: Annotated[float | None, typer.Option(help="How far it is,")] = None,
    total: Annotated[float | None, typer.Option(help="of how much,")] = None,
    unit: Annotated[str | None, typer.Option(help="of what,")] = None,
    message: Annotated[str | None, typer.Option(help="in words.")] = None,
) -> None:
    """Keep a lease; says whether the task is to stop."""
    progress = Progress(current=current, total=total, unit=unit, message=message)
    said = progress if progress.model_dump(exclude_none=True) else None
    with session.client() as client:
        beat = client.tasks.heartbeat(_held(client, task, exec_id), exec_id, progress=said)
    until = f"until {beat.lease_until.astimezone():%H:%M:%S}" if beat.lease_until else "without end"
    session.say(f"Leased {until}." + (" It is to stop." if beat.cancel_requested else ""), beat)


def complete(
    session: Session,
    task: TaskId,
    *,
    exec_id: ExecId = None,
    result: Annotated[str | None, typer.Option(help="The result, as JSON or @file.")] = None,
) -> None:
    """Report success."""
    with session.client() as client:
        brief = client.tasks.complete(
            _held(client, task, exec_id), arguments.json_value(result, "--result"), exec_id=exec_id
        )
    session.say(f"{task}: {brief.outcome}", brief)


def fail(
    session: Session,
    task: TaskId,
    *,
    exec_id: ExecId = None,
    error: Annotated[str | None, typer.Option(help="What went wrong, as JSON or @file.")] = None,
    message: Annotated[str | None, typer.Option(help="What went wrong, in words.")] = None,
    final: Annotated[bool, typer.Option("--final", help="No further attempt.")] = False,
) -> None:
    """Report a failure."""
    what = arguments.json_value(error, "--error") if error is not None else {"message": message} if message else None
    with session.client() as client:
        found = client.tasks.fail(_held(client, task, exec_id), what, retryable=not final, exec_id=exec_id)
    session.say(f"{task}: {found.outcome or found.state}", found)


def release(session: Session, task: TaskId, *, exec_id: ExecId = None) -> None:
    """Give a task back unfinished."""
    with session.client() as client:
        found = client.tasks.release(_held(client, task, exec_id), exec_id=exec_id)
    session.say(f"{task}: {found.outcome or found.state}", found)


def _held(client: Client, task: str, exec_id: str | None) -> str | Task:
    """The task, read where nobody said which hand-out is meant: its holder is shown that."""
    if exec_id is not None:
        return task
    found = client.tasks.get(task)
    if found.fence is None:
        raise errors.UsageError(f"You do not hold {task}; give --exec-id if you do under another name.")
    return found
