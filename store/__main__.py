"""Work on the database by hand; settings come from PENSTOCK_ variables.

python -m store migrate         what this release needs and is missing
python -m store indexes         the indexes that are missing
python -m store backup FILE     the whole record at one moment, while everything runs
python -m store restore FILE    into an empty database
python -m store archive FILE    tasks that ended days ago, with their events, as lines of JSON
python -m store compact         room in files that erased documents left goes back to the disk, while everything runs
python -m store keys rotate     secrets and payloads sealed with new keys (--rewrap: only keys, by a new master key)
python -m store audit verify    find rows of audit trails that were altered, removed or put in another order
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from pymongo import errors as driver

from core import chosen, diagnosis, errors
from core.clock import system_clock
from core.settings import Settings
from store import backup, compaction, indexes, masters, migrations, mongo
from store.archiving import Archive
from store.audit_check import AuditCheck
from store.rotation import Rotation
from store.secrets import Secrets
from store.tenants import Tenants

Work = Callable[[mongo.Database], Awaitable[None]]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


async def migrate(database: mongo.Database) -> None:
    """Apply what is missing, and say it."""
    done = await migrations.migrate(database, clock=system_clock)
    for each in done:
        _say(f"applied {each.number}: {each.title}")
    _say(f"schema {await migrations.applied(database)}" + ("" if done else ", nothing to do"))


async def save(database: mongo.Database, file: Path, keys: Path | None = None) -> None:
    """Write a backup."""
    counts = await backup.backup(database, file, say=_say, keys=keys)
    _say(f"{sum(counts.values())} documents in {file}")


async def load(database: mongo.Database, file: Path, keys: Path | None = None) -> None:
    """Restore one."""
    counts = await backup.restore(database, file, say=_say, keys=keys)
    _say(f"{sum(counts.values())} documents restored; start the processes now")


async def verify(database: mongo.Database, key: bytes | None, tenant: str | None) -> bool:
    """Say of each tenant's audit trail whether it is whole; False when one is not."""
    check = AuditCheck(database, key)
    whole = True
    for each in [tenant] if tenant is not None else await check.tenants():
        rows, faults = await check.verify(each)
        whole = whole and not faults
        _say(f"{each}: {rows} rows, {'BROKEN' if faults else 'whole'}")
        for fault in faults:
            _say(f"  row {fault.n} {fault.what}")
    return whole


async def rotate(database: mongo.Database, settings: Settings, tenant: str | None, *, rewrap: bool) -> None:
    """Seal what the tenants have with new keys, or only their keys with the current master key.

    Raises KeyUnusableError and `NotFound` before anything is written.
    """
    wrapper = masters.of(settings)
    if wrapper is None:
        raise masters.KeyUnusableError("No master key is set: see PENSTOCK_MASTER_KEYS in docs/operations/security.md.")
    secrets = Secrets(database, wrapper)
    rotation = Rotation(database, secrets)
    tenants = [each.id for each in await Tenants(database).every()]
    if tenant is not None and tenant not in tenants:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    await secrets.sealer.check()
    for each in tenants if tenant is None else [tenant]:
        if rewrap:
            _say(f"{each}: {await secrets.sealer.rewrap(each)} keys sealed anew")
            continue
        done = await rotation.rotate(each)
        _say(f"{each}: {done.secrets} secrets sealed anew, and payloads in {done.payloads} documents")


async def keep_apart(database: mongo.Database, given: argparse.Namespace) -> None:
    """Write an archive of what ended long enough ago."""
    now = system_clock()
    after = None if given.since is None else now - timedelta(days=given.since)
    before = now - timedelta(days=given.days)
    count = await Archive(database).write(given.file, after=after, before=before, tenant=given.tenant)
    _say(f"{count} tasks in {given.file}")


async def give_back(settings: Settings, least: float) -> None:
    """Compact the files of every member in turn."""
    url = settings.mongodb_url.get_secret_value()
    given = await compaction.compact(url, settings.mongodb_database, least=int(least * 2**20), say=_say)
    _say(f"{given / 2**20:,.0f} MB given back")


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
        each = commands.add_parser(name, help=what)
        each.add_argument("file", type=Path, metavar="FILE")
        each.add_argument("--keys", type=Path, help="the tenants' keys are in a file of their own")
    kept = commands.add_parser("archive", help="write what ended to FILE, before retention erases it")
    kept.add_argument("file", type=Path, metavar="FILE")
    kept.add_argument("--days", type=float, required=True, help="what ended at least so many days ago")
    kept.add_argument("--since", type=float, metavar="DAYS", help="and at most so many")
    kept.add_argument("--tenant", help="of this one alone")
    room = commands.add_parser("compact", help="give room in files that is free back to the disk")
    room.add_argument("--least", type=float, default=64, metavar="MB", help="leave alone what has less to give (64)")
    keys = commands.add_parser("keys", help="the keys that secrets are sealed with")
    keys.add_argument("what", choices=["rotate"])
    keys.add_argument("--tenant", help="this one alone")
    keys.add_argument("--rewrap", action="store_true", help="only seal the tenants' keys with the current master key")
    trail = commands.add_parser("audit", help="look through the audit trails")
    trail.add_argument("what", choices=["verify"])
    trail.add_argument("--tenant", help="this one alone")
    return parser.parse_args(given)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and do it."""
    given = _arguments(arguments)
    settings = chosen.settings()
    if isinstance(settings, list):
        sys.exit(diagnosis.text(settings))

    async def audit(database: mongo.Database) -> None:
        if not await verify(database, settings.audit_key_bytes, given.tenant):
            sys.exit(1)

    work: dict[str, Work] = {
        "migrate": migrate,
        "indexes": indexes.ensure,
        "backup": lambda database: save(database, given.file, given.keys),
        "audit": audit,
        "archive": lambda database: keep_apart(database, given),
        "compact": lambda _: give_back(settings, given.least),
        "keys": lambda database: rotate(database, settings, given.tenant, rewrap=given.rewrap),
        "restore": lambda database: load(database, given.file, given.keys),
    }
    try:
        asyncio.run(on_database(settings, work[given.command]))
    except errors.PenstockError as error:
        sys.exit(error.detail)
    except OSError as error:
        sys.exit(f"{error.filename or 'A file'} cannot be read or written: {error.strerror or error}.")
    except driver.PyMongoError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
