"""Waiting for a task to end: told by the live feed of events, and in case that is late, by a look each second."""

import asyncio
import contextlib

from starlette.requests import Request

from api import context, hangup
from api.feed import Tail
from core.task import State, Task

LOOK_SECONDS = 1.0


async def until_done(request: Request, task: Task, seconds: float) -> Task:
    """The task as it is when it has ended, or after so many seconds; sooner when the caller or the server goes."""
    here = context.of(request)
    if task.state is State.DONE or seconds <= 0:
        return task
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    async with hangup.watched(request, here.closing) as gone, here.feed.following(task.tenant) as tail:
        leaving = asyncio.create_task(gone.wait())
        try:
            while True:
                seen = tail.reached
                now = await here.parts.record.tasks.get(task.tenant, task.id)
                if now is None:
                    return task
                task = now
                left = end - loop.time()
                if task.state is State.DONE or gone.is_set() or left <= 0:
                    return task
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, LOOK_SECONDS)):
                        await _heard(tail, task.id, seen, leaving)
        finally:
            leaving.cancel()


async def _heard(tail: Tail, task_id: str, seen: int, leaving: asyncio.Task[bool]) -> None:
    """Return when there is an event of the task behind number `seen`, or somebody leaves."""
    while not leaving.done():
        news = tail.news
        if seen < tail.floor or any(item.event.task == task_id for item in tail.behind(seen)):
            return
        seen = tail.reached
        hearing = asyncio.create_task(news.wait())
        try:
            await asyncio.wait([hearing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            hearing.cancel()
