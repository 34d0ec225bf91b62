"""From the records of definitions to what answers show of them, and to the body that would make them."""

from typing import Any

import msgspec
from msgspec import UNSET

from api.schemas import definition_views as views
from api.shown import priority_name, stamp
from core import places
from core.definition import Definition, Target, TargetKind
from store.seats import Standing

_OUR_OWN = ("name", "version", "createdAt", "createdBy", "updatedAt", "updatedBy")


def definition_view(definition: Definition) -> views.DefinitionView:
    """A definition."""
    limits, limited = definition.limits, definition.concurrency
    return views.DefinitionView(
        name=definition.name,
        queue=definition.queue,
        description=UNSET if definition.description is None else definition.description,
        params_schema=definition.params_schema,
        result_schema=definition.result_schema,
        error_schema=definition.error_schema,
        priority=None if definition.priority is None else priority_name(definition.priority),
        lease_seconds=limits.lease_seconds,
        start_timeout_seconds=limits.start_timeout_seconds,
        overall_timeout_seconds=limits.overall_seconds,
        retry=limits.retry,
        concurrency=None if limited is None else views.ConcurrencyView(limit=limited.limit, key=limited.key),
        target=_target(definition.target),
        version=definition.version,
        created_at=stamp(definition.created_at),
        created_by=definition.created_by,
        updated_at=stamp(definition.updated_at),
        updated_by=definition.updated_by,
    )


def place_view(slot: Standing) -> views.PlaceView:
    """One value at the key path of a limit."""
    return views.PlaceView(value=places.value_of(slot.slot), held=slot.held, waiting=slot.called + slot.parked)


def body_of(definition: Definition) -> dict[str, Any]:
    """The JSON body that would make this definition: what a merge patch is laid over."""
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(definition_view(definition)))
    return {name: value for name, value in body.items() if name not in _OUR_OWN}


def _target(target: Target) -> views.TargetView:
    if target.kind is TargetKind.HTTP:
        return views.TargetView(
            kind="http",
            url=target.url or "",
            method=target.method or UNSET,
            headers=target.headers,
            secret_ref=target.secret_ref or UNSET,
            options=target.options,
        )
    if target.kind is TargetKind.BUILTIN:
        return views.TargetView(kind="builtin", name=target.name or "", options=target.options or UNSET)
    return views.TargetView(kind="worker")
