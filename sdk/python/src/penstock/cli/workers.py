"""`penstock worker run module:worker`."""

import importlib
import logging
import os
import sys
import traceback
from typing import Annotated, Any

import typer

from penstock import errors
from penstock.cli import arguments
from penstock.cli.shared import Session, command
from penstock.worker import Worker


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Workers: programs that do the tasks.", no_args_is_help=True)
    command(group)(run)
    # Without a second command typer would leave the first one's name out.
    group.callback()(lambda: None)
    app.add_typer(group, name="worker")


def run(
    session: Session,
    worker: Annotated[str, typer.Argument(help="Where the Worker is: module:name.", metavar="MODULE:NAME")],
    *,
    processes: Annotated[int, typer.Option("--processes", "-P", help="How many processes.", min=1)] = 1,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", help="Handlers at once in each of them.", min=1)
    ] = None,
    drain: Annotated[str | None, typer.Option(help="How long to wait for handlers at the end: 25s.")] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning, error.")] = "info",
) -> None:
    """Run a worker until SIGTERM or Ctrl-C; it then finishes what it has in hand and gives back the rest."""
    # The worker's own client finds its connection where this command would find it.
    os.environ.update(session.environment())
    session.connection()
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(processName)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    found = load(worker)
    if concurrency is not None:
        found.concurrency = concurrency
    if drain is not None:
        found.drain_seconds = arguments.seconds(drain) or 0.0
    found.run(processes=processes)


def load(where: str) -> Worker:
    """The worker that `module:name` names, looked for in the current folder first. Raises UsageError."""
    module_name, _, name = where.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _unusable(module_name, error) from error
        raise errors.UsageError(f"There is no module {module_name!r} here.") from error
    except Exception as error:
        raise _unusable(module_name, error) from error
    found: Any = getattr(module, name or "worker", None)
    if not isinstance(found, Worker):
        raise errors.UsageError(f"{module_name} has no Worker named {name or 'worker'!r}.")
    return found


def _unusable(module_name: str, error: Exception) -> errors.UsageError:
    """What is wrong with somebody's module, and at which of its lines; a syntax error says that itself."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = "" if isinstance(error, SyntaxError) else f" ({last.filename}, line {last.lineno})"
    return errors.UsageError(f"{module_name} cannot be imported: {type(error).__name__}: {error}{where}")
