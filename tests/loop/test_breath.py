"""Work on many things is interrupted for others, and none is left out."""

import asyncio

from loop import breath


async def test_others_have_their_turns_between() -> None:
    seen: list[int] = []
    at: list[int] = []

    async def other() -> None:
        while len(seen) < 20:
            at.append(len(seen))
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    async for number in breath.each(range(20), seconds=0):
        seen += [number]
    await beside
    assert seen == list(range(20))
    assert at == list(range(20))


async def test_little_work_is_done_in_one_go() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        turns += 1

    beside = asyncio.create_task(other())
    assert [number async for number in breath.each(range(3), seconds=60)] == [0, 1, 2]
    assert turns == 0
    await beside
