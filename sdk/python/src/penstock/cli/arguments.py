"""Arguments and options that several commands have, and values as people write them."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import typer

from penstock import connection, errors
from penstock.client import Client
from penstock.transport import NO_RETRIES

_RECENT = 50
"""How many tasks or flows are offered to complete an id."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _completing(names: Callable[[Client], Iterable[str]]) -> Callable[[str], list[str]]:
    """Completes for the shell what begins so; to nothing when the server cannot be asked."""

    def complete(incomplete: str) -> list[str]:
        try:
            found = connection.find()
            with Client(
                found.url, token=found.provider, tenant=found.tenant, retries=NO_RETRIES, timeout=2.0
            ) as client:
                return [name for name in names(client) if name.startswith(incomplete)]
        except errors.PenstockError:
            return []

    return complete


complete_queue = _completing(lambda client: (each.key for each in client.queues.list()))
complete_definition = _completing(lambda client: (each.name for each in client.definitions.list()))
complete_template = _completing(lambda client: (each.name for each in client.flow_templates.list()))
complete_schedule = _completing(lambda client: (each.id for each in client.schedules.list()))
complete_webhook = _completing(lambda client: (each.id for each in client.webhooks.list()))
complete_flow = _completing(lambda client: (each.id for each in client.flows.list(limit=_RECENT)))
complete_task = _completing(lambda client: (each.id for each in client.tasks.list(limit=_RECENT)))

Queue = Annotated[
    str, typer.Argument(help="The queue, namespace:name.", metavar="QUEUE", autocompletion=complete_queue)
]
Params = Annotated[str | None, typer.Option(help="The params, as JSON or @file.")]
Param = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="One of them; the value is JSON or a string.", metavar="NAME=VALUE"),
]
File = Annotated[str | None, typer.Option(help="All of it as JSON, as text or @file.")]
Version = Annotated[int | None, typer.Option(help="Only if this is still its version.")]
TaskId = Annotated[str, typer.Argument(help="The task's id.", metavar="TASK", autocompletion=complete_task)]
TaskIds = Annotated[list[str], typer.Argument(help="Ids of tasks.", metavar="TASK...", autocompletion=complete_task)]


def seconds(text: str | None) -> float | None:
    """A duration: `90`, `500ms`, `30s`, `5m`, `2h`, `1d`. Raises UsageError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if match is None or (match[2] or "s") not in _UNITS:
        raise errors.UsageError(f"{text!r} is not a duration; write 90, 500ms, 30s, 5m, 2h or 1d.")
    return float(match[1]) * _UNITS[match[2] or "s"]


def moment(text: str | None) -> datetime | None:
    """A time: ISO 8601 (local time without a zone), or how long ago: `2h`. Raises UsageError."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass
    try:
        return datetime.now(UTC) - timedelta(seconds=seconds(text) or 0.0)
    except errors.UsageError:
        hint = "write 2026-03-01, 2026-03-01T09:30, 2026-03-01T09:30Z, or 2h for two hours ago"
        raise errors.UsageError(f"{text!r} is not a time; {hint}.") from None


def future(text: str | None) -> datetime | None:
    """A time to come: ISO 8601 (local time without a zone), or in how long: `2h`. Raises UsageError."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass
    try:
        return datetime.now(UTC) + timedelta(seconds=seconds(text) or 0.0)
    except errors.UsageError:
        hint = "write 2026-03-01, 2026-03-01T09:30, 2026-03-01T09:30Z, or 2h for in two hours"
        raise errors.UsageError(f"{text!r} is not a time; {hint}.") from None


def params_of(params: str | None, pairs: list[str] | None) -> Any:
    """`--params` as JSON, and `--param` pairs over it; None when neither was given. Raises UsageError."""
    if not pairs:
        return json_value(params, "--params")
    return (json_object(params, "--params") or {}) | assignments(pairs)


def json_value(text: str | None, name: str) -> Any:
    """JSON, or `@file` to read it from; None for None. Raises UsageError."""
    if text is None:
        return None
    try:
        if text.startswith("@"):
            with open(text[1:], encoding="utf-8") as file:  # noqa: PTH123 - as the shell names it
                text = file.read()
        return json.loads(text)
    except OSError as error:
        raise errors.UsageError(f"{name}: {error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise errors.UsageError(f"{name} is not JSON: {error}") from None


def json_object(text: str | None, name: str) -> dict[str, Any] | None:
    """As `json_value`, and it must be an object."""
    found = json_value(text, name)
    if found is not None and not isinstance(found, dict):
        raise errors.UsageError(f"{name} must be a JSON object.")
    return cast("dict[str, Any] | None", found)


def assignments(pairs: list[str] | None) -> dict[str, Any]:
    """`name=value` pairs; a value that reads as JSON is that, else it is a string. Raises UsageError."""
    found: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise errors.UsageError(f"{pair!r} is not name=value.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
