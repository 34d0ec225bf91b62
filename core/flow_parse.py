"""Reads a flow template's JSON: every part by itself, so that each fault names its own place."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from core import errors, priority
from core.errors import Fault
from core.flow_template import Group, Step, Template

S = TypeVar("S", bound=msgspec.Struct)
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")
_CAMEL = re.compile(r"_([a-z])")


def parse(name: str, body: object) -> Template:
    """The template of a request body; raises `Invalid` with every malformed part, placed as `steps.count.params`.

    What it refers to is not looked at: that is `core.flow_check.check`.
    """
    if not isinstance(body, dict):
        raise errors.Invalid("A flow template is a JSON object.", faults=[Fault(field="", message="must be an object")])
    fields = dict(cast("dict[str, Any]", body))
    fields.pop("name", None)
    groups, steps = fields.pop("groups", []), fields.pop("steps", {})
    faults: list[Fault] = []
    label = fields.get("priority")
    if isinstance(label, str) and label in priority.BY_LABEL:
        fields["priority"] = priority.BY_LABEL[label].value
    template = _convert({**fields, "name": name}, Template, "", faults)
    read_groups = _groups(groups, faults)
    read_steps = _steps(steps, faults)
    if faults or template is None:
        raise errors.Invalid("The flow template is malformed.", faults=faults)
    return msgspec.structs.replace(template, groups=read_groups, steps=read_steps)


def _groups(raw: object, faults: list[Fault]) -> tuple[Group, ...]:
    if not isinstance(raw, list):
        faults.append(Fault(field="groups", message="must be a list"))
        return ()
    items = cast("list[object]", raw)
    found = [_convert(item, Group, f"groups.{number}", faults) for number, item in enumerate(items)]
    return tuple(group for group in found if group is not None)


def _steps(raw: object, faults: list[Fault]) -> dict[str, Step]:
    if not isinstance(raw, dict):
        faults.append(Fault(field="steps", message="must be an object of steps by their names"))
        return {}
    read: dict[str, Step] = {}
    for name, item in cast("dict[str, object]", raw).items():
        step = _convert(_long_form(item), Step, f"steps.{name}", faults)
        if step is not None:
            read[name] = step
    return read


def _long_form(item: object) -> object:
    """`"compensate": "refund"` is short for an object of that definition."""
    if isinstance(item, dict):
        fields = cast("dict[str, object]", item)
        if isinstance(fields.get("compensate"), str):
            return {**fields, "compensate": {"definition": fields["compensate"]}}
        return fields
    return item


def _convert(raw: object, kind: type[S], place: str, faults: list[Fault]) -> S | None:
    """The record, or None with a fault for each field that does not fit."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        if not isinstance(raw, dict):
            faults.append(Fault(field=place, message="must be an object"))
            return None
        faults += _field_by_field(cast("dict[str, Any]", raw), kind, place) or [_fault(str(error), place)]
        return None


def _field_by_field(raw: Mapping[str, Any], kind: type[msgspec.Struct], place: str) -> list[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults = [Fault(field=_join(place, name), message="unknown field") for name in raw if name not in fields]
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                faults.append(Fault(field=_join(place, name), message="is required"))
            continue
        try:
            msgspec.convert(raw[name], field.type)
        except msgspec.ValidationError as error:
            faults.append(_fault(str(error), _join(place, name)))
    return faults


def _fault(message: str, place: str) -> Fault:
    """A sentence of msgspec with its path (``Expected `int` - at `$.a[0].b` ``) as a fault below `place`."""
    found = _PLACE.search(message)
    inner = _INDEX.sub(r".\1", found.group(1)).replace(".....", "").strip(".") if found else ""
    return Fault(field=_join(place, inner), message=_PLACE.sub("", message))


def _join(place: str, inner: str) -> str:
    return f"{place}.{inner}" if place and inner else place or inner
