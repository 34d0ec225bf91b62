"""`penstock bulk`: assign, priority, cancel, show, stop; one action on many tasks, shown before it is done."""

import contextlib
from typing import Annotated, Any, cast

import typer

from penstock import errors
from penstock.cli import exits, output, people
from penstock.cli.filters import which as selecting
from penstock.cli.shared import Session, command
from penstock.client import Client
from penstock.models import worklist as models

Which = dict[str, Any]
Token = Annotated[str, typer.Argument(help="What the action was shown with.", metavar="TOKEN")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Exactly this task; may be repeated.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Preview = Annotated[bool, typer.Option("--preview", help="Only show what it would do.")]

_PATIENCE_SECONDS = 600.0


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Many tasks at once: shown first, then done to exactly these.", no_args_is_help=True)
    command(group)(selecting(assign))
    command(group)(selecting(priority))
    command(group)(selecting(cancel))
    command(group)(show)
    command(group)(stop)
    app.add_typer(group, name="bulk")


def assign(
    session: Session,
    to: people.To,
    *,
    which: Which,
    name: people.Name = None,
    email: people.Email = None,
    ids: Ids = None,
    yes: Yes = False,
    preview: Preview = False,
) -> None:
    """Give open tasks to a person, or back to nobody."""
    wanted = people.wanted(to, name, email)
    with session.client() as client:
        shown = client.bulk.assign(wanted, **_meant(which, ids))
        _done(session, client, shown, f"assign to {name or to}", yes=yes, preview=preview)


def priority(
    session: Session,
    to: Annotated[str, typer.Argument(help="low, normal, high, urgent.")],
    *,
    which: Which,
    ids: Ids = None,
    yes: Yes = False,
    preview: Preview = False,
) -> None:
    """Change the priority of open tasks."""
    with session.client() as client:
        shown = client.bulk.set_priority(cast("Any", to), **_meant(which, ids))
        _done(session, client, shown, f"make {to}", yes=yes, preview=preview)


def cancel(
    session: Session,
    *,
    which: Which,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Cut running ones off; they are asked to stop otherwise.")] = False,
    ids: Ids = None,
    yes: Yes = False,
    preview: Preview = False,
) -> None:
    """Cancel open tasks."""
    with session.client() as client:
        shown = client.bulk.cancel(reason, mode="now" if now else "ask", **_meant(which, ids))
        _done(session, client, shown, "cancel", yes=yes, preview=preview)


def show(session: Session, token: Token) -> None:
    """Show how far an action is."""
    with session.client() as client:
        found = client.bulk.get(token)
    session.show(found, lambda: output.members(found.model_dump(by_alias=True, exclude_none=True).items()))


def stop(session: Session, token: Token) -> None:
    """Do no more of an action; what was done stays."""
    with session.client() as client:
        found = client.bulk.stop(token)
    session.say(f"{found.state}: {found.done} of {found.total} were done.", found)


def _meant(which: Which, ids: list[str] | None) -> Which:
    if ids and which:
        raise errors.UsageError("Name tasks by --id or select them by filters, not both.")
    if not ids and not which:
        raise errors.UsageError("Say which tasks: by --queue, --text and the like, or by --id.")
    return {"ids": ids} if ids else {"filter": which}


def _done(session: Session, client: Client, shown: models.BulkPreview, what: str, *, yes: bool, preview: bool) -> None:
    """Show it, ask, do it, and wait until it is done; status 9 where some were left alone."""
    if preview:
        session.show(shown, lambda: _table(shown))
        return
    if not yes:
        output.show(_table(shown))
        if not typer.confirm(f"{what[0].upper()}{what[1:]}: {shown.count} tasks?", err=True):
            raise errors.UsageError("Nothing was done.")
    found = client.bulk.run(shown)
    with contextlib.suppress(TimeoutError):
        found = client.bulk.wait(shown, timeout=_PATIENCE_SECONDS)
    session.say(f"{found.done} of {found.total} tasks done, {found.skipped} left alone.", found)
    if found.skipped or not found.ended:
        raise typer.Exit(exits.Exit.PARTLY)


def _table(shown: models.BulkPreview) -> Any:
    rows = [(task.id, task.queue, task.name, task.state, task.priority) for task in shown.sample]
    rest = shown.count - len(rows)
    more = [(f"and {rest} more", "", "", "", "")] if rest > 0 else []
    return output.table(("task", "queue", "name", "state", "priority"), [*rows, *more])
