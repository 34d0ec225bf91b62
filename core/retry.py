"""When a failed attempt is tried again: attempts and backoff."""

import random
from datetime import timedelta
from enum import StrEnum

import msgspec

from core import clock


class BackoffKind(StrEnum):
    """How the delay grows from one failure to the next."""

    FIXED = "fixed"
    EXPONENTIAL = "exponential"


class Backoff(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Delay before the next attempt; seconds may be fractions.

    `jitter` is the share of the delay that is random: 0 none, 0.5 means between 50 % and 100 % of it.
    """

    kind: BackoffKind = BackoffKind.FIXED
    initial_seconds: float = 10.0
    max_seconds: float = 3600.0
    jitter: float = 0.0


class Retry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How often a task is tried in all, and how long it rests in between (defaults: contract aidbox 4)."""

    max_attempts: int = 2
    backoff: Backoff = Backoff()


def delay(backoff: Backoff, failures: int, dice: random.Random) -> timedelta:
    """The rest after the `failures`-th failure (1 or more); never longer than `max_seconds`, never negative."""
    if backoff.kind is BackoffKind.EXPONENTIAL:
        seconds = backoff.initial_seconds * 2.0 ** min(failures - 1, 62)
    else:
        seconds = backoff.initial_seconds
    seconds = min(seconds, backoff.max_seconds)
    return clock.span(seconds * (1.0 - backoff.jitter * dice.random()))
