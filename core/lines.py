"""From the bytes of an NDJSON file to its lines, and from a line to what is submitted. Pure, a piece at a time."""

import zlib
from collections.abc import Iterator
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from core import errors, ids, imports, payloads
from core.creation import Submission
from core.imports import Encoding, LineOrder
from core.priority import BY_LABEL

PIECE = 1024 * 1024
"""Bytes of unpacked text at a time: however small a packed file is, no more of it is in memory."""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_MOST_RECORD_ID = 200
_DOTTED = str.maketrans({"[": ".", "]": None})


class Broken(errors.Invalid):
    """The file cannot be unpacked."""


class BadLine(Exception):
    """A line is no task: `field` is the place in it, where there is one."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class Line(msgspec.Struct, frozen=True):
    """One line: its number from 1, where the next one begins in the text, and its bytes (None: too long)."""

    number: int
    end: int
    text: bytes | None


class Unpacker:
    """Unpacks a file piece by piece; one that consists of several gzip members is the text of all of them."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._head = b""
        self._inflate: Any = None
        self._between = True

    @property
    def encoding(self) -> Encoding:
        """How the file is packed, as far as that is known."""
        return self._encoding

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that these bytes hold; raises `Broken`."""
        if self._encoding is Encoding.AUTO:
            self._head += data
            if len(self._head) < len(_GZIP):
                return
            self._encoding = Encoding.GZIP if self._head.startswith(_GZIP) else Encoding.PLAIN
            data, self._head = self._head, b""
        if self._encoding is Encoding.PLAIN:
            yield data
            return
        try:
            yield from self._unpacked(data)
        except zlib.error as error:
            raise Broken(f"The file is not gzip: {error}.") from None

    def finish(self) -> bytes:
        """What was held back; raises `Broken` where the file ends in the middle."""
        if self._encoding is Encoding.GZIP and not self._between:
            raise Broken("The file ends in the middle of its gzip data.")
        return self._head

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        # A full piece may leave text inside although all input was taken.
        full = False
        while data or full:
            if self._inflate is None:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._inflate, self._between = zlib.decompressobj(_GZIP_WINDOW), False
            text = self._inflate.decompress(data, PIECE)
            full = len(text) == PIECE
            if text:
                yield text
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data, full, self._inflate, self._between = self._inflate.unused_data, False, None, True


class Splitter:
    """Cuts text into lines of at most `most` bytes, from any line on."""

    def __init__(self, *, number: int, position: int, most: int) -> None:
        """`number` lines are behind us, `position` bytes with them."""
        self._number = number
        self._position = position
        self._most = most
        self._open = bytearray()
        self._dropped = 0

    def feed(self, text: bytes) -> Iterator[Line]:
        """The lines that end in this text."""
        begin = 0
        while (end := text.find(b"\n", begin)) >= 0:
            yield self._line(text[begin : end + 1])
            begin = end + 1
        self._keep(text[begin:])

    def finish(self) -> Iterator[Line]:
        """The last line, where the text does not end with a line's end."""
        if self._open or self._dropped:
            yield self._line(b"")

    def _keep(self, rest: bytes) -> None:
        if self._dropped or len(self._open) + len(rest) > self._most:
            self._dropped += len(self._open) + len(rest)
            self._open.clear()
        else:
            self._open += rest

    def _line(self, rest: bytes) -> Line:
        self._keep(rest)
        self._number += 1
        self._position += self._dropped + len(self._open)
        line = Line(self._number, self._position, None if self._dropped else bytes(self._open))
        self._dropped = 0
        self._open.clear()
        return line


# --- a line ---


class LineTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A line that is a whole task: the members that a submit's body has and that make sense here."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    description: Annotated[str, Meta(min_length=1, max_length=10_000)] | None = None
    params: Any = None
    context: dict[str, Any] = {}
    labels: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=50)] = []
    record_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    priority: str | None = None
    definition: Annotated[str, Meta(pattern=rf"^{ids.DEFINITION.pattern}$")] | None = None


def is_blank(line: Line) -> bool:
    """Whether the line holds nothing; the mark that some programs write at the very beginning is nothing."""
    return line.text is not None and not _stripped(line, line.text)


def submission(line: Line, import_id: str, order: LineOrder) -> Submission:
    """What is submitted for a line; raises `BadLine`."""
    if line.text is None:
        raise BadLine("too-long", "The line is too long.")
    try:
        value = msgspec.json.decode(_stripped(line, line.text))
    except RecursionError:
        raise BadLine("not-json", "It is nested too deeply.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadLine("not-json", f"The line is not JSON: {error}.") from None
    if (fault := payloads.fault(value)) is not None:
        raise BadLine("not-storable", f"The line cannot be kept: {fault}.")
    task = LineTask(params=value) if order.lines == "params" else _task(value)
    identity = imports.task_id(import_id, line.number)
    return Submission(
        id=identity,
        dedup_key=identity,
        fingerprint=import_id,
        definition=task.definition or order.definition,
        name=task.name or order.name,
        description=task.description,
        params=task.params,
        context=order.context | task.context,
        labels=tuple(dict.fromkeys((*order.labels, *task.labels))),
        record_id=task.record_id or _record_id(task.params, order.record_id_field),
        priority=order.priority if task.priority is None else BY_LABEL[task.priority],
    )


def _stripped(line: Line, text: bytes) -> bytes:
    return (text.removeprefix(_BOM) if line.number == 1 else text).strip(_BLANK)


def _task(value: Any) -> LineTask:
    try:
        task = msgspec.convert(value, LineTask)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise BadLine("not-a-task", message, place.strip("`.").translate(_DOTTED) or None) from None
    if task.priority is not None and task.priority not in BY_LABEL:
        raise BadLine(
            "not-a-task", f"There is no priority {task.priority!r}; there are {', '.join(BY_LABEL)}", "priority"
        )
    return task


def _record_id(params: Any, field: str | None) -> str | None:
    if field is None or not isinstance(params, dict):
        return None
    found = cast("dict[str, Any]", params).get(field)
    if found is None or isinstance(found, dict | list | bool) or found == "":
        return None
    return str(found)[:_MOST_RECORD_ID]
