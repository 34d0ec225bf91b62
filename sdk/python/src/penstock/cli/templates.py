"""`penstock flow-templates`: list, show, put, delete."""

from typing import Annotated

import typer

from penstock import errors
from penstock.cli import arguments, output
from penstock.cli.shared import Session, command

Name = Annotated[
    str, typer.Argument(help="The template's name.", metavar="TEMPLATE", autocompletion=arguments.complete_template)
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Flow templates: what flows are made by.", no_args_is_help=True)
    command(group, "list")(list_templates)
    for function in (show, put, delete):
        command(group)(function)
    app.add_typer(group, name="flow-templates")


def list_templates(
    session: Session, *, queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None
) -> None:
    """List the templates of the queues in which you have any right."""
    with session.client() as client:
        session.listing(
            client.flow_templates.list(queue=queue),
            ("template", "driver", "queue", "description", "version"),
            lambda one: (one.name, one.driver, one.queue, one.description, one.version),
        )


def show(
    session: Session,
    template: Name,
    *,
    version: Annotated[int | None, typer.Option(help="As it was at this version.")] = None,
) -> None:
    """Show a template."""
    with session.client() as client:
        found = client.flow_templates.get(template, version=version)
    session.show(found, lambda: output.members(found.model_dump(by_alias=True, exclude_none=True).items()))


def put(
    session: Session,
    template: Name,
    content: Annotated[str, typer.Argument(help="Its content as JSON, as text or @file.", metavar="JSON")],
    *,
    version: arguments.Version = None,
) -> None:
    """Make a template, or give it exactly this content as its next version."""
    body = arguments.json_object(content, "JSON")
    if body is None:
        raise errors.UsageError("JSON must not be null.")
    with session.client() as client:
        found = client.flow_templates.put(template, body, version=version)
    session.say(f"{found.name} is at version {found.version}.", found)


def delete(session: Session, template: Name) -> None:
    """Delete a template; its flows go on."""
    with session.client() as client:
        client.flow_templates.delete(template)
    session.say(f"Deleted {template}.", {"name": template})
