"""How the engine's loops go round: a step at a time, for ever, whatever fails; and how they end.

Ending takes care, since a cancellation can be swallowed (`loop.cancelling.heed`): loops look whether they were
cancelled, and who cancels does it until it is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import structlog
import tenacity

from core import errors
from loop import cancelling

_log = structlog.get_logger(__name__)

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0

ended = cancelling.ended

Step = Callable[[], Awaitable[float]]
"""One round; answers how many seconds to rest before the next."""


async def repeat(name: str, step: Step, *, wake: asyncio.Event | None = None) -> None:
    """Take steps for ever; `wake` ends a rest early.

    A step that fails is taken again, with growing delays (0.2 to 5 s) as long as it goes on failing.
    """
    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(Exception),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_DELAY, max=LONGEST_DELAY),
        before_sleep=lambda state: _report(name, state),
    )

    async def once() -> float:
        cancelling.heed()
        return await step()

    while True:
        await _rest(await attempts(once), wake)


async def persist(name: str, work: Callable[[], Awaitable[None]], *, but: type[Exception]) -> None:
    """Do some long work until it ends well, beginning again with growing delays when it fails; raises `but`."""
    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, Exception) and not isinstance(error, but)),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_DELAY, max=LONGEST_DELAY),
        before_sleep=lambda state: _report(name, state),
        reraise=True,
    )

    # A coroutine function, whatever `work` is: tenacity awaits nothing else.
    async def once() -> None:
        cancelling.heed()
        await work()

    await attempts(once)


async def _rest(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None or not seconds:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()


def _report(name: str, state: tenacity.RetryCallState) -> None:
    """A server that is away is said in a line; anything else is a fault of ours, with its trace."""
    error = state.outcome.exception() if state.outcome is not None else None
    fields = {"loop": name, "attempt": state.attempt_number, "wait": state.upcoming_sleep}
    away = _away(error)
    if away is not None:
        _log.warning("loop waits", error=away.detail, **fields)
    else:
        _log.error("loop failed", exc_info=error, **fields)


def _away(error: BaseException | None) -> errors.Unavailable | None:
    """The server that is away, where nothing else went wrong in a step, not even side by side."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return _away(group.exceptions[0]) if group.split(errors.Unavailable)[1] is None else None
    return error if isinstance(error, errors.Unavailable) else None
