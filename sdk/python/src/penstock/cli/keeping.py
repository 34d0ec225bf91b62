"""`penstock secrets` (list, put, delete) and `penstock audit`."""

import base64
import secrets
import sys
from typing import Annotated

import typer

from penstock import errors
from penstock.cli import arguments
from penstock.cli.shared import Session, command

Name = Annotated[str, typer.Argument(help="The secret's name.", metavar="SECRET")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Secrets: kept for targets and buckets, never shown again.", no_args_is_help=True)
    command(group, "list")(list_secrets)
    command(group)(put)
    command(group)(delete)
    app.add_typer(group, name="secrets")
    command(app)(audit)


def list_secrets(session: Session) -> None:
    """List the tenant's secrets, without their values."""
    with session.client() as client:
        session.listing(
            client.secrets.list(),
            ("secret", "changed", "by"),
            lambda one: (one.name, one.updated_at, one.updated_by.name if one.updated_by else None),
        )


def put(
    session: Session,
    name: Name,
    *,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the value from standard input.")] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make one that signs calls, and show it once.")] = False,
) -> None:
    """Keep a secret. Its value is asked for, unless it is read or made: arguments stay in the shell's history."""
    if stdin and generate:
        raise errors.UsageError("Give one of --stdin and --generate.")
    if generate:
        value = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    elif stdin:
        value = sys.stdin.read().rstrip("\n")
    elif sys.stdin.isatty():
        value = str(typer.prompt("Value", hide_input=True, err=True))
    else:
        raise errors.UsageError("There is nobody to ask for the value: use --stdin or --generate.")
    with session.client() as client:
        client.secrets.put(name, value)
    made = {"value": value} if generate else {}
    session.say(f"Kept {name}{f': {value}' if generate else ''}.", {"name": name} | made)


def delete(session: Session, name: Name) -> None:
    """Forget a secret; targets that need it are not called any more."""
    with session.client() as client:
        client.secrets.delete(name)
    session.say(f"Forgot {name}.", {"name": name})


def audit(
    session: Session,
    *,
    action: Annotated[str | None, typer.Option(help="Only this: queue.put, or queue. for all of queues.")] = None,
    target: Annotated[str | None, typer.Option(help="Only what was done to this.")] = None,
    by: Annotated[str | None, typer.Option(help="Only what this subject did.")] = None,
    since: Annotated[str | None, typer.Option(help="A time, or how long ago: 2h.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 50,
) -> None:
    """List who changed what, the newest first."""
    with session.client() as client:
        found = client.audit.list(
            action=action, target=target, by=by, since=arguments.moment(since), limit=limit or None
        )
        session.listing(
            found,
            ("when", "who", "did", "to", "request"),
            lambda one: (one.at, one.by.name, one.action, one.target, one.request_id),
        )
