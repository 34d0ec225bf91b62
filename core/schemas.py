"""JSON Schemas that tenants give: compiled once, checked without reaching out and without runaway patterns."""

from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec

from core.errors import Fault, Invalid, PayloadMismatch

_MOST_FAULTS = 20


def check_schema(schema: dict[str, Any], field: str) -> None:
    """Raise `Invalid` unless `schema` is a JSON Schema (draft 4 to 2020-12) that refers to nothing outside itself."""
    try:
        _compiled(msgspec.json.encode(schema, order="deterministic"))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        message = str(error).partition("\n")[0]
        raise Invalid(f"{field} is not a usable JSON Schema.", faults=[Fault(field=field, message=message)]) from None


def check(schema: dict[str, Any] | None, value: Any, field: str) -> None:
    """Raise `PayloadMismatch` naming every place (at most 20) where `value` does not fit; no schema fits all."""
    if schema is None:
        return
    validator = _compiled(msgspec.json.encode(schema, order="deterministic"))
    faults: list[Fault] = []
    for error in validator.iter_errors(value):
        faults.append(Fault(field=".".join([field, *map(str, error.instance_path)]), message=error.message))
        if len(faults) == _MOST_FAULTS:
            break
    if faults:
        raise PayloadMismatch(f"{field} does not fit its schema.", faults=faults)


@lru_cache(maxsize=1024)
def _compiled(schema: bytes) -> jsonschema_rs.Validator:
    """`offline` keeps `$ref` from fetching; the linear regex engine keeps a pattern from hanging the process."""
    return jsonschema_rs.validator_for(
        msgspec.json.decode(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
    )
