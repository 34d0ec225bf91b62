"""Between records and documents: one `_id` of tenant and id, field names in camel case, no field for what is absent."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from core import words
from core.task import Task
from store import notes
from store.mongo import Document

S = TypeVar("S", bound=msgspec.Struct)
_BUILTIN = (datetime, bytes)


def key(tenant: str, name: str) -> str:
    """The `_id` of a tenant's document. Two tenants' equal ids differ, so neither can meet or notice the other's."""
    return f"{tenant}/{name}"


def keys(tenant: str, names: Iterable[str]) -> list[str]:
    """The `_id`s of several."""
    return [f"{tenant}/{name}" for name in names]


def name_of(document_key: str) -> str:
    """The id within its tenant."""
    return document_key.partition("/")[2]


def encode(record: msgspec.Struct) -> Document:
    """A record as MongoDB keeps it: datetimes stay what they are, enums become their values."""
    document = msgspec.to_builtins(record, builtin_types=_BUILTIN)
    if isinstance(record, Task):
        document["lastEvent"] = notes.of_task(record)
        document["text"] = words.of_task(record)
    return document


def encode_value(value: Any) -> Any:
    """One field's value as `encode` would write it."""
    return msgspec.to_builtins(value, builtin_types=_BUILTIN)


def encode_keyed(record: msgspec.Struct, tenant: str, name: str) -> Document:
    """`encode`, with the `_id` in place of the record's own id."""
    document = encode(record)
    document.pop("id", None)
    return {"_id": key(tenant, name), **document}


def decode(document: Document, kind: type[S]) -> S:
    """The record of a document; a document with `_id` but no `id` gets its id from there."""
    own = document.pop("_id", None)
    if own is not None and "id" not in document:
        document["id"] = name_of(str(own))
    if kind is Task:
        document["lastEvent"] = notes.note(document["lastEvent"])
    if "encrypted" in document:
        # What is still sealed was not asked for (`store/payloads.py`).
        document = {name: value for name, value in document.items() if type(value) is not bytes}
    return msgspec.convert(document, kind, builtin_types=_BUILTIN, strict=True)


@cache
def field_names(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Attribute name to document field name."""
    return {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
