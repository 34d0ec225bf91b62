"""`penstock filters`: list, show, create, put, delete; and the options that say which tasks are meant."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import typer

from penstock.calls import looking
from penstock.calls.looking import Filters
from penstock.cli import arguments, output
from penstock.cli.shared import Session, command

Function = TypeVar("Function", bound=Callable[..., Any])
Many = list[str] | None
FilterId = Annotated[str, typer.Argument(help="The filter's id.", metavar="FILTER")]

_OPTIONS: dict[str, Any] = {
    "queue": Annotated[Many, typer.Option(help="In this queue.", autocompletion=arguments.complete_queue)],
    "state": Annotated[Many, typer.Option(help="waiting, ready, requested, in-progress, done.")],
    "priority": Annotated[Many, typer.Option("--priority", help="low, normal, high, urgent.")],
    "label": Annotated[str | None, typer.Option(help="With this label.")],
    "assignee": Annotated[str | None, typer.Option(help="A person's id, `me` or `none`.")],
    "created_by": Annotated[str | None, typer.Option(help="Submitted by this person's id, or `me`.")],
    "definition": Annotated[str | None, typer.Option(help="Of this definition.")],
    "record_id": Annotated[str | None, typer.Option(help="With this record id.")],
    "text": Annotated[str | None, typer.Option(help="With these words; one that ends in * is a beginning.")],
    "due_before": Annotated[str | None, typer.Option(help="Due before this time, or in: 2h.")],
}


def which(function: Function) -> Function:
    """Give a command the options that say which tasks; it gets them as `which`, named as on the wire."""
    own = [each for each in inspect.signature(function, eval_str=True).parameters.values() if each.name != "which"]
    there = {each.name for each in own}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
        if name not in there
    ]

    @functools.wraps(function)
    def run(session: Session, **values: Any) -> Any:
        given = {each.name: values.pop(each.name) for each in added}
        return function(session, which=_wire(given), **values)

    run.__signature__ = inspect.Signature([*own, *added])  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {}
    return cast("Function", run)


def _wire(given: dict[str, Any]) -> dict[str, Any]:
    queue = given.pop("queue", None)
    before = arguments.future(given.pop("due_before", None))
    filters = {name: value for name, value in given.items() if value} | ({} if before is None else {"due_to": before})
    return looking.wire(queue or None, cast("Filters", filters))


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Saved filters of worklists: yours, and those that others share.", no_args_is_help=True)
    command(group, "list")(list_filters)
    command(group)(show)
    command(group)(which(create))
    command(group)(which(put))
    command(group)(delete)
    app.add_typer(group, name="filters")


def list_filters(session: Session) -> None:
    """List your filters and the shared ones."""
    with session.client() as client:
        session.listing(
            client.filters.list(),
            ("filter", "name", "of", "", "wanted"),
            lambda one: (one.id, one.name, one.owner.name, "shared" if one.shared else "", one.wanted),
        )


def show(session: Session, filter_id: FilterId) -> None:
    """Show a filter."""
    with session.client() as client:
        found = client.filters.get(filter_id)
    session.show(found, lambda: output.members(found.model_dump(by_alias=True, exclude_none=True).items()))


def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="A name for people.")],
    *,
    which: dict[str, Any],
    shared: Annotated[bool, typer.Option("--shared", help="For everybody of the tenant.")] = False,
    sort: Annotated[str | None, typer.Option(help="place, createdAt, -createdAt, dueDate, followUpDate.")] = None,
) -> None:
    """Save a filter; `penstock tasks list --filter` lists by it, and `me` in it is whoever asks."""
    with session.client() as client:
        found = client.filters.create(name, which | _sorted(sort), shared=shared)
    session.say(f"{found.id}: {found.name}", found)


def put(
    session: Session,
    filter_id: FilterId,
    name: Annotated[str, typer.Argument(help="A name for people.")],
    *,
    which: dict[str, Any],
    shared: Annotated[bool, typer.Option("--shared", help="For everybody of the tenant.")] = False,
    sort: Annotated[str | None, typer.Option(help="place, createdAt, -createdAt, dueDate, followUpDate.")] = None,
) -> None:
    """Give a filter of yours another name and other contents; a shared one, as task-admin."""
    with session.client() as client:
        found = client.filters.put(filter_id, name, which | _sorted(sort), shared=shared)
    session.say(f"{found.id}: {found.name}", found)


def delete(session: Session, filter_id: FilterId) -> None:
    """Remove a filter of yours; a shared one, as task-admin."""
    with session.client() as client:
        client.filters.delete(filter_id)
    session.say(f"Removed {filter_id}.", {"id": filter_id})


def _sorted(sort: str | None) -> dict[str, Any]:
    return {} if sort is None else {"sort": sort}
