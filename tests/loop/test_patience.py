"""A time limit that is set only where something is waited for."""

import asyncio

import pytest

from loop import patience


async def test_an_answer_that_is_there_is_given_at_once() -> None:
    async def there() -> str:
        return "there"

    assert await patience.within(0.0, there()) == "there"


async def test_an_answer_that_comes_in_time_is_given() -> None:
    async def late() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return "late"

    assert await patience.within(60.0, late()) == "late"


async def test_one_that_takes_too_long_is_ended() -> None:
    ended = False

    async def never() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    with pytest.raises(TimeoutError):
        await patience.within(0.001, never())
    assert ended


async def test_a_cancellation_reaches_what_is_waited_for() -> None:
    cancelled = asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = asyncio.create_task(patience.within(60.0, never()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert cancelled.is_set()


async def test_what_it_raises_is_raised() -> None:
    async def broken(*, at_once: bool) -> None:
        if not at_once:
            await asyncio.sleep(0)
        raise ValueError("broken")

    for at_once in (True, False):
        with pytest.raises(ValueError, match="broken"):
            await patience.within(60.0, broken(at_once=at_once))
