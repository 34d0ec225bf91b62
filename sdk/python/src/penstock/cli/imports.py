"""`penstock imports`: upload, start, list, show, errors, cancel."""

import sys
import time
from typing import Annotated, Any, cast

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from penstock.cli import exits, output
from penstock.cli.arguments import Queue
from penstock.cli.shared import Session, command
from penstock.client import Client
from penstock.models.imports import Import

ImportId = Annotated[str, typer.Argument(help="The import's id.", metavar="IMPORT")]
Whole = Annotated[bool, typer.Option("--whole", help="A line is a whole task: params, name, ...")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show it until it has ended; status 9 if lines failed.")]
Labels = Annotated[list[str] | None, typer.Option(help="A label of each task; may be repeated.")]
Definition = Annotated[str | None, typer.Option(help="The definition of each task.")]
PriorityName = Annotated[str | None, typer.Option(help="low, normal, high, urgent.")]
RecordId = Annotated[str | None, typer.Option(help="The param that is the record id.")]
Key = Annotated[str | None, typer.Option(help="A second import with the same key is none.")]
_LOOK_EVERY = 0.3


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Imports: files that the server turns into tasks.", no_args_is_help=True)
    for function in (upload, start):
        command(group)(function)
    command(group, "list")(list_imports)
    command(group)(show)
    command(group, "errors")(list_errors)
    command(group)(cancel)
    app.add_typer(group, name="imports")


def upload(
    session: Session,
    queue: Queue,
    file: Annotated[str, typer.Argument(help="NDJSON, plain or gzip.", metavar="FILE")],
    *,
    whole: Whole = False,
    definition: Definition = None,
    priority: PriorityName = None,
    label: Labels = None,
    record_id_field: RecordId = None,
    key: Key = None,
    follow: Follow = False,
) -> None:
    """Send a file of any length; the server makes its lines tasks, whatever happens to it meanwhile."""
    with session.client() as client:
        found = client.imports.upload(
            queue, file, lines="tasks" if whole else "params", definition=definition, priority=cast("Any", priority),
            labels=label, record_id_field=record_id_field, key=key,
        )  # fmt: skip
        _begun(session, client, found, follow=follow)


def start(
    session: Session,
    queue: Queue,
    address: Annotated[
        str, typer.Argument(help="https://..., s3://bucket/object, gs://bucket/object.", metavar="ADDRESS")
    ],
    *,
    whole: Whole = False,
    definition: Definition = None,
    priority: PriorityName = None,
    label: Labels = None,
    record_id_field: RecordId = None,
    secret: Annotated[str | None, typer.Option(help="The secret with the bucket's credentials.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Of another server with S3's or Google's protocol.")] = None,
    region: Annotated[str | None, typer.Option(help="The bucket's region.")] = None,
    key: Key = None,
    follow: Follow = False,
) -> None:
    """Have the server import a file from a link or a bucket."""
    more = {name: value for name, value in (("endpoint", endpoint), ("region", region)) if value}
    with session.client() as client:
        found = client.imports.start(
            queue, address, lines="tasks" if whole else "params", definition=definition, priority=cast("Any", priority),
            labels=label, record_id_field=record_id_field, secret_ref=secret, key=key, more=more,
        )  # fmt: skip
        _begun(session, client, found, follow=follow)


def list_imports(
    session: Session,
    *,
    queue: Annotated[str | None, typer.Option(help="Only into this queue.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 50,
) -> None:
    """List imports, the newest first."""
    with session.client() as client:
        session.listing(
            client.imports.list(queue=queue, limit=limit or None),
            ("import", "queue", "state", "lines", "tasks", "refused", "age"),
            lambda one: (
                one.id, one.queue, one.outcome or one.state, one.progress.lines, one.progress.accepted,
                one.progress.refused, output.ago(one.created_at),
            ),
        )  # fmt: skip


def show(session: Session, job: ImportId, *, follow: Follow = False) -> None:
    """Show an import."""
    with session.client() as client:
        found = client.imports.get(job)
        if follow:
            _follow(session, client, found)
        else:
            session.show(found, lambda: output.members(found.model_dump(by_alias=True, exclude_none=True).items()))


def list_errors(session: Session, job: ImportId) -> None:
    """List the lines that became no task."""
    with session.client() as client:
        session.listing(
            client.imports.errors(job),
            ("line", "field", "what is wrong"),
            lambda one: (one.line, one.field, one.message),
        )


def cancel(session: Session, job: ImportId) -> None:
    """Read no further; the tasks that it made stay."""
    with session.client() as client:
        found = client.imports.cancel(job)
    session.say(f"{found.id}: {found.outcome or 'asked to stop'}", found)


def _begun(session: Session, client: Client, job: Import, *, follow: bool) -> None:
    if follow:
        _follow(session, client, job)
    else:
        session.say(f"{job.id}: {job.outcome or job.state}", job)


def _follow(session: Session, client: Client, job: Import) -> None:
    """Show how far it is until it has ended."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    began = time.monotonic()
    with Progress(*columns, console=output.aside(), disable=session.as_json or not sys.stderr.isatty()) as progress:
        bar = progress.add_task(job.queue, total=1.0, rate="")
        while not (job := client.imports.get(job)).ended:
            rate = f"{job.progress.lines:,} lines, {job.progress.lines / (time.monotonic() - began):,.0f}/s"
            progress.update(bar, completed=job.progress.share or 0.0, rate=rate)
            time.sleep(_LOOK_EVERY)
    done = job.progress
    session.say(f"{job.id}: {job.outcome}, {done.accepted:,} tasks, {done.refused:,} lines refused.", job)
    if job.outcome != "succeeded":
        raise typer.Exit(exits.Exit.NOT_SUCCEEDED)
    if done.refused:
        raise typer.Exit(exits.Exit.PARTLY)
