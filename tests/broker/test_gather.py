"""Group commit: what comes together travels together, much of it is shared among calls, and nobody is mixed up."""

import asyncio
from collections.abc import Sequence

import pytest

from broker.gather import FEW, Gather


class Store:
    """Answers each item with itself when the test says so."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go_on = asyncio.Event()

    async def keep(self, items: list[int]) -> Sequence[int]:
        """One call."""
        self.calls.append(items)
        await self.go_on.wait()
        if -1 in items:
            raise ValueError("refused")
        return items


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_few_that_come_together_are_one_call() -> None:
    store = Store()
    gather: Gather[int, int] = Gather(store.keep)
    asked = [asyncio.ensure_future(gather.add([number])) for number in range(FEW)]
    await _turns()
    assert store.calls == [list(range(FEW))]
    store.go_on.set()
    assert await asyncio.gather(*asked) == [[number] for number in range(FEW)]


async def test_many_are_shared_among_the_calls_that_are_free() -> None:
    store = Store()
    gather: Gather[int, int] = Gather(store.keep, in_flight=3)
    asked = [asyncio.ensure_future(gather.add([number])) for number in range(90)]
    await _turns()
    assert [len(call) for call in store.calls] == [30, 30, 30]
    store.go_on.set()
    assert await asyncio.gather(*asked) == [[number] for number in range(90)]


async def test_what_comes_while_all_calls_run_waits_and_then_goes() -> None:
    store = Store()
    gather: Gather[int, int] = Gather(store.keep, in_flight=2)
    first = [asyncio.ensure_future(gather.add([number])) for number in range(2 * FEW + 1)]
    await _turns()
    assert len(store.calls) == 2
    later = [asyncio.ensure_future(gather.add([number, number])) for number in range(3)]
    await _turns()
    assert len(store.calls) == 2
    store.go_on.set()
    assert await asyncio.gather(*later) == [[0, 0], [1, 1], [2, 2]]
    await asyncio.gather(*first)
    await gather.drain()


async def test_items_that_were_given_together_travel_together_and_within_the_most() -> None:
    store = Store()
    gather: Gather[int, int] = Gather(store.keep, in_flight=2, most=100)
    store.go_on.set()
    answers = await asyncio.gather(gather.add(range(150)), gather.add(range(60)), gather.add(range(60)), gather.add([]))
    assert [list(answer) for answer in answers] == [list(range(150)), list(range(60)), list(range(60)), []]
    assert sorted(len(call) for call in store.calls) == [60, 60, 150]


async def test_a_failure_is_everybodys_who_travelled_along_and_nobody_elses() -> None:
    store = Store()
    gather: Gather[int, int] = Gather(store.keep, in_flight=1)
    ill = [asyncio.ensure_future(gather.add([number])) for number in (-1, 1)]
    await _turns()
    well = asyncio.ensure_future(gather.add([2]))
    store.go_on.set()
    for each in ill:
        with pytest.raises(ValueError, match="refused"):
            await each
    assert await well == [2]


async def test_one_that_gave_up_does_not_disturb_the_others() -> None:
    store = Store()
    gather: Gather[int, int] = Gather(store.keep)
    gone, stays = asyncio.ensure_future(gather.add([1])), asyncio.ensure_future(gather.add([2]))
    await _turns()
    gone.cancel()
    store.go_on.set()
    assert await stays == [2]
    assert gone.cancelled()
