"""Built-in definitions (contract aidbox 6.2): tasks that the platform carries out itself. Every tenant has them.

They are bound to a queue of their own, which is made with them when one is first used. A tenant's own definition may
name one of them as its target too.
"""

import calendar
from datetime import datetime, timedelta
from typing import Any, NoReturn

import msgspec

from core import errors, flow_actions, schemas, selecting
from core.definition import Definition, Target, TargetKind
from core.errors import Fault
from core.queue import Queue
from core.task import ENGINE, Limits

WAIT = "awf.task/wait"
SUBSCRIBE = "awf.task/subscribe"
CLEAN_UP = "awf.task/clean-up-activities"
NAMES = (WAIT, SUBSCRIBE, CLEAN_UP)
AT_ONCE = frozenset({WAIT, SUBSCRIBE})
"""They begin with their submit, and nobody works on them: they wait for a moment or a record."""

NAMESPACE, QUEUE = "awf", "built-in"
_COUNT = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
_DATE = r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?$"
_NAMES = {"type": "array", "items": {"type": "string"}, "maxItems": 1000}
_SCHEMAS: dict[str, dict[str, Any]] = {
    WAIT: {
        "type": "object",
        "properties": {
            "duration": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {"hours": _COUNT, "minutes": _COUNT, "seconds": _COUNT},
            },
            "until": {"type": "string", "pattern": _DATE},
        },
        "additionalProperties": False,
        "oneOf": [{"required": ["duration"]}, {"required": ["until"]}],
    },
    SUBSCRIBE: {"type": "object", "required": ["select-by"], "properties": {"select-by": selecting.SCHEMA}},
    CLEAN_UP: {
        "type": "object",
        "required": ["rules"],
        "properties": {
            "rules": {
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "items": {
                    "type": "object",
                    "required": ["retentionPolicy"],
                    "properties": {
                        "retentionPolicy": {
                            "type": "object",
                            "required": ["unit", "value"],
                            "properties": {
                                "unit": {"enum": ["minute", "hour", "day", "week", "month", "year"]},
                                "value": {"type": "integer", "minimum": 0, "maximum": 100_000},
                            },
                        },
                        "includeDefinitions": _NAMES,
                        "excludeDefinitions": _NAMES,
                    },
                    "not": {"required": ["includeDefinitions", "excludeDefinitions"]},
                },
            }
        },
    },
}
_SAID = {
    WAIT: "Ends after a time (`duration`) or at a date (`until`).",
    SUBSCRIBE: "Ends when a record that matches `select-by` is reported; its result is that record.",
    CLEAN_UP: "Removes ended tasks and flows that are older than its rules say. For task-admins.",
}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a clean-up removes: what ended before a moment, of some definitions, or of all but some."""

    before: datetime
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()


def queue(tenant: str, *, lane: str, at: datetime) -> Queue:
    """The queue of the built-in definitions."""
    return Queue(
        tenant=tenant, namespace=NAMESPACE, name=QUEUE, lane=lane, version=1, created_at=at, created_by=ENGINE,
        updated_at=at, updated_by=ENGINE,
    )  # fmt: skip


def definition(tenant: str, name: str, *, lane: str, at: datetime, version: int) -> Definition:
    """A built-in definition."""
    return Definition(
        tenant=tenant, name=name, queue=f"{NAMESPACE}:{QUEUE}", lane=lane, version=version, created_at=at,
        created_by=ENGINE, updated_at=at, updated_by=ENGINE, description=_SAID[name], params_schema=_SCHEMAS[name],
        limits=Limits(), target=Target(kind=TargetKind.BUILTIN, name=name),
    )  # fmt: skip


def of(found: Definition) -> str | None:
    """Which of these carries out the definition's tasks; None where somebody else does."""
    mine = found.target.kind is TargetKind.BUILTIN and found.target.name in NAMES
    return found.target.name if mine else None


def check(found: Definition, params: Any) -> None:
    """Raise `PayloadMismatch` where a built-in could not work with these params."""
    name = of(found)
    if name is None:
        return
    schemas.check(_SCHEMAS[name], params, "params")
    if name == WAIT and "until" in params:
        _moment(params["until"])


def until(params: Any, at: datetime) -> datetime:
    """When a wait that begins now is over."""
    if "until" in params:
        return _moment(params["until"])
    return at + timedelta(**{unit: int(count) for unit, count in params["duration"].items()})


def rules(params: Any, at: datetime) -> list[Rule]:
    """What a clean-up that begins now removes."""
    return [
        Rule(
            before=_back(at, each["retentionPolicy"]["unit"], int(each["retentionPolicy"]["value"])),
            include=None if each.get("includeDefinitions") is None else tuple(each["includeDefinitions"]),
            exclude=tuple(each.get("excludeDefinitions") or ()),
        )
        for each in params["rules"]
    ]


def _moment(text: str) -> datetime:
    full = text + "-01-01"[3 * text.count("-") :] if len(text) < len("2026-01-01") else text
    found = flow_actions.moment(full)
    if found is None:
        _refuse("params.until", f"{text} is no date")
    return found


def _back(at: datetime, unit: str, value: int) -> datetime:
    if unit in {"minute", "hour", "day", "week"}:
        return at - timedelta(**{f"{unit}s": value})
    months = at.year * 12 + at.month - 1 - value * (12 if unit == "year" else 1)
    year, month = divmod(max(months, 12), 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, calendar.monthrange(year, month + 1)[1]))


def _refuse(field: str, message: str) -> NoReturn:
    raise errors.PayloadMismatch("params does not fit its definition.", faults=[Fault(field=field, message=message)])
