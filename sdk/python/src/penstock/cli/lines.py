"""Tasks from files: each line of NDJSON or row of CSV is one, and a bad one is known by its number."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import ValidationError

from penstock.models.new import NewTask

_MEMBERS = {str(field.alias) for field in NewTask.model_fields.values()}


@dataclass(frozen=True, kw_only=True)
class Fields:
    """What every task of the file gets, and which of its fields name it."""

    common: NewTask
    whole: bool = False
    """A line is a whole task (`params`, `name`, `priority`, ...), not only its params."""
    name: str | None = None
    key: str | None = None
    record_id: str | None = None
    """Fields of params whose values become the task's name, its deduplication key, its record id."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One task of a file."""

    number: int
    task: NewTask


@dataclass(frozen=True, kw_only=True)
class Bad:
    """One line of a file that is no task."""

    number: int
    message: str


def read(file: Path, kind: Literal["ndjson", "csv"], fields: Fields) -> Iterator[Line | Bad]:
    """The tasks of a file in its order; blank lines are passed over. Raises OSError."""
    values = _ndjson(file) if kind == "ndjson" else _csv(file)
    for number, value in values:
        if isinstance(value, Bad):
            yield value
            continue
        try:
            yield Line(number=number, task=_task(value, fields))
        except ValueError as error:
            yield Bad(number=number, message=_words(error))


def _ndjson(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line.strip(), parse_constant=_refuse)
            except json.JSONDecodeError as error:
                yield number, Bad(number=number, message=f"not JSON: {error.msg} at column {error.colno}")
            except ValueError as error:
                yield number, Bad(number=number, message=f"not JSON: {error}")


def _csv(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as text:
        rows = csv.reader(text, strict=True)
        header: list[str] | None = None
        while True:
            number = rows.line_num + 1
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                # What follows a broken quote cannot be told apart any more.
                yield number, Bad(number=number, message=f"not CSV from here on: {error}")
                return
            if not all(map(_is_text, row)):
                yield number, Bad(number=number, message="not text in UTF-8")
            elif header is None:
                header = row
            elif len(row) == len(header):
                yield number, dict(zip(header, row, strict=True))
            elif row:
                yield number, Bad(number=number, message=f"{len(row)} columns, the header has {len(header)}")


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _task(value: Any, fields: Fields) -> NewTask:
    given: dict[str, Any] = {"params": value}
    if fields.whole:
        if not isinstance(value, dict):
            raise ValueError("a whole task is a JSON object")
        given = cast("dict[str, Any]", value)
        if unknown := sorted(set(given) - _MEMBERS):
            raise ValueError(f"unknown: {', '.join(unknown)}")
    params = given.get("params")
    for name, source in (("name", fields.name), ("dedupKey", fields.key), ("recordId", fields.record_id)):
        if source is not None:
            given = {**given, name: _field(params, source)}
    common = fields.common.model_dump(by_alias=True, exclude_unset=True)
    return NewTask.model_validate({**common, **given})


def _field(params: Any, source: str) -> str:
    found = cast("dict[str, Any]", params).get(source) if isinstance(params, dict) else None
    if found is None or found == "":
        raise ValueError(f"no {source}")
    return str(found)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _words(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        found = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
        return "; ".join(found)
    return str(error)
