"""Who brings much is written apart from others, and nobody waits for somebody else's calls."""

import asyncio
from collections.abc import Sequence

import pytest

from broker.apart import LIGHT, Apart


class Store:
    """Answers each item with itself, when the test says so."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.go_on = asyncio.Event()

    async def keep(self, items: list[str]) -> Sequence[str]:
        """One call."""
        self.calls.append(items)
        await self.go_on.wait()
        if "ill" in items:
            raise ValueError("refused")
        return items


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_few_of_many_tenants_share_a_call() -> None:
    store = Store()
    apart: Apart[str, str] = Apart(store.keep, in_flight=1)
    asked = [asyncio.ensure_future(apart.add(f"t{number}", [f"i{number}"])) for number in range(10)]
    await _turns()
    assert store.calls == [[f"i{number}" for number in range(10)]]
    store.go_on.set()
    assert await asyncio.gather(*asked) == [[f"i{number}"] for number in range(10)]


async def test_much_is_written_apart_and_holds_up_nobody() -> None:
    store = Store()
    apart: Apart[str, str] = Apart(store.keep, in_flight=1)
    noisy = [asyncio.ensure_future(apart.add("noisy", ["n"] * 100)) for _ in range(5)]
    await _turns()
    assert len(store.calls) == 1
    quiet = asyncio.ensure_future(apart.add("quiet", ["q"]))
    await _turns()
    assert store.calls[1:] == [["q"]], "though all calls of the noisy tenant are taken"
    store.go_on.set()
    assert await quiet == ["q"]
    assert [len(await each) for each in noisy] == [100] * 5


async def test_a_tenant_that_has_much_under_way_one_by_one_is_written_apart_until_it_has_nothing() -> None:
    store = Store()
    apart: Apart[str, str] = Apart(store.keep, in_flight=1)
    first = asyncio.ensure_future(apart.add("quiet", ["q"]))
    await _turns()
    noisy = [asyncio.ensure_future(apart.add("noisy", [f"n{number}"])) for number in range(LIGHT + 1)]
    await _turns()
    assert store.calls == [["q"], [f"n{LIGHT}"]], "the first ones wait where others wait"
    store.go_on.set()
    await asyncio.gather(first, *noisy)
    store.calls.clear()
    await asyncio.gather(apart.add("noisy", ["n"]), apart.add("quiet", ["q"]))
    assert store.calls == [["n", "q"]]


async def test_a_failure_is_the_lanes_own() -> None:
    store = Store()
    store.go_on.set()
    apart: Apart[str, str] = Apart(store.keep)
    ill = asyncio.ensure_future(apart.add("noisy", ["ill"] * 100))
    assert await apart.add("quiet", ["q"]) == ["q"]
    with pytest.raises(ValueError, match="refused"):
        await ill
    assert await apart.add("noisy", ["n"]) == ["n"]


async def test_beside_others_a_tenant_with_much_has_one_call_at_a_time() -> None:
    store, others = Store(), set[str]()
    apart: Apart[str, str] = Apart(store.keep, in_flight=2, alone=lambda tenant: others <= {tenant})
    asked = [asyncio.ensure_future(apart.add("noisy", ["n"] * 100)) for _ in range(3)]
    await _turns()
    assert [len(call) for call in store.calls] == [100, 200]
    others.add("quiet")
    asked += [asyncio.ensure_future(apart.add("noisy", ["n"] * 100)) for _ in range(3)]
    store.go_on.set()
    await asyncio.gather(*asked)
    store.calls.clear()
    store.go_on.clear()
    asked = [asyncio.ensure_future(apart.add("noisy", ["n"] * 100)) for _ in range(3)]
    await _turns()
    assert [len(call) for call in store.calls] == [300]
    store.go_on.set()
    assert [len(await each) for each in asked] == [100] * 3
