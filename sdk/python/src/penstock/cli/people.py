"""`penstock people` and `penstock roles`, and how a command names a person."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

import typer

from penstock import errors
from penstock.cli import arguments
from penstock.cli.shared import Session, command

To = Annotated[str, typer.Argument(help="`me`, `nobody`, or a person's id.")]
Name = Annotated[str | None, typer.Option(help="The person's name.")]
Email = Annotated[str | None, typer.Option(help="The person's e-mail address.")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    command(app)(people)
    command(app)(roles)


def wanted(to: str, name: str | None, email: str | None) -> Any:
    """What `assign` takes."""
    person: Mapping[str, str] = {"id": to, "name": name or to} | ({"email": email} if email else {})
    return "me" if to == "me" else None if to == "nobody" else person


def people(
    session: Session,
    queue: Annotated[
        str | None,
        typer.Argument(help="Who works here.", metavar="[QUEUE]", autocompletion=arguments.complete_queue),
    ] = None,
    *,
    binding: Annotated[str, typer.Option(help="submitters, workers, assigners, readers.")] = "workers",
    role: Annotated[list[str] | None, typer.Option(help="Who has this role, instead; may be repeated.")] = None,
    search: Annotated[str | None, typer.Option(help="Part of a name or an e-mail address.")] = None,
) -> None:
    """List people by name: who may work in a queue, or who has a role."""
    if (queue is None) == (not role):
        raise errors.UsageError("Give a queue or --role, one of them.")
    with session.client() as client:
        found = (
            client.people.of_roles(role or [], search=search)
            if queue is None
            else client.people.of_queue(queue, cast("Any", binding), search=search)
        )
        session.listing(
            found,
            ("person", "name", "user name", "e-mail"),
            lambda one: (one.id, one.name, one.username, one.email),
        )


def roles(session: Session) -> None:
    """List the roles that queues can be bound to."""
    with session.client() as client:
        session.listing(
            client.people.roles(),
            ("role", "description", ""),
            lambda one: (one.name, one.description, "brings others" if one.composite else ""),
        )
