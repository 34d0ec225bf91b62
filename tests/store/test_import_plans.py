"""Every query about imports uses its index."""

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from core.imports import Batch, Encoding, Import, ImportState, LineError, Source, SourceKind
from core.task import Outcome
from store import indexes, mongo
from store.definition_sweeps import DefinitionSweeps
from store.import_sweeps import ImportSweeps
from store.imports import Imports, Wanted
from store.uploads import Uploads
from tests.support import plans
from tests.support.making import ANN, NOW

Call = Callable[[mongo.Database], Awaitable[object]]
QUEUE = "intake:reports"


def job(number: int, **fields: object) -> Import:
    made = Import(
        tenant="demo", id=f"i-{number:03}", queue=QUEUE, state=ImportState.RUNNING, seq=1, runner="r",
        source=Source(kind=SourceKind.UPLOAD), created_at=NOW, created_by=ANN, updated_at=NOW,
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


JOB = job(1)
WRONG = LineError(tenant="demo", job="i-001", line=1, code="not-json", message="no", at=NOW)
BATCH = Batch(lines=1, position=1, bytes_read=1, accepted=1, errors=(WRONG,))


async def _file(database: mongo.Database) -> None:
    async for _ in Uploads(database).read("demo", "f", 0):
        pass


CALLS: dict[str, tuple[str, Call]] = {
    "get": ("_id_", lambda db: Imports(db).get("demo", "i-001")),
    "by key": ("dedup", lambda db: Imports(db).by_key("demo", QUEUE, "k-3")),
    "page": ("_id_", lambda db: Imports(db).page("demo", Wanted(), after=None, limit=5)),
    "page of mine": (
        "_id_",
        lambda db: Imports(db).page("demo", Wanted(readable=(QUEUE,), maker="u"), after="i-100", limit=5),
    ),
    "errors": ("_id_", lambda db: Imports(db).errors("demo", "i-001", after=3, limit=5)),
    "cancel": ("_id_", lambda db: Imports(db).cancel("demo", "i-002", by=ANN, at=NOW)),
    "take": ("_id_", lambda db: Imports(db).take("demo", "i-001", runner="r", at=NOW)),
    "opened": ("_id_", lambda db: Imports(db).opened(JOB, version="1", total=3, encoding=Encoding.PLAIN)),
    "advance": ("_id_", lambda db: Imports(db).advance(JOB, BATCH, at=NOW, keep=5)),
    "end": ("_id_", lambda db: Imports(db).end(JOB, Outcome.SUCCEEDED, reason=None, at=NOW)),
    "open": ("open", lambda db: ImportSweeps(db).open(5)),
    "with uploads": ("uploads", lambda db: ImportSweeps(db).with_uploads(5)),
    "unreported": ("unreported", lambda db: ImportSweeps(db).unreported(5)),
    "adopt": ("_id_", lambda db: Imports(db).adopt(JOB, exec_id="e", at=NOW)),
    "reported": ("_id_", lambda db: Imports(db).reported(JOB)),
    "definitions": ("builtin", lambda db: DefinitionSweeps(db).built_in("aidbox.bulk/import-resource-task")),
    "templates": ("builtin", lambda db: DefinitionSweeps(db).templates("aidbox.bulk/import-resources-workflow")),
    "break off": ("_id_", lambda db: ImportSweeps(db).break_off(JOB, before=NOW, at=NOW)),
    "a file": ("_id_", _file),
    "erase a file": ("_id_", lambda db: Uploads(db).erase("demo", "f")),
}


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with imports and pieces of files, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    for number in range(40):
        ended = {"state": ImportState.DONE, "ended_at": NOW} if number > 20 else {}
        await Imports(database).insert(
            "demo", job(number, dedup_key=f"k-{number}", uploads=("f",), unreported=True, **ended)
        )
    for number in range(3):
        await Uploads(database).put("demo", "f", number, b"x")
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_query_about_imports_uses_its_index(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
    database, recorder = watched
    index, call = CALLS[name]
    await call(database)
    commands = [command for command in recorder.commands if "getMore" not in command]
    assert commands
    for command in commands:
        plan = await plans.stages(database, command)
        assert "COLLSCAN" not in plan, command
        assert "SORT" not in plan, command
    first = await plans.stages(database, commands[0])
    assert f"IXSCAN {index}" in first or (index == "_id_" and "IDHACK" in first), first
