"""Tasks from before the words: a migration gives them theirs, however often it is cut off, and beside other writers."""

from datetime import timedelta

import pytest
from pymongo import errors as driver

from core.clock import system_clock
from core.task import OPEN, State, Task
from core.transitions import edits, ends
from store import documents, migrations, mongo, wordless
from store.listing import Listing, Query
from store.tasks import Tasks
from store.unread import Unread
from tests.support.making import ANN, NOW, task


async def _without_words(database: mongo.Database) -> None:
    await database["tasks"].update_many({"_id": {"$regex": "/"}}, {"$unset": {"text": "", "words": ""}})


async def _found(listing: Listing, text: str, **wanted: object) -> list[str]:
    page = await listing.page("demo", Query(text=text, states=OPEN, **wanted), after=None, limit=100)  # type: ignore[arg-type]
    return sorted(each.name or "" for each in page.tasks)


@pytest.fixture
async def old(database: mongo.Database, tasks: Tasks) -> list[Task]:
    """Tasks as an older release stored them: one of them ended."""
    made = [task(name=f"gull {number}", at=NOW + timedelta(seconds=number)) for number in range(7)]
    await tasks.insert("demo", made)
    ended = await tasks.apply("demo", made[6], ends.cancel(made[6], at=NOW, by=ANN, message=None))
    assert ended is not None
    await _without_words(database)
    return made


async def test_old_tasks_are_found_once_it_was_applied(
    database: mongo.Database, listing: Listing, old: list[Task]
) -> None:
    assert await _found(listing, "gull") == []
    before = await Tasks(database).get("demo", old[0].id)
    await migrations.migrate(database, clock=system_clock)
    for _ in range(2):
        assert await _found(listing, "gull") == [f"gull {number}" for number in range(6)]
        await Unread(database).read(NOW + timedelta(days=1), 100)
    done = Query(text="gull", states=frozenset({State.DONE}))
    assert [each.name for each in (await listing.page("demo", done, after=None, limit=9)).tasks] == ["gull 6"]
    assert await Tasks(database).get("demo", old[0].id) == before


async def test_cut_off_it_goes_on_where_it_was(
    database: mongo.Database, listing: Listing, old: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = documents.encode

    def failing(record: Task) -> mongo.Document:
        if len(seen) == 4:
            raise driver.AutoReconnect("away")
        seen.append(record.id)
        return real(record)

    with monkeypatch.context() as patched:
        patched.setattr(documents, "encode", failing)
        with pytest.raises(driver.AutoReconnect):
            await wordless.fill(database, batch=2)
    assert len(await _found(listing, "gull")) == 4
    assert len(seen) == 4
    await wordless.fill(database, batch=2)
    assert len(await _found(listing, "gull")) == 6
    assert await database["meta"].find_one({"_id": "migration-words"}) is None


async def test_an_edit_meanwhile_is_not_overwritten(
    database: mongo.Database, tasks: Tasks, listing: Listing, old: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = edits.edit(old[0], at=NOW, by=ANN, fields={"name": "tern"})
    await tasks.apply("demo", old[0], edited)
    await _without_words(database)
    real = documents.encode
    late: list[mongo.Document] = []

    def encode(record: Task) -> mongo.Document:
        late.append(real(record))
        return late[-1] | {"text": " stale "}

    with monkeypatch.context() as patched:
        patched.setattr(documents, "encode", encode)
        await database["tasks"].update_one({"_id": f"demo/{old[1].id}"}, {"$set": {"text": " newer "}})
        await wordless.fill(database)
    assert await _found(listing, "newer") == ["gull 1"]
    assert len(late) == 6
    assert await _found(listing, "stale") == sorted(["tern", *(f"gull {number}" for number in range(2, 6))])
