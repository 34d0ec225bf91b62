"""The file of a backup: a gzip stream of frames, a header first, a trailer last.

A frame is a letter and a length, then bytes: `H` the header and `T` the trailer (JSON), `C` the name of the collection
that the documents behind it belong to, `D` a document as BSON.
"""

import gzip
import struct
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from core import errors
from store import outfile

FORMAT = 1
_FRAME = struct.Struct(">cI")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is."""

    format: int
    at: datetime
    """The moment that it shows."""
    database: str
    schema: int
    """The migration up to which it was migrated."""


class Trailer(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole backup ends with: the number of documents by collection."""

    counts: dict[str, int]


class Writer:
    """Writes a file that appears when everything is in it (`outfile.py`)."""

    def __init__(self, file: Path, header: Header) -> None:
        self.counts: dict[str, int] = {}
        self._open = ExitStack()
        plain = self._open.enter_context(outfile.made(file))
        self._out = self._open.enter_context(gzip.open(plain, "wb", compresslevel=4))  # noqa: SIM115 - by the stack
        self._at = ""
        self._frame(b"H", msgspec.json.encode(header))

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, or take it away after an error."""
        if kind is None:
            self._frame(b"T", msgspec.json.encode(Trailer(counts=self.counts)))
        self._open.__exit__(kind, error, trace)

    def add(self, collection: str, document: bytes) -> None:
        """One document."""
        if collection != self._at:
            self._frame(b"C", collection.encode())
            self._at = collection
        self._frame(b"D", document)
        self.counts[collection] = self.counts.get(collection, 0) + 1

    def _frame(self, kind: bytes, content: bytes) -> None:
        self._out.write(_FRAME.pack(kind, len(content)) + content)


def header(file: Path) -> Header:
    """What a backup is; raises `Invalid` for a file that is none, of a later format, or cannot be read."""
    with _reading(file) as source:
        try:
            kind, content = next(_frames(source))
            found = msgspec.json.decode(content, type=Header) if kind == b"H" else None
        except (gzip.BadGzipFile, zlib.error, EOFError, StopIteration, msgspec.MsgspecError, struct.error):
            found = None
    if found is None or found.format > FORMAT:
        raise errors.Invalid(f"{file} is no backup that this release can read.")
    return found


def verify(file: Path) -> None:
    """Read a backup to its end; raises `Invalid` where it is cut off."""
    for _ in documents(file):
        pass


def documents(file: Path) -> Iterator[tuple[str, bytes]]:
    """Collection and document, in the order of the file. Raises `Invalid` at the end of one that is cut off."""
    counts: dict[str, int] = {}
    collection = ""
    with _reading(file) as source:
        try:
            for kind, content in _frames(source):
                if kind == b"C":
                    collection = content.decode()
                elif kind == b"D":
                    counts[collection] = counts.get(collection, 0) + 1
                    yield collection, content
                elif kind == b"T" and msgspec.json.decode(content, type=Trailer).counts == counts:
                    return
        except (EOFError, gzip.BadGzipFile, zlib.error, msgspec.MsgspecError, struct.error, UnicodeDecodeError):
            pass
    raise errors.Invalid(f"{file} is cut off: take another backup.")


@contextmanager
def _reading(file: Path) -> Generator[gzip.GzipFile]:
    try:
        source = gzip.open(file, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise errors.Invalid(f"{file} cannot be read: {error.strerror}.") from error
    with source:
        yield source


def _frames(source: gzip.GzipFile) -> Iterator[tuple[bytes, bytes]]:
    while head := source.read(_FRAME.size):
        kind, length = _FRAME.unpack(head)
        yield kind, source.read(length)
