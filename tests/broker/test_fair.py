"""A full replica is shared evenly by the tenants that ask; one that is not full refuses nobody."""

import asyncio
from contextlib import ExitStack
from datetime import timedelta

import pytest

from broker import fair as fairness
from broker import loops
from broker.fair import HOLD_SECONDS, LIGHT, LINGER_SECONDS, SEEN_SECONDS, Fair
from core import errors
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until


def fill(fair: Fair, stack: ExitStack, tenant: str, most: int) -> int:
    """Begin as many requests as are let in, at most so many; answers how many were."""
    for begun in range(most):
        try:
            stack.enter_context(fair.turn(tenant))
        except errors.TooManyRequests:
            return begun
    return most


def test_a_tenant_that_is_alone_may_have_it_all(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    with ExitStack() as stack:
        assert fill(fair, stack, "noisy", 1000) == 1000
        with fair.turn("quiet"), pytest.raises(errors.TooManyRequests) as refusal, fair.turn("noisy"):
            pass
        assert refusal.value.extra["quota"] == "share"


def test_a_quiet_tenant_comes_in_though_all_is_full(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    with ExitStack() as stack:
        fill(fair, stack, "noisy", 10)
        assert fill(fair, stack, "quiet", 20) == 5
        assert fill(fair, stack, "noisy", 1) == 0
        assert fill(fair, stack, "third", 20) == 3


def test_who_asked_lately_finds_its_share_free(fake_clock: FakeClock) -> None:
    """Between two requests of the quiet one the noisy one does not take all of it again."""
    fair = Fair(fake_clock, room=10)
    with fair.turn("quiet"):
        pass
    with ExitStack() as stack:
        assert fill(fair, stack, "noisy", 50) == 10
        with fair.turn("quiet"):
            pass
    fake_clock.advance(timedelta(seconds=SEEN_SECONDS + 1))
    assert fair.share == 10


def test_what_ended_is_not_counted(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=2)
    for _ in range(100):
        with pytest.raises(ValueError, match="x"), fair.turn("noisy"):
            raise ValueError("x")
    with ExitStack() as stack:
        assert fill(fair, stack, "noisy", 2) == 2


class Works:
    """Heavy requests that are begun and ended by hand, and the order in which they got their turns."""

    def __init__(self, fair: Fair) -> None:
        self._fair = fair
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def work(self, tenant: str, name: str) -> None:
        self.ends[name] = asyncio.Event()
        async with self._fair.heavy(tenant, 100):
            self.begun.append(name)
            await self.ends[name].wait()

    def start(self, tenant: str, *names: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.work(tenant, name)) for name in names]


def seen(fair: Fair, *tenants: str) -> None:
    for tenant in tenants:
        with fair.turn(tenant):
            pass


async def test_of_heavy_requests_each_tenant_has_one_and_they_take_turns(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    seen(fair, "noisy", "loud", "quiet")
    works = Works(fair)
    tasks = works.start("noisy", "n0", "n1", "n2")
    await wait_until(lambda: "n2" in works.ends, what="all wait but one")
    assert works.begun == ["n0"]
    tasks += works.start("loud", "l0", "l1")
    await wait_until(lambda: "l1" in works.ends, what="its first beside it")
    assert works.begun == ["n0", "l0"]
    tasks += works.start("quiet", "q0", "q1")
    await wait_until(lambda: "q1" in works.ends, what="all wait")
    for name, following in (("n0", "n1"), ("l0", "l1"), ("l1", "q0"), ("n1", "n2"), ("q0", "q1")):
        works.ends[name].set()
        await wait_until(lambda following=following: works.begun[-1] == following, what=following)
    for end in works.ends.values():
        end.set()
    await asyncio.gather(*tasks)
    assert sorted(works.begun) == ["l0", "l1", "n0", "n1", "n2", "q0", "q1"]


async def test_a_heavy_request_that_is_given_up_keeps_no_place(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    seen(fair, "noisy", "quiet")
    works = Works(fair)
    (held,) = works.start("noisy", "held")
    await wait_until(lambda: works.begun == ["held"], what="the first")
    given_up = works.start("noisy", "given-up")
    await wait_until(lambda: "given-up" in works.ends, what="one that waits")
    (last,) = works.start("noisy", "last")
    await wait_until(lambda: "last" in works.ends, what="another one")
    await loops.ended(*given_up, held)
    await wait_until(lambda: works.begun == ["held", "last"], what="its turn")
    await loops.ended(last)


async def test_a_tenant_that_is_alone_and_a_light_request_wait_for_nobody(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    seen(fair, "noisy")
    works = Works(fair)
    tasks = works.start("noisy", *[f"n{number}" for number in range(20)])
    await wait_until(lambda: len(works.begun) == 20, what="all at once")
    await loops.ended(*tasks)
    seen(fair, "quiet")
    tasks = works.start("noisy", *[f"m{number}" for number in range(20)])
    await wait_until(lambda: len(works.begun) == 21, what="one")
    async with fair.heavy("quiet", LIGHT):
        assert len(works.begun) == 21
    await loops.ended(*tasks)


async def test_who_takes_no_turns_is_not_alone_beside_one_who_does(fake_clock: FakeClock) -> None:
    """As whoever only claims."""
    fair = Fair(fake_clock, room=10)
    seen(fair, "quiet")
    works = Works(fair)
    tasks = works.start("noisy", "n0", "n1")
    await wait_until(lambda: "n1" in works.ends, what="one waits")
    assert works.begun == ["n0"]
    await loops.ended(*tasks)


def test_who_is_alone_is_known(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    assert fair.alone("noisy")
    with fair.turn("noisy"):
        assert fair.alone("noisy")
        with fair.turn("quiet"):
            assert not fair.alone("noisy")
        assert not fair.alone("noisy"), "it asked lately"
        fake_clock.advance(timedelta(seconds=SEEN_SECONDS + 1))
        assert fair.alone("noisy")


async def test_no_heavy_request_begins_beside_light_ones_of_another_tenant(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    seen(fair, "noisy", "quiet")
    works = Works(fair)
    loop = asyncio.get_running_loop()
    with fair.light("quiet"):
        began = loop.time()
        tasks = works.start("noisy", "held")
        await wait_until(lambda: works.begun == ["held"], what="it is not held for ever")
        assert loop.time() - began >= HOLD_SECONDS * 0.9
        tasks += works.start("noisy", "next")
        await wait_until(lambda: "next" in works.ends, what="the next one waits")
    works.ends["held"].set()
    await wait_until(lambda: works.begun == ["held", "next"], what="its turn, with nobody else at work")
    await loops.ended(*tasks)


async def test_a_heavy_request_begins_soon_after_the_last_light_one(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "HOLD_SECONDS", 3600.0)
    fair = Fair(fake_clock, room=10)
    seen(fair, "noisy", "quiet")
    works = Works(fair)
    with fair.light("quiet"):
        (held,) = works.start("noisy", "held")
        await asyncio.sleep(0)
        assert works.begun == []
    ended = asyncio.get_running_loop().time()
    await wait_until(lambda: works.begun == ["held"], what="it begins")
    assert asyncio.get_running_loop().time() - ended >= LINGER_SECONDS * 0.9
    await loops.ended(held)
    with fair.light("quiet"):
        pass
    (follows,) = works.start("noisy", "follows")
    await asyncio.sleep(0)
    assert works.begun == ["held"]
    await wait_until(lambda: works.begun == ["held", "follows"], what="it begins, too")
    await loops.ended(follows)


async def test_a_tenants_own_light_requests_hold_nothing(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    seen(fair, "noisy", "quiet")
    works = Works(fair)
    with fair.light("noisy"):
        (mine,) = works.start("noisy", "mine")
        await asyncio.sleep(0)
        assert works.begun == ["mine"]
        async with fair.heavy("noisy", LIGHT):
            (theirs,) = works.start("quiet", "theirs")
            await asyncio.sleep(0)
            assert works.begun == ["mine"]
    await wait_until(lambda: works.begun == ["mine", "theirs"], what="it begins")
    await loops.ended(mine)
    with fair.light("noisy"):
        pass
    (next_one,) = works.start("noisy", "next")
    await asyncio.sleep(0)
    assert works.begun == ["mine", "theirs", "next"]
    await loops.ended(theirs, next_one)
