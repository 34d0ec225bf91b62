"""Submitting a file of tasks: checked first, then sent in batches with a live bar."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from penstock import errors
from penstock.cli import exits, output
from penstock.cli.lines import Bad, Fields, Line, read
from penstock.cli.shared import Session
from penstock.client import AsyncClient

_BATCH = 500
_AT_ONCE = 3
_PATIENCE_SECONDS = 60.0
"""How long it tries to reach a server that went away in the middle of a file."""
_SHOWN = 20
"""How many bad or refused lines are told one by one to people."""


@contextlib.contextmanager
def opened(name: str) -> Generator[Path]:
    """The file, which is read twice; standard input is put aside for that."""
    if name != "-":
        yield Path(name)
        return
    with tempfile.NamedTemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        yield Path(kept.name)


@dataclass(kw_only=True)
class Lines:
    """A file that was read once."""

    good: int
    bad: list[Bad]
    read: Iterator[Line | Bad]


def checked(session: Session, file: Path, kind: Literal["ndjson", "csv"], fields: Fields, *, skip_bad: bool) -> Lines:
    """Read the file to its end, tell its bad lines, and go on only if there are none or they may be skipped."""
    bad: list[Bad] = []
    good = 0
    try:
        for each in read(file, kind, fields):
            if isinstance(each, Bad):
                bad.append(each)
            else:
                good += 1
    except OSError as error:
        raise errors.UsageError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise errors.UsageError(f"{file} is not text in UTF-8: {error}") from error
    _tell(session, [(each.number, each.message) for each in bad])
    if bad and not skip_bad:
        what = f"{len(bad)} of {len(bad) + good} lines are bad; nothing was sent. --skip-bad sends the others."
        output.complain(what, json_wanted=session.as_json)
        raise typer.Exit(exits.Exit.INVALID)
    return Lines(good=good, bad=bad, read=read(file, kind, fields))


@dataclass(kw_only=True)
class _Report:
    """What became of a file."""

    submitted: int = 0
    known: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


def submit(session: Session, queue: str, lines: Lines) -> None:
    report = _Report()
    began = time.monotonic()
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=output.aside(), disable=session.as_json) as progress:
        bar = progress.add_task(queue, total=lines.good, rate="")

        def sent(count: int) -> None:
            progress.update(bar, completed=count, rate=f"{count / (time.monotonic() - began):,.0f}/s")

        asyncio.run(_send(session, queue, lines.read, report, sent))
    took = time.monotonic() - began
    _tell(session, report.refused)
    rate = f"{lines.good / took:,.0f}/s" if took > 0 else ""
    known = f", {report.known} were known already" if report.known else ""
    refused = f", {len(report.refused)} were refused" if report.refused else ""
    skipped = f", {len(lines.bad)} bad lines were skipped" if lines.bad else ""
    session.say(
        f"Submitted {report.submitted:,} tasks to {queue} in {took:.1f} s ({rate}){known}{refused}{skipped}.",
        {
            "submitted": report.submitted,
            "known": report.known,
            "refused": [{"line": number, "message": message} for number, message in report.refused],
            "bad": [{"line": each.number, "message": each.message} for each in lines.bad],
            "seconds": round(took, 3),
        },
    )
    if report.refused:
        done = report.submitted + report.known
        raise typer.Exit(exits.Exit.PARTLY if done else exits.Exit.INVALID)


async def _send(
    session: Session, queue: str, lines: Iterator[Line | Bad], report: _Report, sent: Callable[[int], None]
) -> None:
    """Send the file in batches, some at a time; the order of the file within a batch is kept."""

    async def sender(client: AsyncClient) -> None:
        while batch := _batch(lines):
            results = await client.tasks.submit_many(queue, [line.task for line in batch])
            for line, result in zip(batch, results, strict=True):
                if result.error is not None:
                    faults = "; ".join(f"{fault.field}: {fault.message}" for fault in result.error.faults)
                    report.refused.append((line.number, faults or result.error.detail))
                elif result.created:
                    report.submitted += 1
                else:
                    report.known += 1
            sent(report.submitted + report.known + len(report.refused))

    async with session.async_client(patience=_PATIENCE_SECONDS) as client:
        try:
            async with asyncio.TaskGroup() as senders:
                for _ in range(_AT_ONCE):
                    senders.create_task(sender(client))
        except* errors.PenstockError as group:
            if done := report.submitted + report.known:
                output.complain(f"{done} tasks were submitted before this went wrong:", json_wanted=session.as_json)
            raise group.exceptions[0] from None
    report.refused.sort()


def _batch(lines: Iterator[Line | Bad]) -> list[Line]:
    batch: list[Line] = []
    for each in lines:
        if isinstance(each, Line):
            batch.append(each)
            if len(batch) == _BATCH:
                break
    return batch


def _tell(session: Session, told: Sequence[tuple[int, str]]) -> None:
    """Say what is wrong with which line; to programs all of it."""
    shown = told if session.as_json else told[:_SHOWN]
    for number, message in shown:
        if session.as_json:
            sys.stderr.write(output.as_json({"line": number, "message": message}) + "\n")
        else:
            sys.stderr.write(f"line {number}: {' '.join(message.split())}\n")
    if len(told) > len(shown):
        sys.stderr.write(f"... and {len(told) - len(shown)} more lines\n")
