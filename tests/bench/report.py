"""Figures of a contest as tables, as answers to what was promised, and as the page docs/performance.md."""

import os
import platform
import statistics
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import NamedTuple

import rich.table

_PENSTOCK = "Penstock"


class Figures:
    """Values by what was measured and whose they are; several rounds, several values."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, list[float]]] = {}

    def add(self, what: str, who: str, value: float) -> None:
        """One more value."""
        self.found.setdefault(what, {}).setdefault(who, []).append(value)

    def maybe(self, what: str, who: str) -> float | None:
        """The median of a figure; None where there is none."""
        values = self.found.get(what, {}).get(who)
        return None if not values else statistics.median(values)

    def ratio(self, what: str, who: str, to: str) -> float | None:
        """Of two medians."""
        return _ratio(self.maybe(what, who), self.maybe(what, to))

    def ends(self, what: str) -> tuple[str, str]:
        """Whose the first and the last figures are, in the order in which they came."""
        names = list(self.found.get(what, {"few": []}))
        return names[0], names[-1]


class Promise(NamedTuple):
    """A ratio or limit that is to hold, and how it is now (None: not measured)."""

    text: str
    wanted: str
    value: float | None
    held: bool

    @property
    def verdict(self) -> str:
        """In a word."""
        return "not measured" if self.value is None else "holds" if self.held else "missed"

    @property
    def measured(self) -> str:
        """The value."""
        return "" if self.value is None else f"{self.value:,.2f}"


def promises(figures: Figures) -> list[Promise]:
    """The promises of speed, each with what this run says."""
    life, equal, single, hundred = "whole life by 50", "Celery, equal promises", "submit by 1", "submit by 100"
    ours = figures.maybe(life, _PENSTOCK)
    peers = [figures.maybe("whole life by 1", name) for name in ("Dramatiq, confirms", "taskiq")]
    known = [each for each in peers if each is not None]
    best = max(known) if len(known) == len(peers) else None
    rows = [
        _least("whole life by 50, to the best of Dramatiq with confirms and taskiq", 2, _ratio(ours, best)),
        _least(
            "whole life by 50, to Celery with equal promises", 8, _ratio(ours, figures.maybe("whole life by 1", equal))
        ),
        _least("submit by the hundred, to raw insert_many", 0.35, figures.ratio(hundred, _PENSTOCK, "raw insert_many")),
        _least(
            "single submits, to a no-op FastAPI endpoint",
            0.6,
            figures.ratio(single, _PENSTOCK, "no-op FastAPI endpoint"),
        ),
        _least("single submits, to Celery with confirms", 3, figures.ratio(single, _PENSTOCK, equal)),
    ]
    for when, limits in (("idle", (8, None, 20)), ("at 100/s", (8, None, 20)), ("at 1,000/s", (None, 25, None))):
        for which, limit in zip(("median", "95th", "99th"), limits, strict=True):
            if limit is not None:
                rows.append(_most(f"pickup {when}, {which} ms", limit, figures.maybe(f"pickup {when}, ms", which)))
    for what in ("with a backlog", "over queues"):
        for rate in ("submit", "claim"):
            name = f"{rate} by 1 {what}"
            few, many = figures.ends(name)
            rows.append(_least(f"{name}, {many} to {few}", 0.8, figures.ratio(name, many, few)))
    beside, quiet = "beside a flood", "pickup of a quiet tenant, 95th, ms"
    rows.append(_most("quiet tenant beside a flood, 95th, to alone", 2, figures.ratio(quiet, beside, "alone")))
    worst = figures.maybe("pickup of a quiet tenant, worst, ms", beside)
    rows.append(_most("quiet tenant beside a flood, worst ms", 1000, worst))
    one, two = "1 API process", "2 API processes"
    rows += [
        _least(f"{name}, two to one", 1.6, figures.ratio(name, two, one))
        for name in ("submit by 1, by processes", "whole life by 50, by processes")
    ]
    memory = figures.found.get("memory, MB", {})
    kept = [who for who in memory if who.startswith("engine")][-1:]
    polls = [who for who in memory if who.startswith("API")]
    rows += [_most(f"memory of {who}, MB", 250, figures.maybe("memory, MB", who)) for who in (*polls, *kept)]
    return rows


def tables(figures: Figures) -> Iterable[rich.table.Table]:
    """A table for each thing that was measured."""
    for what, row in figures.found.items():
        table = rich.table.Table(what, "median", "lowest", "highest", title_justify="left")
        for who, values in row.items():
            table.add_row(who, *_numbers(values))
        yield table


def criteria(figures: Figures) -> rich.table.Table:
    """What was promised, as a table."""
    table = rich.table.Table("promised", "wanted", "measured", "")
    for promise in promises(figures):
        table.add_row(promise.text, promise.wanted, promise.measured, promise.verdict)
    return table


def page(figures: Figures) -> str:
    """The whole page."""
    lines = [_HEAD.format(machine=_machine(), versions=_versions())]
    lines += ["## What was promised", "", "| promised | wanted | measured | |", "|---|---|---|---|"]
    lines += [f"| {p.text} | {p.wanted} | {p.measured} | {p.verdict} |" for p in promises(figures)]
    lines += ["", "## Figures", ""]
    for what, row in figures.found.items():
        lines += [f"| {what} | median | lowest | highest |", "|---|---|---|---|"]
        lines += [f"| {who} | {' | '.join(_numbers(values))} |" for who, values in row.items()]
        lines.append("")
    lines += ["![Rates](images/performance-rates.svg)", "", "![Cost](images/performance-cost.svg)", "", _TAIL]
    lines += ["![Growth](images/performance-growth.svg)", ""]
    return "\n".join(lines)


def _numbers(values: list[float]) -> list[str]:
    return [f"{value:,.{0 if value >= 100 else 1}f}" for value in (statistics.median(values), min(values), max(values))]


def _least(text: str, wanted: float, value: float | None) -> Promise:
    return Promise(text, f"at least {wanted:g}", value, value is not None and value >= wanted)


def _most(text: str, wanted: float, value: float | None) -> Promise:
    return Promise(text, f"at most {wanted:g}", value, value is not None and value <= wanted)


def _ratio(value: float | None, to: float | None) -> float | None:
    return None if value is None or not to else value / to


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def _versions() -> str:
    names: list[tuple[str, Callable[[], str]]] = [
        (name, lambda name=name: version(name)) for name in ("fastapi", "uvicorn", "pymongo", "aio-pika", "msgspec")
    ]
    return ", ".join(f"{name} {of()}" for name, of in names)


_HEAD = """# Performance

