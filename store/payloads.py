"""Payloads of tasks, sealed where their queue asks for it: field by field, with a key of the tenant's (`sealing.py`).

A row says itself that it is `encrypted`, so one that is not costs a look at that. What is sealed is bound to its
tenant, its task and its field: moved elsewhere it does not open. Where the key was erased, the fields are gone, and the
row says that it is `erased`.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.adsp_events import SILENT
from core.events import Event
from core.task import Task
from loop import breath
from store import documents, mongo, notes
from store.masters import KeyUnusableError
from store.mongo import Document
from store.sealing import Sealer

_VERSION = b"\x01"
_HEAD = 5
"""Bytes before what is sealed: the version, and the number of the key."""

_SAYS_NO_PAYLOAD = (SILENT - {"notified"}) | {"retry-scheduled", "assigned", "priority-set"}
"""Types of events whose data the platform made: these stay readable."""


class Kind(msgspec.Struct, frozen=True):
    """Which fields of a collection's rows are sealed."""

    name: str
    fields: tuple[str, ...]
    notes: bool = False
    """Whether the row has a `lastEvent` as tasks have it."""


TASK = Kind(
    "task",
    (
        "params", "context", "description", "attachments", "result", "error", "progress", "endedBefore", "fingerprint",
    ),
    notes=True,
)  # fmt: skip
FLOW = Kind("flow", ("params", "context", "result", "error", "ending"))
DELIVERY = Kind("delivery", ("body",))
COMMENT = Kind("comment", ("content", "title", "context"))
EVENT = Kind("event", ())
"""What an event has was sealed with its task's last event."""
KINDS = {"tasks": TASK, "flows": FLOW, "webhookDeliveries": DELIVERY, "comments": COMMENT, "events": EVENT}
"""By collection."""


