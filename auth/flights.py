"""One call in flight a key: callers that want the same thing at the same moment share one fetch of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Flights(Generic[K, V]):
    """Coalesces concurrent fetches. A caller that gives up does not take the fetch away from the others."""

    def __init__(self, fetch: Callable[[K], Awaitable[V]]) -> None:
        self._fetch = fetch
        self._running: dict[K, asyncio.Task[V]] = {}

    def running(self, key: K) -> bool:
        """Whether somebody fetches `key` at this moment."""
        return key in self._running

    async def get(self, key: K) -> V:
        """The result of the fetch in flight, or of a new one; what it raises, everybody who waits gets."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._land(key))
            task.add_done_callback(_seen)
            self._running[key] = task
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Cancel what is in flight and wait until it is gone."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _land(self, key: K) -> V:
        try:
            return await self._fetch(key)
        finally:
            del self._running[key]


def _seen(task: asyncio.Task[V]) -> None:
    """Everybody who waited may have given up: the failure is nobody's news then, least of all the log's."""
    if not task.cancelled():
        task.exception()
