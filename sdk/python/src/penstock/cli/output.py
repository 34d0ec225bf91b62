"""How commands speak: tables for people, JSON for programs, errors in one line."""

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import BaseModel
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from penstock import errors

_WIDE = 200
"""Columns of a table that nobody sees in a terminal: it must not be cut to fit one."""


def to_people() -> Console:
    """The terminal, for what stays and changes there."""
    return Console(highlight=False)


def show(*things: RenderableType) -> None:
    """What is asked for, to standard output; in full and without trailing blanks where that is no terminal."""
    if sys.stdout.isatty():
        to_people().print(*things)
        return
    console = Console(width=_WIDE, highlight=False, file=io.StringIO())
    with console.capture() as captured:
        console.print(*things, soft_wrap=all(isinstance(each, str | Text) for each in things))
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def aside() -> Console:
    """What is said beside it goes here: progress, hints, errors."""
    return Console(stderr=True, highlight=False)


def as_json(value: Any) -> str:
    """One line of JSON; records as the server wrote them."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def print_json(value: Any) -> None:
    """One line of JSON to standard output."""
    sys.stdout.write(as_json(value) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; None is left empty."""
    made = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*("" if cell is None else _cell(cell) for cell in row))
    return made


def members(pairs: Iterable[tuple[str, object]]) -> Table:
    """Names and values below each other; those without a value are left out."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", (), {}, []):
            made.add_row(name, _cell(value))
    return made


def counts(numbers: Mapping[str, object]) -> str:
    """Numbers by their names in a line: `submitted 4, started 3`."""
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def span(seconds: float | None) -> str | None:
    """A duration, roughly, as options take it: `250ms`, `1.5s`, `5m`; None for None."""
    if seconds is None:
        return None
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.3g}s" if seconds < 1000 else f"{seconds:.0f}s"


def ago(moment: datetime | None) -> str | None:
    """How long ago, roughly: `3 min`; None for None."""
    if moment is None:
        return None
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def complain(error: errors.PenstockError | str, *, json_wanted: bool = False) -> None:
    """Say in one line what is wrong; with `json_wanted` as a JSON object."""
    if json_wanted and isinstance(error, errors.ApiError):
        said = as_json({"error": error.problem.model_dump(by_alias=True, exclude_none=True)})
    elif json_wanted:
        said = as_json({"error": {"title": str(error)}})
    else:
        said = f"penstock: {_line(error)}"
    sys.stderr.write(said + "\n")


def _line(error: errors.PenstockError | str) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, errors.ApiError) and error.faults:
        faults = "; ".join(
            f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in error.faults
        )
        return words if faults in words else f"{words} ({faults})"
    return words


def _cell(value: object) -> str:
    match value:
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
        case BaseModel() | dict():
            return as_json(value)
        case tuple() | list():
            return ", ".join(_cell(each) for each in cast("Sequence[object]", value))
        case _:
            return str(value)


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            return value.model_dump(by_alias=True, exclude_unset=True)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return str(value)
