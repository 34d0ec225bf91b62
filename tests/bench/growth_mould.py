"""Multiplies stored tasks: a mould is made of one that an engine wrote, with its events, and gives copies of it.

A copy differs from the original in what is a task's own: ids, fences, tenant, queue, record id, moments, numbers of its
events, and what is made of those (the place in the worklist, the words, the event that is kept in the task). It is
BSON that goes to the server as it is, so that a copy costs a few microseconds.
"""

import random
import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, cast

import bson
import msgspec
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from store import documents, eventlog

Document = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NUMBER = 0x5A3C0000
"""In place of the number of an event, while the places of what changes are looked for."""
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_Form = tuple[bytes, Callable[[Sequence[bytes]], tuple[bytes, ...]]]
_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True)

RECORD = "r{:08}"
"""A record id of a sample, and of a copy: one word, always of the same length."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is stored, and its events."""

    task: Document
    events: list[Document]

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.task["state"] != "done"


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where a copy belongs."""

    tenant: str
    queue: str
    lane: str


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A task and its events as they go to the server."""

    task: RawBSONDocument
    events: list[RawBSONDocument]


class Mould:
    """Gives copies of one life."""

    def __init__(self, life: Life, like: Home) -> None:
        """For homes whose words are as long as those of `like`. Raises `ValueError` for a life with no record id."""
        self.numbers = len(life.events)
        """How many numbers of events a copy takes."""
        self.open = life.open
        name = life.task["_id"].partition("/")[2]
        key = documents.key(like.tenant, name)
        home = {"tenant": like.tenant, "queue": like.queue}
        task: Document = {**life.task, "_id": key, **home, "lane": like.lane}
        task.pop("ticketDue", None)
        events = [
            {**event, "_id": eventlog.event_key(key, event["seq"]), **home, "n": _NUMBER + place}
            for place, event in enumerate(life.events)
        ]
        written = [bson.encode(each) for each in (task, *events)]
        self._born = _milliseconds(task["createdAt"])
        self._fences = sorted({task["execId"]} if "execId" in task else set())
        self._moments = sorted(
            {_milliseconds(each) for document in (task, *events) for each in _moments(document)}
            | {_milliseconds(datetime.fromisoformat(each.decode())) for each in _MOMENT.findall(b" ".join(written))}
        )
        if len(task.get("recordId", "")) != len(RECORD.format(0)):
            raise ValueError(f"a sample's record id looks like {RECORD.format(0)}")
        own: list[str] = [
            name,
            like.tenant,
            like.queue,
            like.lane,
            task["recordId"],
            *self._fences,
            f"{self._born:011x}",
        ]
        tokens = [each.encode() for each in own]
        tokens += [form(each) for each in self._moments for form in (_binary, _text)]
        tokens += [struct.pack("<i", _NUMBER + place) for place in range(self.numbers)]
        self._lengths = [len(token) for token in tokens]
        self._forms = [_form(document, tokens) for document in written]

    def copy(self, number: int, home: Home, at: datetime, n: int, dice: random.Random) -> Copy:
        """The copy of that number, submitted at `at` (to the second), its events' numbers behind `n`.

        Raises `ValueError` for a home whose words have other lengths.
        """
        moved = (_milliseconds(at) // 1000 - self._born // 1000) * 1000
        born = self._born + moved
        values = [_id(born, dice), home.tenant, home.queue, home.lane, RECORD.format(number)]
        values += [_fence(dice) for _ in self._fences]
        values.append(f"{born:011x}")
        parts = [each.encode() for each in values]
        for each in self._moments:
            parts += (_binary(each + moved), _text(each + moved))
        parts += [struct.pack("<i", n + place) for place in range(1, self.numbers + 1)]
        if [len(part) for part in parts] != self._lengths:
            raise ValueError("a copy's words must be as long as those of its sample")
        task, *events = (RawBSONDocument(form % pick(parts)) for form, pick in self._forms)
        return Copy(task=task, events=events)


def read(copied: RawBSONDocument) -> Document:
    """A copy as the driver would read it."""
    return bson.decode(copied.raw, _OPTIONS)  # pyright: ignore[reportUnknownMemberType]


def stored(document: Document) -> Document:
    """A document as it comes back from the server."""
    return read(RawBSONDocument(bson.encode(document)))


def _form(document: bytes, tokens: Sequence[bytes]) -> "_Form":
    """A document with holes, and what picks the parts that go there."""
    places = {token: place for place, token in enumerate(tokens)}
    # The longest first: one may be the beginning of another.
    known = re.compile(b"|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)))
    holes = [places[found] for found in known.findall(document)]
    return b"%b".join(piece.replace(b"%", b"%%") for piece in known.split(document)), itemgetter(*holes)


def _moments(value: Any) -> list[datetime]:
    """Every moment of a document, however deep."""
    if isinstance(value, datetime):
        return [value]
    inner: list[Any] = []
    if isinstance(value, dict | list):
        inner = list(cast("Document", value).values() if isinstance(value, dict) else cast("list[Any]", value))
    return [moment for each in inner for moment in _moments(each)]


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _binary(milliseconds: int) -> bytes:
    return struct.pack("<q", milliseconds)


def _text(milliseconds: int) -> bytes:
    return msgspec.json.encode(_EPOCH + milliseconds * _MILLISECOND)[1:-1]


def _id(milliseconds: int, dice: random.Random) -> str:
    """A UUID of version 7 of that moment."""
    return _hyphened(milliseconds << 80 | 7 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62))


def _fence(dice: random.Random) -> str:
    """A UUID of version 4."""
    return _hyphened(dice.getrandbits(48) << 80 | 4 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62))


def _hyphened(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
