"""Work on the database by hand; settings come from PENSTOCK_ variables.

python -m store migrate         what this release needs and is missing
python -m store indexes         the indexes that are missing
python -m store backup FILE     the whole record at one moment, while everything runs
python -m store restore FILE    into an empty database
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from core import errors
from core.clock import system_clock
from core.settings import Settings
from store import backup, indexes, migrations, mongo

Work = Callable[[mongo.Database], Awaitable[None]]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


async def migrate(database: mongo.Database) -> None:
    """Apply what is missing, and say it."""
    done = await migrations.migrate(database, clock=system_clock)
    for each in done:
        _say(f"applied {each.number}: {each.title}")
    _say(f"schema {await migrations.applied(database)}" + ("" if done else ", nothing to do"))


async def save(database: mongo.Database, file: Path) -> None:
    """Write a backup."""
    counts = await backup.backup(database, file, say=_say)
    _say(f"{sum(counts.values())} documents in {file}")


async def load(database: mongo.Database, file: Path) -> None:
    """Restore one."""
    counts = await backup.restore(database, file, say=_say)
    _say(f"{sum(counts.values())} documents restored; start the processes now")


async def on_database(settings: Settings, work: Work) -> None:
    """Do work on the database that the settings name. Raises what it raises."""
    client = mongo.client(settings.mongodb_url.get_secret_value(), timeout=settings.store_timeout_seconds)
    try:
        await work(mongo.database(client, settings.mongodb_database))
    finally:
        await client.close()


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="apply the migrations that are missing")
    commands.add_parser("indexes", help="make the indexes that are missing")
    for name, what in (("backup", "write the whole record to FILE"), ("restore", "fill an empty database from FILE")):
        commands.add_parser(name, help=what).add_argument("file", type=Path, metavar="FILE")
    return parser.parse_args(given)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and do it."""
    given = _arguments(arguments)
    work: dict[str, Work] = {
        "migrate": migrate,
        "indexes": indexes.ensure,
        "backup": lambda database: save(database, given.file),
        "restore": lambda database: load(database, given.file),
    }
    try:
        asyncio.run(on_database(Settings.model_validate({}), work[given.command]))
    except errors.PenstockError as error:
        sys.exit(error.detail)


if __name__ == "__main__":
    main()
