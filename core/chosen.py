"""The settings of a process at its start, or what is wrong with them, by the names that an operator gave."""

from collections.abc import Mapping
from typing import Any

import pydantic

from core.diagnosis import Diagnosis
from core.settings import Settings

_PREFIX = "PENSTOCK_"


def settings(values: Mapping[str, Any] | None = None) -> Settings | list[Diagnosis]:
    """The settings of the environment, or what is wrong with them."""
    try:
        return Settings.model_validate(values or {})
    except pydantic.ValidationError as error:
        return [_fault(fault) for fault in error.errors(include_url=False, include_input=False)]


def _fault(fault: Any) -> Diagnosis:
    name = _PREFIX + "_".join(str(part) for part in fault["loc"]).upper().removeprefix(_PREFIX) if fault["loc"] else ""
    what = f"{name} {fault['msg'].removeprefix('Value error, ')}".strip()
    if fault["type"] == "missing":
        what = f"{name} is not set"
    return Diagnosis(code="settings", where="Settings", what=what, do="see docs/operations/settings.md")
