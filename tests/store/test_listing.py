"""Pages of the worklist: in order, complete, and steady while tasks come and go."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import errors, ids
from core.priority import Priority
from core.task import OPEN, State
from core.transitions import edits, ends
from store.listing import Listing, Query, Sort
from store.tasks import Tasks
from tests.support.making import ANN, NOW, WIM, queue, task

OPEN_ONES = Query(queues=("intake:reports",), states=OPEN)


async def _all(listing: Listing, query: Query, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await listing.page("demo", query, after=after, limit=limit)
        found += [each.id for each in page.tasks]
        if page.next is None:
            return found
        after = page.next


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16), limit=st.integers(1, 17), sort=st.sampled_from([s for s in Sort if "ended" not in s])
)
async def test_pages_are_the_whole_in_order(tasks: Tasks, listing: Listing, seed: int, limit: int, sort: Sort) -> None:
    dice = random.Random(seed)
    home = queue(ids.new_id())
    made = [
        task(
            home,
            at=NOW + timedelta(milliseconds=dice.randint(0, 5)),
            priority=dice.choice(list(Priority)),
            due_date=NOW + timedelta(milliseconds=dice.randint(0, 5)),
            follow_up_date=NOW + timedelta(milliseconds=dice.randint(0, 5)),
        )
        for _ in range(40)
    ]
    await tasks.insert("demo", made)
    wanted = Query(queues=(home.key,), states=OPEN, sort=sort)
    found = await _all(listing, wanted, limit)
    assert len(found) == len(set(found)) == 40
    by_id = {each.id: each for each in made}
    if sort is Sort.PLACE:
        keys = [by_id[task_id].place for task_id in found]
    else:
        fields = {Sort.DUE: "due_date", Sort.FOLLOW_UP: "follow_up_date"}
        keys = [str(getattr(by_id[task_id], fields.get(sort, "created_at"))) for task_id in found]
    assert keys == sorted(keys, reverse=sort.value.startswith("-"))


async def test_nothing_is_skipped_or_repeated_while_the_queue_moves(tasks: Tasks, listing: Listing) -> None:
    """Between pages tasks before and behind the cursor end, and new ones appear at the end."""
    dice = random.Random(7)
    made = [task(at=NOW + timedelta(milliseconds=n)) for n in range(200)]
    await tasks.insert("demo", made)
    alive, seen, after = {each.id: each for each in made}, list[str](), None
    while True:
        page = await listing.page("demo", OPEN_ONES, after=after, limit=9)
        seen += [each.id for each in page.tasks]
        for gone in dice.sample(sorted(alive), 5):
            ended = await tasks.apply("demo", alive[gone], ends.cancel(alive[gone], at=NOW, by=ANN, message=None))
            assert ended is not None
            del alive[gone]
        late = task(at=NOW + timedelta(seconds=10, milliseconds=len(seen)))
        await tasks.insert("demo", [late])
        if page.next is None or len(alive) < 10:
            break
        after = page.next
    assert len(seen) == len(set(seen))
    last = max(seen, key=lambda task_id: next((t.place for t in made if t.id == task_id), ""))
    reached = next(t.place for t in made if t.id == last)
    assert {t.id for t in alive.values() if t.place <= reached} <= set(seen)


async def test_filters_select(tasks: Tasks, listing: Listing) -> None:
    plain = task(name="Plain", labels=("a", "b"), record_id="r-1")
    urgent = task(name="Urgent [x]", priority=Priority.URGENT)
    await tasks.insert("demo", [plain, urgent])
    given_to_wim = await tasks.apply("demo", urgent, edits.assign(urgent, at=NOW, by=ANN, to=WIM))
    assert given_to_wim is not None

    async def found(**wanted: object) -> list[str]:
        query = Query(**{"queues": ("intake:reports",), "states": OPEN} | wanted)  # type: ignore[arg-type]
        return [each.id for each in (await listing.page("demo", query, after=None, limit=10)).tasks]

    assert await found(label="b") == [plain.id]
    assert await found(record_id="r-1") == [plain.id]
    assert await found(assignee=WIM.id) == [urgent.id]
    assert await found(unassigned=True) == [plain.id]
    assert await found(text="X urgen*") == [urgent.id]
    assert await found(priorities=frozenset({Priority.URGENT})) == [urgent.id]
    assert await found(states=frozenset({State.DONE})) == []
    assert await found(queues=("intake:other",)) == []
    assert (await listing.page("acme", OPEN_ONES, after=None, limit=10)).tasks == []


@pytest.mark.parametrize("cursor", ["x", "", "bnVsbA", "WyJwbGFjZSJd", "WzEsMiwzXQ", "é"])
async def test_a_strange_cursor_is_refused(listing: Listing, cursor: str) -> None:
    with pytest.raises(errors.BadCursor):
        await listing.page("demo", OPEN_ONES, after=cursor, limit=1)


async def test_a_cursor_of_another_order_is_refused(tasks: Tasks, listing: Listing) -> None:
    await tasks.insert("demo", [task(), task()])
    page = await listing.page("demo", OPEN_ONES, after=None, limit=1)
    other = Query(queues=("intake:reports",), states=OPEN, sort=Sort.CREATED)
    with pytest.raises(errors.BadCursor):
        await listing.page("demo", other, after=page.next, limit=1)
