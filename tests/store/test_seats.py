"""Seats: two hand-outs never get the same one, and what is asked of them is answered from their indexes."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from core.task import Task
from core.transitions import ends, holds, tickets
from store import indexes, mongo
from store.seats import Seats, Wanted
from store.tasks import Tasks
from tests.support import plans
from tests.support.making import ANN, NOW, WIM, queue, task

SLOT = 'lane-1."KBOS"'


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    yield database, recorder
    await client.close()


def wanted(of: Task, seat: int, fence: str = "e-1") -> Wanted:
    change = holds.claim(at=NOW, by=WIM, worker=None, exec_id=fence, start=True)
    return Wanted(task_id=of.id, priority=1, change=holds.seated(change, SLOT, seat))


async def test_a_seat_is_given_once_and_again_after_its_end(watched: tuple[mongo.Database, plans.Recorder]) -> None:
    database, _ = watched
    tasks, seats = Tasks(database), Seats(database)
    one, two, three = made = [task() for _ in range(3)]
    await tasks.insert("demo", made)
    held, late = await seats.claim("demo", [wanted(one, 0), wanted(two, 0), wanted(three, 1)], "u-wim")
    assert ([each.id for each in held], late) == ([one.id, three.id], {two.id})
    assert await seats.claim("demo", [wanted(two, 1, "e-2")], "u-wim") == ([], {two.id})
    assert await seats.taken("demo", [SLOT]) == {SLOT: [0, 1]}
    await tasks.apply("demo", held[0], ends.cancel(held[0], at=NOW, by=ANN, message=None))
    again, late = await seats.claim("demo", [wanted(two, 0, "e-2")], "u-wim")
    assert ([each.id for each in again], late) == ([two.id], frozenset())


async def test_another_tenants_seats_are_its_own(watched: tuple[mongo.Database, plans.Recorder]) -> None:
    database, _ = watched
    tasks, seats = Tasks(database), Seats(database)
    for tenant in ("demo", "acme"):
        made = task(queue(tenant=tenant))
        await tasks.insert(tenant, [made])
        held, _ = await seats.claim(tenant, [wanted(made, 0)], "u-wim")
        assert len(held) == 1
    assert await seats.taken("other", [SLOT]) == {SLOT: []}


CALLS: dict[str, tuple[str, Callable[[Seats], Awaitable[object]]]] = {
    "taken": ("seats", lambda seats: seats.taken("demo", [SLOT, "lane-2.1"])),
    "standing": ("seats", lambda seats: seats.standing("demo", [SLOT, "lane-2.1"])),
    "of a lane": ("seats", lambda seats: seats.of_lane("demo", "lane-1")),
    "parked": ("waits", lambda seats: seats.parked("demo", SLOT, 10)),
}


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_hot_query_reads_its_index(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
    database, recorder = watched
    tasks, seats = Tasks(database), Seats(database)
    made = [task() for _ in range(60)]
    await tasks.insert("demo", made)
    await seats.claim("demo", [wanted(each, number) for number, each in enumerate(made[:20])], "u-wim")
    await seats.park("demo", [each.id for each in made[20:40]], tickets.park(at=NOW, slot=SLOT))
    recorder.commands.clear()
    index, call = CALLS[name]
    await call(seats)
    assert recorder.commands
    for command in list(recorder.commands):
        plan = await plans.stages(database, command)
        assert not {"COLLSCAN", "SORT"} & set(plan), plan
        assert name == "parked" or "FETCH" not in plan, plan
    assert f"IXSCAN {index}" in await plans.stages(database, recorder.commands[0])
