"""Fails a test whose code asks MongoDB for a tenant's documents without naming the tenant (STYLE 7.9).

What the engine does over all tenants is exempt, by the place in `store/` that the command came from: `ENGINE`.
"""

import inspect
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

from pymongo import monitoring

OWNED = frozenset(
    {"tasks", "queues", "definitions", "definitionVersions", "events", "stats", "redrives", "schedules", "firings"}
    | {"flows", "flowTemplates", "flowTemplateVersions", "records", "eventTasks", "secrets"}
    | {"webhooks", "webhookDeliveries"}
    | {"imports", "importErrors", "uploadPieces", "filters", "bulks", "bulkParts", "triggers"}
    | {"comments", "commentTopics"}
)
"""Collections whose documents belong to tenants."""

ENGINE = frozenset(
    {"sweeps.py", "leftovers.py", "headers.py", "stream.py", "eventlog.py", "watch.py", "indexes.py"}
    | {
        "flow_sweeps.py",
        "definition_sweeps.py",
        "import_sweeps.py",
        "unread.py",
        "depths.py",
        "backup.py",
        "audit_check.py",
    }
    | {"record_sweeps.py", "wordless.py", "migrations.py"}
)
"""Files of `store/` that only the engine and the start of a process call."""

UNSCOPED = frozenset(
    {
        ("queues.py", "every"),
        ("notices.py", "_states"),
        ("queues.py", "keys"),
        ("queues.py", "keeping"),
        ("tenants.py", "erasable"),
        ("redrives.py", "open"),
        ("bulk.py", "open"),
        ("stats.py", "record"),
        ("schedules.py", "due"),
        ("schedules.py", "next_due"),
        ("webhooks.py", "active"),
    }
)
"""Methods elsewhere that are for the engine: (file, function)."""

_STORE = str(Path(__file__).parents[2] / "store")
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}/.*", re.DOTALL)


class Watch(monitoring.CommandListener):
    """Looks at every command of every client of this process while a test asks it to."""

    def __init__(self) -> None:
        self.offences: list[str] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command is about to be sent."""
        collection = event.command.get(event.command_name)
        if self.offences is None or not isinstance(collection, str) or collection not in OWNED:
            return
        origin = _origin()
        if origin is not None:
            self.offences += [
                f"{origin}: {event.command_name} of {collection} by {query}"
                for query in _queries(event.command_name, event.command)
                if not scoped(query)
            ]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to see."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to see."""


def scoped(query: Mapping[str, Any]) -> bool:
    """Whether a query names its tenant: as a field, or as the beginning of every `_id`."""
    if isinstance(query.get("tenant"), str):
        return True
    keys = _keys(query.get("_id"))
    if keys and all(isinstance(key, str) and _KEY.fullmatch(key) for key in keys):
        return True
    return any(scoped(part) for part in query.get("$and", ()))


def _keys(wanted: Any) -> list[Any]:
    if isinstance(wanted, str):
        return [wanted]
    bounds = cast("dict[str, Any]", wanted or {})
    return [*bounds.get("$in", ()), *(bounds[op] for op in ("$gt", "$eq") if op in bounds)]


@contextmanager
def watched() -> Generator[None]:
    """Raise AssertionError at the end where anything in `store/` forgot the tenant."""
    watch = _registered()
    offences: list[str] = []
    watch.offences = offences
    try:
        yield
    finally:
        watch.offences = None
    assert not offences, "\n".join(offences)


@cache
def _registered() -> Watch:
    watch = Watch()
    monitoring.register(watch)
    return watch


def _queries(name: str, command: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    match name:
        case "find":
            return [{**command.get("min", {}), **command["filter"]}]
        case "aggregate":
            stages: list[dict[str, Any]] = command["pipeline"]
            first: dict[str, Any] = stages[0] if stages else {}
            return [] if "$changeStream" in first else [first.get("$match", {})]
        case "update":
            return [each["q"] for each in command["updates"]]
        case "delete":
            return [each["q"] for each in command["deletes"]]
        case "findAndModify" | "count" | "distinct":
            return [command.get("query", {})]
        case "insert":
            return [{"_id": each["_id"], "tenant": each.get("tenant")} for each in command["documents"]]
        case _:
            return []


def _origin() -> str | None:
    """Where in `store/` the command came from; None for the engine's places, and for a test's own commands."""
    frame = inspect.currentframe()
    found = None
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_STORE):
            file = Path(code.co_filename).name
            if file in ENGINE or (file, code.co_name) in UNSCOPED:
                return None
            if file != "mongo.py":
                found = f"{file}:{frame.f_lineno} {code.co_name}"
        frame = frame.f_back
    return found
