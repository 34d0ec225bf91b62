"""The settings of a process at its start, or what is wrong with them, by the names that an operator gave."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic
from pydantic_settings import BaseSettings

from core.diagnosis import Diagnosis
from core.settings import Settings

Chosen = TypeVar("Chosen", bound=BaseSettings)


def settings(values: Mapping[str, Any] | None = None) -> Settings | list[Diagnosis]:
    """The settings of the environment, or what is wrong with them."""
    return of(Settings, values)


def of(kind: type[Chosen], values: Mapping[str, Any] | None = None) -> Chosen | list[Diagnosis]:
    """The same of any group of settings."""
    prefix = kind.model_config.get("env_prefix", "")
    try:
        return kind.model_validate(values or {})
    except pydantic.ValidationError as error:
        return [_fault(fault, prefix) for fault in error.errors(include_url=False, include_input=False)]


def _fault(fault: Any, prefix: str) -> Diagnosis:
    name = prefix + "_".join(str(part) for part in fault["loc"]).upper().removeprefix(prefix) if fault["loc"] else ""
    what = f"{name} {fault['msg'].removeprefix('Value error, ')}".strip()
    if fault["type"] == "missing":
        what = f"{name} is not set"
    return Diagnosis(code="settings", where="Settings", what=what, do="see docs/operations/settings.md")
