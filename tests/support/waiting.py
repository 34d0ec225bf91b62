"""Waiting for something to become true, in place of sleeping and hoping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

T = TypeVar("T")


async def wait_until(
    predicate: Callable[[], T | Awaitable[T]],
    *,
    what: str,
    timeout: float = 10.0,
    every: float = 0.01,
) -> T:
    """Ask until the answer is true, and hand that answer back; seconds.

    Raises AssertionError with `what` and the last answer when `timeout` passes first.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while True:
        answer = predicate()
        value = await answer if inspect.isawaitable(answer) else cast("T", answer)
        if value:
            return value
        if loop.time() > end:
            raise AssertionError(f"not within {timeout:g} s: {what}; the last answer was {value!r}")
        await asyncio.sleep(every)
