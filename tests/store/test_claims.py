"""Hand-outs of several claims in one call: each gets its own, under its own fence, and no task goes out twice."""

from datetime import timedelta

from core import errors
from core.priority import Priority
from core.task import Actor, State, Task
from core.transitions import edits, holds
from store import mongo
from store.tasks import Handout, Tasks
from tests.support.making import ANN, NOW, WIM, queue, task


def _handout(fence: str, who: Actor, *tickets: tuple[str, int], tenant: str = "demo", start: bool = True) -> Handout:
    change = holds.claim(at=NOW, by=who, worker=None, exec_id=fence, start=start)
    return Handout(tenant=tenant, tickets=tickets, change=change, me=who.id)


def given(held: list[list[Task] | Exception]) -> list[list[Task]]:
    """What each claim got; none failed."""
    assert not [each for each in held if isinstance(each, Exception)]
    return [each for each in held if not isinstance(each, Exception)]


async def test_each_claim_gets_its_tasks_under_its_fence(tasks: Tasks) -> None:
    many = [task(at=NOW - timedelta(seconds=10 - n)) for n in range(4)]
    await tasks.insert("demo", many)
    first = _handout("f1", ANN, *((each.id, each.priority) for each in (many[2], many[0])))
    second = _handout("f2", WIM, (many[1].id, many[1].priority), start=False)
    third = _handout("f3", WIM, ("gone", 1))
    one, two, none = given(await tasks.claim_all([first, second, third]))
    assert [(each.id, each.exec_id, each.holder) for each in one] == [(many[0].id, "f1", ANN), (many[2].id, "f1", ANN)]
    assert [(each.id, each.exec_id, each.state) for each in two] == [(many[1].id, "f2", State.REQUESTED)]
    assert none == []
    left = await tasks.get("demo", many[3].id)
    assert left is not None
    assert left.state is State.READY


async def test_a_task_with_two_tickets_goes_to_one(tasks: Tasks) -> None:
    one = task()
    await tasks.insert("demo", [one])
    held = given(await tasks.claim_all([_handout(f"f{n}", WIM, (one.id, one.priority)) for n in range(3)]))
    assert sorted(len(each) for each in held) == [0, 0, 1]


async def test_a_ticket_of_a_priority_that_the_task_has_no_more_is_in_vain(tasks: Tasks) -> None:
    old, right = task(priority=Priority.HIGH), task(priority=Priority.URGENT)
    await tasks.insert("demo", [old, right])
    mine, theirs = given(
        await tasks.claim_all(
            [
                _handout("f1", WIM, (old.id, Priority.NORMAL), (right.id, Priority.URGENT)),
                _handout("f2", WIM, (old.id, Priority.LOW)),
            ]
        )
    )
    assert [each.id for each in mine] == [right.id]
    assert theirs == []


async def test_equal_ids_of_two_tenants_are_kept_apart(tasks: Tasks) -> None:
    ours, theirs = task(id="same"), task(queue(tenant="acme"), id="same")
    await tasks.insert_mixed([("demo", ours), ("acme", theirs)])
    demo, acme = given(
        await tasks.claim_all(
            [
                _handout("f1", WIM, ("same", ours.priority)),
                _handout("f2", ANN, ("same", theirs.priority), tenant="acme"),
            ]
        )
    )
    assert [(each.tenant, each.exec_id) for each in demo] == [("demo", "f1")]
    assert [(each.tenant, each.exec_id) for each in acme] == [("acme", "f2")]


async def test_a_task_of_somebody_else_is_not_handed_out(tasks: Tasks) -> None:
    one, other = task(), task()
    await tasks.insert("demo", [one, other])
    assert await tasks.apply("demo", one, edits.assign(one, at=NOW, by=ANN, to=ANN)) is not None
    wims, anns = given(
        await tasks.claim_all(
            [
                _handout("f1", WIM, (one.id, one.priority), (other.id, other.priority)),
                _handout("f2", ANN, (one.id, one.priority)),
            ]
        )
    )
    assert [each.id for each in wims] == [other.id]
    assert [each.id for each in anns] == [one.id]


async def test_tasks_that_cannot_be_read_are_the_trouble_of_their_own_claim(
    database: mongo.Database, tasks: Tasks
) -> None:
    ours, theirs = task(), task(queue(tenant="acme"))
    await tasks.insert_mixed([("demo", ours), ("acme", theirs)])
    sealed = {"encrypted": True, "params": b"\x01\x00\x01sealed with a key that is not here"}
    await database["tasks"].update_one({"_id": f"acme/{theirs.id}"}, {"$set": sealed})
    mine, refused = await tasks.claim_all(
        [
            _handout("f1", WIM, (ours.id, ours.priority)),
            _handout("f2", ANN, (theirs.id, theirs.priority), tenant="acme"),
        ]
    )
    assert isinstance(mine, list)
    assert [each.id for each in mine] == [ours.id]
    assert isinstance(refused, errors.Unavailable)
