"""Log lines: JSON with the request they belong to; never a token."""

import logging
import re
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from core.settings import Settings
from core.task import Task

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(r"authorization|token|secret|password|cookie", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"[Bb]earer\s+\S+|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")

# One variable, not one for each word as structlog has: that costs every request more than most of them ever log.
_about: ContextVar[dict[str, Any] | None] = ContextVar("penstock_log", default=None)


def configure(settings: Settings) -> None:
    """Send everything that this process logs, uvicorn's lines and warnings included, to stderr as one JSON a line."""
    shared: list[Processor] = [
        about,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ending(settings)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name, passed_on in (("uvicorn", True), ("uvicorn.error", True), ("uvicorn.access", False)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], passed_on
    # A line for every call would drown the others, and name addresses that are nobody else's business.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def begin(**about: Any) -> None:
    """Every line of this request, or other work, says this from now on, and nothing of the one before."""
    _about.set(about)


def add(**about: Any) -> None:
    """This, too."""
    known = _about.get()
    if known is None:
        _about.set(about)
    else:
        known |= about


def about(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """The line with what it is about, where it does not say that itself."""
    return {**(_about.get() or {}), **line}


def of(task: Task) -> dict[str, Any]:
    """What a line about a task says of it, for `**`."""
    return {"tenant": task.tenant, "task": task.id, "attempt": task.attempt}


def _ending(settings: Settings) -> list[Processor]:
    if settings.log_json:
        return [structlog.processors.format_exc_info, hide, structlog.processors.JSONRenderer(default=str)]
    # Not with the values of variables: there are tokens and payloads among them.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [hide, plain]


def hide(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Take secrets out of a line, by the name of a field or by what a text looks like."""
    return {name: HIDDEN if _SECRET_NAME.search(name) else _hidden(value) for name, value in line.items()}


def _hidden(value: Any) -> Any:
    return _SECRET_TEXT.sub(HIDDEN, value) if isinstance(value, str) else value
