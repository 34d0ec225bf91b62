"""Work on the database by hand: `python -m store indexes` makes the indexes that are missing."""

import argparse
import asyncio

from core.settings import Settings
from store import indexes, mongo


async def make_indexes(settings: Settings) -> None:
    """Make them, in the database that the settings name. Raises `Unavailable`."""
    client = mongo.client(settings.mongodb_url.get_secret_value(), timeout=settings.store_timeout_seconds)
    try:
        await indexes.ensure(mongo.database(client, settings.mongodb_database))
    finally:
        await client.close()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and do it."""
    parser = argparse.ArgumentParser(prog="python -m store", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("indexes", help="make the indexes that are missing; settings come from PENSTOCK_ variables")
    parser.parse_args(arguments)
    asyncio.run(make_indexes(Settings.model_validate({})))


if __name__ == "__main__":
    main()
