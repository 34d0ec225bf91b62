"""Identifiers: how they are made, and the fixed shapes of names."""

import hashlib
import re

import uuid_utils

from core import errors

NAME = re.compile(r"[A-Za-z0-9\-_ ]{1,50}")
"""What a queue's namespace and name may be (contract adsp 2.3)."""

TENANT = re.compile(r"[a-z0-9][a-z0-9\-]{0,39}")
TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,99}")
DEFINITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/\-]{0,149}")


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): ids sort by the moment they were made, which keeps index inserts at one end."""
    return str(uuid_utils.uuid7())


def new_secret() -> str:
    """A random UUID (version 4): for what must not be guessed, such as an `execId`."""
    return str(uuid_utils.uuid4())


def digest(*parts: str) -> str:
    """A short stable name derived from parts: 16 hex digits of their SHA-256."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def check_name(value: str, field: str) -> str:
    """Raise `Invalid` unless `value` may be a queue's namespace or name."""
    if NAME.fullmatch(value) is None:
        raise errors.Invalid(
            f"{field} must be 1 to 50 letters, digits, '-', '_' or spaces.",
            faults=[errors.Fault(field=field, message="must match [A-Za-z0-9-_ ]{1,50}")],
        )
    return value
