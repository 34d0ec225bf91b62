"""The file of a tenant's export: a first line, a line for each document, and one that closes it.

So a file that was cut off is told from a whole one. It is checked to its end before anything of it is kept.
"""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any

import msgspec

from api import replies
from core import errors
from store.estate import Estate

VERSION = 2
"""Of the files that are written; those of version 1 had no closing line."""

_UNCLOSED = 1
_BATCH = 200
_IN_MEMORY = 1024 * 1024
_CHUNK = 1024 * 1024
_LONGEST_LINE = 24 * 1024 * 1024


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    penstock: int
    tenant: str
    settings: dict[str, Any] = {}


class _End(msgspec.Struct, frozen=True, kw_only=True):
    """What came before: how many documents of each collection; the SHA-256 of all lines, each with its LF."""

    documents: dict[str, int]
    sha256: str | None = None
    """Left out by whoever edited the file."""


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """Every other line: a collection, and a document as MongoDB's canonical extended JSON; or the closing one."""

    collection: str | None = None
    document: msgspec.Raw = msgspec.Raw(b"")
    end: _End | None = None


async def write(head: Mapping[str, Any], tenant: str, estates: Estate) -> AsyncGenerator[bytes]:
    """The lines of the file."""
    counts: Counter[str] = Counter()
    line = replies.encode({"penstock": VERSION, **head}) + b"\n"
    digest = hashlib.sha256(line)
    yield line
    async for collection, row in estates.read(tenant):
        line = b'{"collection":' + replies.encode(collection) + b',"document":' + row.encode() + b"}\n"
        counts[collection] += 1
        digest.update(line)
        yield line
    yield replies.encode({"end": {"documents": dict(counts), "sha256": digest.hexdigest()}}) + b"\n"


@contextlib.contextmanager
def checked(tenant: str) -> Generator["Checked"]:
    """A file to be read; a large one is on the disk until the context ends."""
    with SpooledTemporaryFile[bytes](max_size=_IN_MEMORY) as rows:
        yield Checked(tenant, rows)


class Checked:
    """A file that is read to its end and found whole, and then its rows."""

    def __init__(self, tenant: str, rows: SpooledTemporaryFile[bytes]) -> None:
        self._tenant = tenant
        self._rows = rows
        self._number = 0
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()

    async def read(self, chunks: AsyncIterator[bytes]) -> Head:
        """Take the file in; raises `Invalid` for what is no whole export of the tenant, `TooLarge` for a long line."""
        lines = _split(chunks)
        head = self._head(await self._next(lines))
        end: _End | None = None
        collection, rows = "", list[bytes]()
        while line := await self._next(lines):
            if end is not None:
                raise self._bad("nothing may follow the closing line")
            read = self._line(line)
            if rows and (read.collection != collection or len(rows) >= _BATCH):
                await self._put(collection, rows)
                rows = []
            if (end := read.end) is not None:
                continue
            collection = read.collection or ""
            self._counts[collection] += 1
            self._count_in(line)
            rows.append(line)
        if rows:
            await self._put(collection, rows)
        self._compare(head, end)
        return head

    async def batches(self) -> AsyncGenerator[tuple[str, list[str]]]:
        """The rows again, some of one collection at a time."""
        self._rows.seek(0)
        collection, rows = "", list[str]()
        async for line in _split(self._chunks()):
            read = msgspec.json.decode(line, type=_Line)
            if rows and (read.collection != collection or len(rows) >= _BATCH):
                yield collection, rows
                rows = []
            collection = read.collection or ""
            rows.append(bytes(read.document).decode())
        if rows:
            yield collection, rows

    async def _next(self, lines: AsyncIterator[bytes]) -> bytes:
        self._number += 1
        return await anext(lines, b"")

    def _head(self, line: bytes) -> Head:
        try:
            head = msgspec.json.decode(line, type=Head)
        except msgspec.MsgspecError as error:
            raise self._bad(f"an export begins with a line that says so: {error}") from None
        if not _UNCLOSED <= head.penstock <= VERSION:
            raise self._bad(f"an export of version {head.penstock} cannot be read here")
        if head.tenant != self._tenant:
            raise self._bad(f"it is an export of the tenant {head.tenant}")
        self._count_in(line)
        return head

    def _line(self, line: bytes) -> _Line:
        try:
            read = msgspec.json.decode(line, type=_Line)
        except msgspec.MsgspecError as error:
            raise self._bad(f"it is cut off, or no line of an export: {error}") from None
        if read.end is None and (read.collection is None or not bytes(read.document)):
            raise self._bad("it has neither a `collection` with its `document`, nor the `end`")
        return read

    async def _put(self, collection: str, lines: list[bytes]) -> None:
        rows = [bytes(msgspec.json.decode(line, type=_Line).document).decode() for line in lines]
        Estate.check(self._tenant, collection, rows)
        try:
            await asyncio.to_thread(self._rows.write, b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise errors.Unavailable(f"The file finds no room here for as long as it is read: {error}.") from error

    def _compare(self, head: Head, end: _End | None) -> None:
        there = f"{self._counts.total()} documents"
        if end is None and head.penstock <= _UNCLOSED:
            raise self._bad(
                f"there is no closing line after {there}. The file was written by an earlier version, whose files do "
                "not tell whether they are whole: export the tenant again"
            )
        if end is None:
            raise self._bad(f"the closing line is missing after {there}: the file was cut off. Export the tenant again")
        counts = {name: count for name, count in end.documents.items() if count}
        wrong = [
            f"{self._counts[name]} of {counts.get(name, 0)} {name}"
            for name in sorted(counts.keys() | self._counts.keys())
            if self._counts[name] != counts.get(name, 0)
        ]
        if wrong:
            raise self._bad(f"the file does not hold what its closing line says: {', '.join(wrong)}")
        if end.sha256 is not None and end.sha256 != self._digest.hexdigest():
            raise self._bad("the lines are not those that were written: the SHA-256 of the closing line is another")

    def _count_in(self, line: bytes) -> None:
        self._digest.update(line + b"\n")

    async def _chunks(self) -> AsyncGenerator[bytes]:
        while chunk := await asyncio.to_thread(self._rows.read, _CHUNK):
            yield chunk

    def _bad(self, what: str) -> errors.Invalid:
        where = f"line {self._number}"
        return errors.Invalid(f"{where.capitalize()}: {what}.", faults=[errors.Fault(field=where, message=what)])


async def _split(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Lines that are not empty, without their ends."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line.rstrip(b"\r")
        if len(rest) > _LONGEST_LINE:
            raise errors.TooLarge("A line of the export is longer than any document.")
    if rest.strip():
        yield rest