class Payloads:
    """Seals and opens rows; those that are not `encrypted` stay as they are."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        """Without a sealer that has a master key nothing can be sealed."""
        self._sealer = sealer

    @property
    def can_seal(self) -> bool:
        """Whether there is a master key."""
        return self._sealer is not None and self._sealer.has_master

    async def close(self, kind: Kind, rows: Iterable[Document]) -> None:
        """Seal rows that are to be kept, in place."""
        for row in rows:
            if "encrypted" in row:
                tenant, _, name = str(row["_id"]).partition("/")
                await self.close_fields(kind, tenant, name, row)
                if kind is EVENT and "data" in row and row["type"] not in _SAYS_NO_PAYLOAD:
                    row["sealed"] = await self._sealed_note(tenant, str(row["task"]), row.pop("data"))

    async def close_fields(self, kind: Kind, tenant: str, name: str, fields: Document) -> None:
        """Seal new values of fields of an encrypted row, in place."""
        number, key = await self._ready().sealing(tenant)
        for field in kind.fields:
            if field in fields and not isinstance(fields[field], bytes):
                fields[field] = _closed(number, key, _context(tenant, kind, name, field), fields[field])
        if kind.notes and "lastEvent" in fields:
            mark = notes.mark(fields["lastEvent"])
            if mark.data is not None and mark.type not in _SAYS_NO_PAYLOAD:
                text = await self._sealed_note(tenant, name, mark.data)
                fields["lastEvent"] = notes.written(msgspec.structs.replace(mark, data=None, sealed=text))

    async def _sealed_note(self, tenant: str, task: str, data: Any) -> str:
        number, key = await self._ready().sealing(tenant)
        return base64.b64encode(_closed(number, key, _context(tenant, TASK, task, "event"), data)).decode()

    async def open(self, kind: Kind, rows: Iterable[Document]) -> None:
        """Open rows that were read, in place; what is not among their fields is passed over."""
        for row in rows:
            if "encrypted" in row:
                await self._open(kind, row)

    async def tasks(self, rows: Sequence[Document]) -> list[Task]:
        """Rows of tasks as records, opened."""
        return [await self.task(row) async for row in breath.each(rows)]

    async def task(self, row: Document) -> Task:
        """One of these."""
        if "encrypted" in row:
            await self._open(TASK, row)
        return documents.decode(row, Task)

    async def events(self, rows: Sequence[Document]) -> list[Event]:
        """Rows of events as records, opened."""
        await self.open(EVENT, rows)
        return [documents.decode(row, Event) for row in rows]

    async def resealed(self, kind: Kind, row: Document, was: Document) -> Document:
        """The sealed fields `was` of a row, sealed with the tenant's newest key; what does not open stays as it is."""
        tenant, _, name = str(row["_id"]).partition("/")
        one: Document = {"_id": row["_id"], "encrypted": True, "task": row.get("task"), **was}
        await self._open(kind, one)
        if "data" in one:
            return {"sealed": await self._sealed_note(tenant, str(row["task"]), one["data"])}
        fresh: Document = {field: one[field] for field in was if field in one}
        await self.close_fields(kind, tenant, name, fresh)
        return was | fresh

    async def _open(self, kind: Kind, row: Document) -> None:
        tenant, _, name = str(row["_id"]).partition("/")
        for field in kind.fields:
            if isinstance(row.get(field), bytes):
                opened = await self._value(tenant, _context(tenant, kind, name, field), row[field])
                if opened is None:
                    del row[field]
                    row["erased"] = True
                else:
                    row[field] = opened["v"]
        if kind is EVENT and "sealed" in row:
            context = _context(tenant, TASK, str(row["task"]), "event")
            opened = await self._value(tenant, context, base64.b64decode(row.pop("sealed")))
            row |= {} if opened is None else {"data": opened["v"]}
        if kind.notes and '"sealed":' in row.get("lastEvent", ""):
            mark = notes.mark(row["lastEvent"])
            if mark.sealed is not None:
                opened = await self._value(tenant, _context(tenant, TASK, name, "event"), base64.b64decode(mark.sealed))
                data = None if opened is None else opened["v"]
                row["lastEvent"] = notes.written(msgspec.structs.replace(mark, data=data, sealed=None))

    async def _value(self, tenant: str, context: bytes, sealed: bytes) -> Document | None:
        """What was sealed, as `v`; None where the key was erased, or it was altered or is another's."""
        try:
            key = await self._ready().key(tenant, int.from_bytes(sealed[1:_HEAD]))
        except KeyUnusableError as error:
            raise KeyUnusableError(f"Payloads cannot be opened: {error}") from error
        if key is None:
            return None
        nonce, rest = sealed[_HEAD : _HEAD + 12], sealed[_HEAD + 12 :]
        try:
            return mongo.decoded(key.decrypt(nonce, rest, context))
        except InvalidTag:
            return None

    def _ready(self) -> Sealer:
        if self._sealer is None or not self._sealer.has_master:
            raise KeyUnusableError(
                "Payloads of this tenant are encrypted, and this process has no master key: see PENSTOCK_MASTER_KEYS."
            )
        return self._sealer


def number_of(sealed: bytes | str) -> int:
    """The number of the key that a value, in base64 or not, was sealed with."""
    value = base64.b64decode(sealed) if isinstance(sealed, str) else sealed
    return int.from_bytes(value[1:_HEAD])


def _closed(number: int, key: AESGCM, context: bytes, value: Any) -> bytes:
    nonce = Sealer.nonce()
    plain = mongo.encoded({"v": value})
    return _VERSION + number.to_bytes(_HEAD - 1) + nonce + key.encrypt(nonce, plain, context)


def _context(tenant: str, kind: Kind, name: str, field: str) -> bytes:
    return f"penstock\0{tenant}\0{kind.name}\0{name}\0{field}".encode()


PLAIN = Payloads()
"""For whoever has no master key: reads what is not encrypted, seals nothing."""
