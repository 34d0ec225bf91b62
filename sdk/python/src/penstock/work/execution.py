"""One attempt: call the handler, and turn however it ends into what is reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import PydanticSerializationError, to_jsonable_python

from penstock.work.context import AnyContext
from penstock.work.outcomes import Fail, Outcome, Release, Stopped

_log = logging.getLogger("penstock.worker")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What is reported of an attempt. `drop`: nothing, because the task is not ours any more."""

    action: Literal["complete", "fail", "release", "drop"]
    result: Any = None
    error: Any = None
    retryable: bool = True


RELEASE = Ending(action="release")
DROP = Ending(action="drop")


def called(function: Callable[[AnyContext], Any], context: AnyContext) -> Ending:
    """The ending of a synchronous handler; never raises."""
    try:
        return of_result(function(context))
    except BaseException as error:  # noqa: BLE001 - a handler's error is reported, whatever it is
        return of_error(error, context)


async def awaited(function: Callable[[AnyContext], Awaitable[Any]], context: AnyContext) -> Ending:
    """The ending of an asynchronous handler; raises nothing but KeyboardInterrupt."""
    try:
        return of_result(await function(context))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a handler's error is reported, whatever it is
        return of_error(error, context)


def of_result(result: Any) -> Ending:
    """The ending of a handler that returned."""
    if isinstance(result, Outcome):
        return _of_outcome(result)
    if result is None:
        return Ending(action="complete")
    try:
        return Ending(action="complete", result=to_jsonable_python(result, by_alias=True, inf_nan_mode="null"))
    except (PydanticSerializationError, ValueError) as error:
        _log.warning("a task failed for good: what its handler returned cannot be made JSON: %s", _sentence(error))
        return Ending(action="fail", error={"type": "ResultNotJson", "message": _sentence(error)}, retryable=False)


def of_error(error: BaseException, context: AnyContext) -> Ending:
    """The ending of a handler that raised."""
    if isinstance(error, Outcome):
        return _of_outcome(error)
    if isinstance(error, asyncio.CancelledError | Stopped) and context.why_cancelled is not None:
        # A released task whose cancellation was asked for is canceled by the server.
        return DROP if context.why_cancelled == "lease-lost" else RELEASE
    _log.warning("task %s failed", context.id, exc_info=error)
    return Ending(action="fail", error={"type": type(error).__name__, "message": _sentence(error)})


def _of_outcome(outcome: Outcome) -> Ending:
    match outcome:
        case Release():
            return RELEASE
        case Fail():
            error = to_jsonable_python(outcome.error, fallback=str)
            return Ending(action="fail", error=error, retryable=outcome.retryable)
        case _:
            return Ending(action="fail", error={"type": type(outcome).__name__, "message": _sentence(outcome)})


def _sentence(error: BaseException) -> str:
    return str(error)[:4000]
