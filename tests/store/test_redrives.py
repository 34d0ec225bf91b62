"""Redrives: kept, found, stopped."""

from datetime import timedelta

import pytest

from core import errors
from store import mongo
from store.listing import Query, Sort
from store.redrives import Redrive, Redrives, RedriveState
from tests.support.making import ANN, NOW, WIM


def redrive(name: str = "r-1", **fields: object) -> Redrive:
    return Redrive(
        tenant="demo", id=name, queue="intake:reports", state=RedriveState.RUNNING, by=ANN, created_at=NOW,
        query=Query(label="storm", priorities=frozenset()), **fields,  # type: ignore[arg-type]
    )  # fmt: skip


async def test_a_redrive_reads_back_as_it_was_kept(database: mongo.Database) -> None:
    kept = Redrives(database)
    await kept.create("demo", redrive(rate_per_second=2.5))
    assert await kept.get("demo", "r-1") == redrive(rate_per_second=2.5)
    assert await kept.get("acme", "r-1") is None
    assert [each.id for each in await kept.of_queue("demo", "intake:reports", limit=5)] == ["r-1"]
    assert await kept.of_queue("acme", "intake:reports", limit=5) == []


async def test_it_takes_dead_letters_of_its_queue_that_were_there_when_it_was_made() -> None:
    chosen = redrive().selection
    assert (chosen.queues, chosen.dead, chosen.label, chosen.sort) == (("intake:reports",), True, "storm", Sort.ENDED)
    assert chosen.ended_to == NOW + timedelta(milliseconds=1)


async def test_an_undo_stops_it_once(database: mongo.Database) -> None:
    kept = Redrives(database)
    await kept.create("demo", redrive())
    await kept.create("demo", redrive("r-2"))
    asked = await kept.ask_undo("demo", "r-1", by=WIM)
    assert (asked.state, asked.undone_by) == (RedriveState.UNDOING, WIM)
    assert (await kept.ask_undo("demo", "r-1", by=ANN)).undone_by == WIM
    # What read it before it was stopped does not end it.
    await kept.end(redrive(), NOW)
    assert {each.id for each in await kept.open(10)} == {"r-1", "r-2"}
    await kept.end(asked, NOW)
    ended = await kept.get("demo", "r-1")
    assert ended is not None
    assert (ended.state, ended.ended_at) == (RedriveState.UNDONE, NOW)
    assert (await kept.ask_undo("demo", "r-1", by=WIM)).state is RedriveState.UNDONE
    with pytest.raises(errors.NotFound):
        await kept.ask_undo("acme", "r-2", by=WIM)
