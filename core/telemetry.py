"""Where work comes from: the W3C trace context of the caller, carried with a task from its submit to its end."""

import re
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

current: ContextVar[str | None] = ContextVar("penstock_traceparent", default=None)
"""The `traceparent` under which this code runs; None when nobody traces."""


def read(header: str) -> str | None:
    """A `traceparent` header if it is one (W3C Trace Context, 3.2), else None."""
    return header if _TRACEPARENT.fullmatch(header) else None
