"""The import record: a file of NDJSON whose lines become tasks of a queue, where it is read from, and how far it is.

A line's task has an id that follows from the import and the line's number, so that a line which is submitted twice (an
engine died between the submit and the note of it) is one task all the same.
"""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from core import errors
from core.errors import Fault
from core.priority import Priority
from core.task import Actor, Outcome, Reason

MOST_ERRORS = 10_000
"""Refused lines that are kept one by one; beyond these they are counted only."""
MOST_FAILURES = 12
"""How often a source may fail in a row, without a line read in between, before the import ends failed."""
BROKEN_OFF = timedelta(minutes=15)
"""An upload of which nothing came for so long is over: whoever sent it is gone."""

_FIRST_REST = 0.5
_LONGEST_REST = 60.0
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


class ImportState(StrEnum):
    """Where an import is. The names of all but the last sort after "done": partial indexes select `state > "done"`."""

    RECEIVING = "receiving"
    """Its file is being uploaded."""
    WAITING = "waiting"
    RUNNING = "in-progress"
    DONE = "done"


class SourceKind(StrEnum):
    """Where a file is read from."""

    UPLOAD = "upload"
    LINK = "link"
    S3 = "s3"
    GCS = "gcs"


class Encoding(StrEnum):
    """How a file is packed; `auto` looks at its first bytes."""

    AUTO = "auto"
    PLAIN = "plain"
    GZIP = "gzip"


class Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One file. `endpoint` is that of an S3-compatible or Google Cloud Storage server other than the usual one."""

    kind: SourceKind
    url: str | None = None
    endpoint: str | None = None
    region: str | None = None
    secret_ref: str | None = None
    """The tenant's secret with the credentials; without one the object must be public."""
    file_name: str | None = None
    encoding: Encoding = Encoding.AUTO


class LineOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a line becomes: the params of a task, or (`tasks`) what a submit's body would say."""

    lines: Literal["params", "tasks"] = "params"
    definition: str | None = None
    name: str | None = None
    priority: Priority | None = None
    labels: tuple[str, ...] = ()
    context: dict[str, Any] = {}
    record_id_field: str | None = None
    """The member of params whose value is the task's `recordId`, where it has one."""


class Import(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One import. `seq` grows with every write by people, `runner` is the fence of the engine that reads it."""

    tenant: str
    id: str
    queue: str
    """`namespace:name`."""
    state: ImportState
    seq: int
    source: Source
    order: LineOrder = LineOrder()
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    uploads: tuple[str, ...] = ()
    """Names of the kept bytes: the last is the file, others are uploads that broke off; erased when it has ended."""
    dedup_key: str | None = None
    """A repeat of the request under the same key at the same queue answers this import."""
    fingerprint: str | None = None
    task: str | None = None
    """The task that it is done for, which ends with it; held by an engine, under this fence:"""
    exec_id: str | None = None
    unreported: bool | None = None
    """True until that task shows the import's end."""

    lines: int = 0
    """The number of the last line that was dealt with."""
    accepted: int = 0
    refused: int = 0
    position: int = 0
    """Bytes of the unpacked text up to the end of that line."""
    bytes_read: int = 0
    """Bytes of the file as it is stored, up to there or somewhat more."""
    bytes_total: int | None = None
    version: str | None = None
    """What the source called this state of the file when it was first opened (an ETag): it must not change under us."""

    encoding: Encoding | None = None
    """How the file turned out to be packed."""

    runner: str | None = None
    failures: int = 0
    due_at: datetime | None = None
    """When it is tried again, after its source failed."""
    cancel_by: Actor | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None


class LineError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A line that became no task: its number, counted from 1, and why."""

    tenant: str
    job: str
    """The import's id."""
    line: int
    code: str
    message: str
    field: str | None = None
    at: datetime


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What some lines came to: how many became tasks, and where the next one begins."""

    lines: int
    position: int
    bytes_read: int
    accepted: int
    errors: tuple[LineError, ...]


def task_id(import_id: str, line: int) -> str:
    """The id of a line's task: it sorts by import and line."""
    return f"{import_id}.{line:08d}"


def rest(failures: int) -> timedelta:
    """How long an import waits after its source failed so often in a row."""
    return timedelta(seconds=min(_FIRST_REST * 2 ** min(failures, 20), _LONGEST_REST))


def bucket_of(url: str, field: str) -> tuple[str, str]:
    """Bucket and object of an `s3://` or `gs://` address; raises `Invalid`."""
    parts = urlsplit(url)
    bucket, name = parts.netloc, unquote(parts.path.removeprefix("/"))
    if _BUCKET.fullmatch(bucket) is None or ".." in bucket or not name or parts.query or parts.fragment:
        message = f"must be {parts.scheme}://bucket/object, special characters of the object percent-encoded"
        raise errors.Invalid(f"{field} {message}.", faults=[Fault(field=field, message=message)])
    return bucket, name


def check_region(region: str | None, field: str) -> None:
    """Raise `Invalid` unless it may be the name of a region: it becomes a part of a host's name."""
    if region is not None and _REGION.fullmatch(region) is None:
        message = "must be the name of a region, as eu-central-1"
        raise errors.Invalid(f"{field} {message}.", faults=[Fault(field=field, message=message)])
