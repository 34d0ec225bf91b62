"""The audit trail: what a row says, and how each row seals the one before it, so that none can change unnoticed.

Every tenant has a chain of its own, numbered from 1. A row's seal is the SHA-256 of its content with the seal of the
row before it; with a key (PENSTOCK_AUDIT_KEY) it is an HMAC, which nobody can make anew who has the database alone.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from core.task import Actor

BEGINNING = ""
"""What the first row has for the seal before it."""


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something that somebody did, before it has its place in a chain. `before` and `after` are plain JSON."""

    tenant: str
    at: datetime
    by: Actor
    home: str
    """The realm that `by` belongs to: an operator's is `core`."""
    action: str
    """What was done, such as `queue.put`."""
    target: str | None = None
    """To what: its name or id."""
    request_id: str | None = None
    before: Any = None
    after: Any = None


class Row(Change, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A change in its chain."""

    n: int
    previous: str
    seal: str


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain is broken: at number `n`, and how."""

    tenant: str
    n: int
    what: str


def sealed(change: Change, *, n: int, previous: str, key: bytes | None) -> Row:
    """The row that a change becomes behind the row with the seal `previous`. Times are kept to the millisecond."""
    row = Row(
        tenant=change.tenant,
        at=change.at.replace(microsecond=change.at.microsecond // 1000 * 1000),
        by=change.by,
        home=change.home,
        action=change.action,
        target=change.target,
        request_id=change.request_id,
        before=change.before,
        after=change.after,
        n=n,
        previous=previous,
        seal="",
    )
    return msgspec.structs.replace(row, seal=_seal(row, key))


def faults(rows: Iterable[Row], *, head: tuple[int, str] | None, key: bytes | None) -> Iterator[Fault]:
    """What is wrong with a tenant's rows, in the order in which they are kept; nothing when all is well.

    `head` is number and seal of the last row as it was noted apart: it tells that rows at the end are missing.
    """
    expected, previous, tenant = 1, BEGINNING, ""
    seals: dict[int, str] = {}
    for row in rows:
        tenant = row.tenant
        if row.n != expected:
            yield Fault(tenant=tenant, n=expected, what=f"is missing: the next row has number {row.n}")
        elif row.previous != previous:
            yield Fault(tenant=tenant, n=row.n, what="does not follow the row before it")
        if not hmac.compare_digest(row.seal, _seal(row, key)):
            yield Fault(tenant=tenant, n=row.n, what="was altered: its seal does not fit")
        expected, previous = row.n + 1, row.seal
        seals[row.n] = row.seal
    if head is not None:
        n, seal = head
        if n >= expected:
            yield Fault(tenant=tenant, n=expected, what=f"is missing, with all up to number {n}")
        elif seals.get(n) not in (None, seal):
            yield Fault(tenant=tenant, n=n, what="is not the row that was noted as the last")


def plain(value: Any, hidden: frozenset[str] = frozenset()) -> Any:
    """A document as JSON that comes back from the store as it went in; members named in `hidden` are left out."""
    if isinstance(value, Mapping):
        members = cast("Mapping[Any, Any]", value)
        return {str(name): plain(member, hidden) for name, member in members.items() if name not in hidden}
    if isinstance(value, list | tuple):
        return [plain(item, hidden) for item in cast("Iterable[Any]", value)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


def _seal(row: Row, key: bytes | None) -> str:
    content = {name: getattr(row, name) for name in row.__struct_fields__ if name != "seal"}
    text = json.dumps(plain(msgspec.to_builtins(content, builtin_types=(datetime,))), sort_keys=True, default=str)
    if key is None:
        return hashlib.sha256(text.encode()).hexdigest()
    return hmac.digest(key, text.encode(), "sha256").hex()