Written by `make bench`; {machine}. {versions}; the peers at the versions of `tests/bench/peers/requirements.lock`.

Everything runs on this one machine at the same time: servers, peers, clients. Each round measures each contender
once, one after another, on the same RabbitMQ; the figures are medians of three rounds, in tasks a second unless
said. Authentication, access rules, events and history are on, as ever; each submit is on MongoDB's journal, and
each end.

- *Whole life*: submitters and workers at once, from the first submit to the last end. Ours over HTTP by 1, 50 and
  100 tasks a call from one client process; the peers with four sending processes and four worker processes, their
  own way.
- *Equal promises*: Celery with publisher confirms, late acknowledgement and results in MongoDB. The others keep no
  record at all.
- *No-op FastAPI endpoint*: verifies the token (cached), parses the body with pydantic, and does nothing.
"""

_TAIL = """## How each cost grows

The record is what costs: MongoDB spends more CPU on a task's life than all of Python. Submitting by the batch
shares one write, one publish and one HTTP request among the batch; claims and ends likewise. A backlog costs
nothing but disk and the tickets' memory in RabbitMQ (about 1 kB each); queues cost a lane each in RabbitMQ, and are
looked up in a cache.

An open change stream looks at every write of whatever collection, seven in a task's life, at some 6 µs of MongoDB's CPU
each: each API process and each engine has one, and the leading engine one more. Events that nobody listens to are
stored, and not published.
"""
