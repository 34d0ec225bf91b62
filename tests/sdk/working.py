"""Workers in this process, against the real server, and what tests ask of them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from penstock import AsyncClient, Worker
from penstock.models.task import Task

from tests.sdk.conftest import Server
from tests.support.waiting import wait_until


class Counted(httpx.AsyncHTTPTransport):
    """Counts requests by the last word of their path."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it on."""
        word = request.url.path.rsplit("/", 1)[1]
        self.seen[word] = self.seen.get(word, 0) + 1
        return await super().handle_async_request(request)


def worker(server: Server, *, url: str | None = None, counted: Counted | None = None, **options: Any) -> Worker:
    """A worker that is wim; `url` leads it through a proxy."""
    login = server.login("wim")
    quick: dict[str, Any] = {"poll_seconds": 5.0, "heartbeat_seconds": 0.2} | options
    return Worker(client=lambda: AsyncClient(url or server.api, token=login, http=counted), **quick)


@asynccontextmanager
async def serving(*workers: Worker) -> AsyncGenerator[None]:
    """Workers that work until the block is left; fails if one left something behind."""
    running = [asyncio.create_task(each.serve()) for each in workers]
    try:
        yield
    finally:
        for each in workers:
            each.stop()
        clean = await asyncio.gather(*running)
    assert all(clean)


async def ended(client: AsyncClient, *tasks: Task) -> list[Task]:
    """The tasks when all have ended."""
    return [await client.tasks.wait(task, timeout=60) for task in tasks]


async def becomes(client: AsyncClient, task: Task, holds: Callable[[Task], object], what: str) -> Task:
    """The task as soon as this holds of it."""

    async def look() -> Task | None:
        now = await client.tasks.get(task)
        return now if holds(now) else None

    found = await wait_until(look, what=what, timeout=20)
    assert found is not None
    return found
