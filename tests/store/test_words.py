"""Finding by words: before and after they are read into the index, in every order, and however they change."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from core.priority import Priority
from core.task import OPEN, State, Task
from core.transitions import edits, ends, holds, redrives
from store import listing as listings
from store import mongo, rarity
from store.listing import Listing, Query, Sort
from store.tasks import Tasks
from store.unread import Unread
from tests.support.making import ANN, NOW, WIM, queue, task

LATER = NOW + timedelta(days=1)
HERE = Query(queues=("intake:reports",), states=OPEN)


@pytest.fixture
def reading(database: mongo.Database) -> Unread:
    return Unread(database)


async def found(listing: Listing, **wanted: object) -> list[str | None]:
    """The names of what is found, page by page."""
    query = Query(**{"queues": ("intake:reports",), "states": OPEN} | wanted)  # type: ignore[arg-type]
    names: list[str | None] = []
    after = None
    while True:
        page = await listing.page("demo", query, after=after, limit=3)
        names += [each.name for each in page.tasks]
        if page.next is None:
            return names
        after = page.next


def some() -> list[Task]:
    """Tasks with words of every kind."""
    dice = random.Random(1)
    return [
        task(
            name=f"task {number}",
            at=NOW + timedelta(milliseconds=dice.randint(0, 5)),
            priority=dice.choice(list(Priority)),
            params={"species": dice.choice(["Gull", "Starling"]), "size": dice.choice(["small", "large"])},
            labels=("even",) if number % 2 == 0 else (),
            due_date=NOW + timedelta(seconds=dice.randint(0, 9)),
        )
        for number in range(40)
    ]


@pytest.mark.parametrize("few", [2, 4_000])
@pytest.mark.parametrize("sort", [Sort.PLACE, Sort.CREATED, Sort.CREATED_DESC, Sort.DUE, Sort.UPDATED])
async def test_what_is_found_hangs_neither_on_what_was_read_nor_on_how_many_there_are(
    *, tasks: Tasks, listing: Listing, reading: Unread, sort: Sort, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rarity, "FEW", few)
    monkeypatch.setattr(rarity, "STEPS", (1, few))
    monkeypatch.setattr(rarity, "SURELY_FEW", few // 2)
    monkeypatch.setattr(rarity, "FRONT", few)
    monkeypatch.setattr(rarity, "GLANCE", 2 * few)
    made = some()
    await tasks.insert("demo", made)
    asked = [{"text": "gull"}, {"text": "GULL larg*"}, {"label": "even", "text": "gull"}, {"text": "starl*"}]
    asked += [{"label": "even"}, {"created_by": ANN.id}, {"text": "gull", "priorities": frozenset({Priority.HIGH})}]
    before = [await found(listing, sort=sort, **each) for each in asked]
    assert sum(map(len, before)) > 80
    assert before[0] == [each.name for each in await _sorted(listing, made, sort) if "Gull" in str(each.params)]
    assert await reading.read(LATER, 15) == 15
    assert [await found(listing, sort=sort, **each) for each in asked] == before
    assert await reading.read(LATER, 100) == 25
    assert await reading.read(LATER, 100) == 0
    assert [await found(listing, sort=sort, **each) for each in asked] == before


async def _sorted(listing: Listing, made: Sequence[Task], sort: Sort) -> list[Task]:
    """In that order, as a listing without words gives it."""
    names = await found(listing, sort=sort)
    by_name = {each.name: each for each in made}
    return [by_name[name] for name in names]


async def test_an_edit_is_found_at_once_and_what_it_replaced_is_not(
    tasks: Tasks, listing: Listing, reading: Unread
) -> None:
    made = task(name="old", labels=("red",))
    await tasks.insert("demo", [made])
    await reading.read(LATER, 10)
    edit = edits.edit(made, at=NOW, by=ANN, fields={"name": "new", "labels": ()})
    changed = await tasks.apply("demo", made, edit)
    assert changed is not None
    for _ in range(2):
        assert await found(listing, text="new") == ["new"]
        assert await found(listing, text="old") == await found(listing, label="red") == []
        await reading.read(LATER, 10)
    moved = await tasks.apply("demo", changed, edits.prioritise(changed, at=NOW, by=ANN, to=Priority.URGENT))
    assert moved is not None
    assert await found(listing, text="new", priorities=frozenset({Priority.URGENT})) == ["new"]
    assert await reading.read(LATER, 10) == 0


@pytest.mark.parametrize("read", [False, True])
async def test_an_ended_task_is_found_among_the_ended_and_an_open_one_again_when_it_runs_again(
    tasks: Tasks, listing: Listing, reading: Unread, *, read: bool
) -> None:
    made = task(name="gone", params={"species": "Gull"})
    await tasks.insert("demo", [made])
    if read:
        await reading.read(LATER, 10)
    ended = await tasks.apply("demo", made, ends.cancel(made, at=NOW, by=ANN, message=None))
    assert ended is not None
    assert await found(listing, text="gull") == []
    assert await found(listing, text="gull gon*", states=frozenset({State.DONE}), sort=Sort.ENDED_DESC) == ["gone"]
    assert await found(listing, text="gull", states=None) == ["gone"]
    assert await reading.read(LATER, 10) == 0
    again = await tasks.apply("demo", ended, redrives.retry_ended(ended, at=NOW, by=ANN))
    assert again is not None
    assert await found(listing, text="gull") == ["gone"]


async def test_only_what_is_old_enough_is_read(tasks: Tasks, reading: Unread) -> None:
    await tasks.insert("demo", [task(at=NOW), task(at=LATER)])
    assert await reading.read(NOW + timedelta(seconds=1), 10) == 1


async def test_words_do_not_reach_another_queue_or_tenant(tasks: Tasks, listing: Listing, reading: Unread) -> None:
    await tasks.insert("demo", [task(queue("other"), name="gull")])
    await tasks.insert("acme", [task(queue(tenant="acme"), name="gull")])
    for _ in range(2):
        assert await found(listing, text="gull") == []
        assert await found(listing, text="gull", queues=None) == ["gull"]
        await reading.read(LATER, 10)


@pytest.mark.parametrize("sort", [Sort.PLACE, Sort.CREATED_DESC, Sort.DUE])
@pytest.mark.parametrize("named", [False, True])
async def test_a_word_is_found_over_more_queues_than_are_read_at_once(
    *, tasks: Tasks, listing: Listing, reading: Unread, sort: Sort, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(2)
    homes = [queue(f"q{number}") for number in range(5)]
    made = [
        task(
            homes[number % 5],
            name=f"gull {number}",
            at=NOW + timedelta(seconds=number),
            priority=dice.choice(list(Priority)),
            due_date=NOW + timedelta(days=1, seconds=dice.randint(0, 99)),
        )
        for number in range(25)
    ]
    await tasks.insert("demo", made)
    await tasks.insert("demo", [task(homes[0], name="tern", due_date=NOW)])
    asked: dict[str, object] = {"sort": sort, "queues": tuple(home.key for home in homes) if named else None}
    expected = [name for name in await found(listing, **asked) if name != "tern"]
    assert len(expected) == 25
    await reading.read(LATER, 100)
    monkeypatch.setattr(listings, "_MOST_RANGES", 2)
    assert await found(listing, text="gull", **asked) == await found(listing, text="gul*", **asked) == expected


async def test_a_text_without_words_finds_nothing(tasks: Tasks, listing: Listing) -> None:
    await tasks.insert("demo", [task(name="gull")])
    assert await found(listing, text=".*") == []
    assert await listing.count("demo", Query(text="..."), at_most=10) == 0
    assert await listing.count("demo", Query(text="gull"), at_most=10) == 1


async def test_a_text_is_data_not_a_pattern(tasks: Tasks, listing: Listing, reading: Unread) -> None:
    await tasks.insert("demo", [task(name="a.b$c [x"), task(name="axb")])
    for _ in range(2):
        assert await found(listing, text="a.b") == ["a.b$c [x"]
        assert await found(listing, text="$expr") == []
        await reading.read(LATER, 10)


async def test_a_held_task_stays_found(tasks: Tasks, listing: Listing, reading: Unread) -> None:
    made = task(name="gull")
    await tasks.insert("demo", [made])
    await reading.read(LATER, 10)
    change = holds.claim(at=NOW, by=WIM, worker=None, exec_id="e", start=True)
    assert await tasks.claim("demo", [(made.id, int(made.priority))], change, WIM.id)
    assert await found(listing, text="gull") == ["gull"]
    assert await found(listing, text="gull", states=frozenset({State.READY})) == []


async def test_a_task_is_found_from_its_insert_on_while_words_are_being_read(
    tasks: Tasks, listing: Listing, reading: Unread
) -> None:
    """Whichever of the two indexes has it at that moment."""
    over = asyncio.Event()

    async def read() -> None:
        while not over.is_set():
            await reading.read(LATER, 2)

    behind = asyncio.create_task(read())
    try:
        for number in range(60):
            made = task(name=f"gull w{number}", at=NOW + timedelta(milliseconds=number))
            await tasks.insert("demo", [made])
            assert await found(listing, text=f"w{number}") == [made.name]
            assert await found(listing, text=f"gull w{number // 2}") == [f"gull w{number // 2}"]
        every = await found(listing, text="gull", sort=Sort.CREATED)
        assert every == [f"gull w{number}" for number in range(60)]
    finally:
        over.set()
        await behind
