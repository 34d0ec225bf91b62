"""What an answer of an HTTP target means for its task, and when a target is given a rest: pure rules of the push.

A 2xx (or what the definition counts as success) completes the task; 202 says that it will be completed later by whoever
knows its fence. 408, 425, 429 and 5xx are tried again, by `Retry-After` (RFC 9110, 10.2.3) where it is later than the
backoff; any other status would come again, so it is final.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import msgspec

LONGEST_WAIT = timedelta(hours=24)
_PASSING = frozenset({408, 425, 429})
_ACCEPTED = 202
_EXCERPT = 500


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a definition's target is called. Seconds, bytes."""

    timeout_seconds: float = 30.0
    success: tuple[str, ...] = ("2xx",)
    """Statuses (`404`) and classes of them (`2xx`) that complete the task."""
    max_response_bytes: int = 1024 * 1024
    concurrency: int = 8
    """Calls at the same time, by each engine that pushes."""
    rate_per_second: float | None = None
    raw: bool = False
    """Send the params as they are, without our envelope and headers, as XFSC's task service does."""
    request_policy: str | None = None
    """Evaluated by the tenant's policy service in place of a call (contract xfsc-and-jobs 1.5)."""
    response_policy: str | None = None
    final_policy: str | None = None
    break_after: int = 5
    """Failures in a row after which the target is left alone."""
    break_seconds: float = 30.0


class Verdict(StrEnum):
    """What becomes of the task."""

    COMPLETE = "complete"
    ACCEPTED = "accepted"
    RETRY = "retry"
    FAIL = "fail"


def verdict(status: int, options: Options) -> Verdict:
    """What a status means."""
    if status == _ACCEPTED:
        return Verdict.ACCEPTED
    if any(_fits(status, each) for each in options.success):
        return Verdict.COMPLETE
    return Verdict.RETRY if status in _PASSING or status >= 500 else Verdict.FAIL


def result(body: bytes, media_type: str) -> Any:
    """The answer as a task's result: JSON where it is any, else text; nothing is None."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        del media_type
        return body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def error(status: int, body: bytes, media_type: str) -> dict[str, Any]:
    """A failure as a task's error: the status and the beginning of the answer."""
    said = result(body[:_EXCERPT], media_type)
    return {"type": "http-status", "status": status, "body": said}


def retry_after(written: str | None, *, at: datetime) -> datetime | None:
    """When a target wants to be asked again, by seconds or an HTTP date: at most a day ahead; None if unsaid."""
    if not written:
        return None
    if written.strip().isdigit():
        moment = at + min(timedelta(seconds=int(written.strip()[:9])), LONGEST_WAIT)
    else:
        try:
            moment = parsedate_to_datetime(written)
        except (ValueError, IndexError):
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return min(max(moment, at), at + LONGEST_WAIT)


def _fits(status: int, rule: str) -> bool:
    return rule == str(status) or (rule.endswith("xx") and rule[0] == str(status)[0])


class Breaker:
    """A circuit breaker: closed, until so many calls in a row failed; open for a time; then one call is tried."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._failures = 0
        self._open_until: datetime | None = None

    def waits(self, at: datetime) -> float:
        """Seconds for which nothing is to be sent; 0 when it may."""
        if self._open_until is None:
            return 0.0
        return max(0.0, (self._open_until - at).total_seconds())

    @property
    def probing(self) -> bool:
        """Whether the next call shows if the target is well again: only one may be made."""
        return self._open_until is not None

    def succeeded(self) -> None:
        """The target answered, and was well."""
        self._failures, self._open_until = 0, None

    def failed(self, at: datetime) -> None:
        """The target did not answer, or said that it is not well."""
        self._failures += 1
        if self._failures >= self._options.break_after:
            self._open_until = at + timedelta(seconds=self._options.break_seconds)
