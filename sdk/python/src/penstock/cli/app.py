"""The command line: every command in its place."""

import sys
from typing import Annotated, Any

import typer

from penstock.cli import (
    accounts,
    definitions,
    dev,
    exits,
    filters,
    flows,
    imports,
    keeping,
    many,
    output,
    people,
    queues,
    schedules,
    tasks,
    templates,
    tenants,
    webhooks,
    workers,
)
from penstock.cli.shared import Session, command
from penstock.transport import USER_AGENT

app = typer.Typer(
    name="penstock",
    help="Penstock, the task queue platform. Begin with `penstock login`, or use --local beside a local stack.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_NotUnderstood: Any = typer.BadParameter.__mro__[2]
"""What typer raises for arguments that it does not understand; it has no public name of its own."""


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        output.show(USER_AGENT.removeprefix("penstock-python/"))
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Penstock, the task queue platform."""
    del version


accounts.add(app)
queues.add(app)
tasks.add(app)
filters.add(app)
many.add(app)
people.add(app)
definitions.add(app)
flows.add(app)
templates.add(app)
schedules.add(app)
imports.add(app)
webhooks.add(app)
keeping.add(app)
workers.add(app)
tenants.add(app)
dev.add(app)


@command(app, "exits")
def list_exits(session: Session) -> None:
    """List what the exit statuses mean."""
    session.show(
        {int(status): meaning for status, meaning in exits.MEANING.items()},
        lambda: output.table(("status", "meaning"), [(int(s), meaning) for s, meaning in exits.MEANING.items()]),
    )


def run() -> None:
    """Run with the arguments of this process and end it; what is wrong with them is said in one line."""
    try:
        sys.exit(app(standalone_mode=False))
    except _NotUnderstood as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            output.complain(f"{_sentence(error.format_message())} See {_path(error)} --help.")
        sys.exit(exits.Exit.USAGE)
    except typer.Abort:
        sys.exit(exits.Exit.INTERRUPTED)


def _sentence(words: str) -> str:
    words = words.rstrip(".")
    return words if words.endswith("?") else f"{words}."


def _path(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return "penstock" if context is None else str(context.command_path)
