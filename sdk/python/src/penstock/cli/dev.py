"""`penstock dev`: the local stack, from a checkout."""

import os
from pathlib import Path
from typing import Annotated

import typer

from penstock import errors
from penstock.cli.shared import Session, command


def add(app: typer.Typer) -> None:
    """Register the command."""
    command(app)(dev)


def dev(
    session: Session,
    *,
    home: Annotated[str | None, typer.Option(help="Where the stack keeps its data; PENSTOCK_HOME.")] = None,
    port: Annotated[int | None, typer.Option(help="The API's port; PENSTOCK_PORT.")] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Forget the stack's data instead.")] = False,
) -> None:
    """Run the local stack until Ctrl-C, inside a checkout: RabbitMQ, MongoDB, an issuer, the API and the engine."""
    del session
    root = checkout(Path.cwd())
    if root is None:
        raise errors.UsageError("The local stack runs from a checkout of Penstock; change into one.")
    if home is not None:
        os.environ["PENSTOCK_HOME"] = str(Path(home).absolute())
    if port is not None:
        os.environ["PENSTOCK_PORT"] = str(port)
    os.execvp("make", ["make", "--no-print-directory", "-C", str(root), "clean" if clean else "run"])  # noqa: S606


def checkout(here: Path) -> Path | None:
    """The checkout that a folder lies in."""
    for folder in (here, *here.parents):
        if (folder / "Makefile").exists() and (folder / "deploy" / "local").is_dir():
            return folder
    return None
