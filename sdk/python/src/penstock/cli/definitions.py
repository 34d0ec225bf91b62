"""`penstock definitions`: list, show, put, delete, versions."""

from typing import Annotated, Any

import typer

from penstock.cli import arguments, output
from penstock.cli.shared import Session, command
from penstock.models import definition as models

Name = Annotated[
    str,
    typer.Argument(help="The definition's name.", metavar="DEFINITION", autocompletion=arguments.complete_definition),
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Definitions: kinds of tasks.", no_args_is_help=True)
    command(group, "list")(list_definitions)
    for function in (show, put, delete, versions):
        command(group)(function)
    app.add_typer(group, name="definitions")


def list_definitions(
    session: Session, *, queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None
) -> None:
    """List the definitions of the queues in which you have any right."""
    with session.client() as client:
        found = client.definitions.list(queue=queue)
        session.listing(
            found,
            ("definition", "queue", "target", "attempts", "version"),
            lambda one: (
                one.name, one.queue, one.target.kind, one.retry.max_attempts if one.retry else None, one.version
            ),
        )  # fmt: skip


def show(
    session: Session,
    definition: Name,
    *,
    version: Annotated[int | None, typer.Option(help="As it was at this version.")] = None,
) -> None:
    """Show a definition."""
    with session.client() as client:
        found = client.definitions.get(definition, version=version)
    session.show(found, lambda: _shown(found))


def put(
    session: Session,
    definition: Name,
    *,
    file: arguments.File = None,
    queue: Annotated[
        str | None, typer.Option(help="The queue of its tasks.", autocompletion=arguments.complete_queue)
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    schema: Annotated[str | None, typer.Option(help="JSON Schema of params, as text or @file.")] = None,
    result_schema: Annotated[str | None, typer.Option(help="JSON Schema of results, as text or @file.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal, high, urgent.")] = None,
    lease: Annotated[str | None, typer.Option(help="Lease of a hand-out: 30s, 5m.")] = None,
    attempts: Annotated[int | None, typer.Option(help="Attempts before a task becomes a dead letter.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many held at once.")] = None,
    limit_key: Annotated[
        list[str] | None, typer.Option(help="For each value at this path of the params; may be repeated.")
    ] = None,
    push_to: Annotated[str | None, typer.Option(help="Push each task to this HTTP endpoint.")] = None,
    secret: Annotated[str | None, typer.Option(help="The secret that signs each push.")] = None,
    version: arguments.Version = None,
) -> None:
    """Make a definition, or give it exactly these settings."""
    given: dict[str, Any] = {
        "queue": queue,
        "description": description,
        "paramsSchema": arguments.json_object(schema, "--schema"),
        "resultSchema": arguments.json_object(result_schema, "--result-schema"),
        "priority": priority,
        "leaseSeconds": arguments.seconds(lease),
        "retry": None if attempts is None else {"maxAttempts": attempts},
        "concurrency": None if limit is None else {"limit": limit, "key": limit_key or []},
        "target": None
        if push_to is None
        else {"kind": "http", "url": push_to} | ({"secretRef": secret} if secret else {}),
    }
    body = arguments.json_object(file, "--file") or {}
    body |= {name: value for name, value in given.items() if value is not None}
    with session.client() as client:
        found = client.definitions.put_body(definition, body, version=version)
    session.say(f"{found.name} is at version {found.version}.", found)


def delete(session: Session, definition: Name) -> None:
    """Delete a definition of which no task is open."""
    with session.client() as client:
        client.definitions.delete(definition)
    session.say(f"Deleted {definition}.", {"name": definition})


def versions(session: Session, definition: Name) -> None:
    """List what a definition was before."""
    with session.client() as client:
        session.listing(
            client.definitions.versions(definition),
            ("version", "when", "by", "description"),
            lambda one: (one.version, one.updated_at, one.updated_by.name if one.updated_by else None, one.description),
        )


def _shown(one: models.Definition) -> object:
    return output.members(
        [
            ("definition", one.name),
            ("queue", one.queue),
            ("description", one.description),
            ("target", output.as_json(one.target)),
            ("priority", one.priority),
            ("lease, seconds", one.lease_seconds),
            ("start within, seconds", one.start_timeout_seconds),
            ("end within, seconds", one.overall_timeout_seconds),
            ("retry", one.retry),
            ("concurrency", one.concurrency),
            ("params schema", one.params_schema),
            ("result schema", one.result_schema),
            ("error schema", one.error_schema),
            ("version", one.version),
            ("changed", one.updated_at),
        ]
    )
