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

    def median(self, what: str, who: str) -> float:
        """The median of a figure; raises KeyError where there is none."""
        return statistics.median(self.found[what][who])


class Promise(NamedTuple):
    """A ratio or limit that is to hold, and how it is now."""

    text: str
    wanted: str
    value: float
    held: bool


def promises(figures: Figures) -> list[Promise]:
    """The promises of speed, each with what this run says."""
    m = figures.median
    life = m("whole life by 50", _PENSTOCK)
    best = max(m("whole life by 1", name) for name in ("Dramatiq, confirms", "taskiq"))
    rows = [
        _least("whole life by 50, to the best of Dramatiq with confirms and taskiq", 2, life / best),
        _least(
            "whole life by 50, to Celery with equal promises", 8, life / m("whole life by 1", "Celery, equal promises")
        ),
        _least(
            "submit by the hundred, to raw insert_many",
            0.35,
            m("submit by 100", _PENSTOCK) / m("submit by 100", "raw insert_many"),
        ),
        _least(
            "single submits, to a no-op FastAPI endpoint",
            0.6,
            m("submit by 1", _PENSTOCK) / m("submit by 1", "no-op FastAPI endpoint"),
        ),
        _least(
            "single submits, to Celery with confirms",
            3,
            m("submit by 1", _PENSTOCK) / m("submit by 1", "Celery, equal promises"),
        ),
        _most("pickup idle, median ms", 8, m("pickup idle, ms", "median")),
        _most("pickup idle, 99th ms", 20, m("pickup idle, ms", "99th")),
        _most("pickup at 100/s, median ms", 8, m("pickup at 100/s, ms", "median")),
        _most("pickup at 100/s, 99th ms", 20, m("pickup at 100/s, ms", "99th")),
        _most("pickup at 1,000/s, 95th ms", 25, m("pickup at 1,000/s, ms", "95th")),
    ]
    for what, few in (("with a backlog", "1,000 tasks"), ("over queues", "10 queues")):
        for rate in ("submit", "claim"):
            row = figures.found[f"{rate} by 1 {what}"]
            many = next(name for name in row if name != few)
            rows.append(
                _least(
                    f"{rate} by 1, {many} to {few}",
                    0.8,
                    m(f"{rate} by 1 {what}", many) / m(f"{rate} by 1 {what}", few),
                )
            )
    quiet = "pickup of a quiet tenant, 95th, ms"
    rows.append(_most("quiet tenant beside a flood, 95th, to alone", 2, m(quiet, "beside a flood") / m(quiet, "alone")))
    rows.append(
        _most("quiet tenant beside a flood, worst ms", 1000, m("pickup of a quiet tenant, worst, ms", "beside a flood"))
    )
    rows += [_most(f"memory of {who}, MB", 250, m("memory, MB", who)) for who in figures.found["memory, MB"]]
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
        table.add_row(promise.text, promise.wanted, f"{promise.value:,.2f}", "holds" if promise.held else "missed")
    return table


def page(figures: Figures) -> str:
    """The whole page."""
    lines = [_HEAD.format(machine=_machine(), versions=_versions())]
    lines += ["## What was promised", "", "| promised | wanted | measured | |", "|---|---|---|---|"]
    lines += [
        f"| {p.text} | {p.wanted} | {p.value:,.2f} | {'holds' if p.held else 'missed'} |" for p in promises(figures)
    ]
    lines += ["", "## Figures", ""]
    for what, row in figures.found.items():
        lines += [f"| {what} | median | lowest | highest |", "|---|---|---|---|"]
        lines += [f"| {who} | {' | '.join(_numbers(values))} |" for who, values in row.items()]
        lines.append("")
    lines += ["![Rates](images/performance-rates.svg)", "", "![Cost](images/performance-cost.svg)", "", _TAIL]
    return "\n".join(lines)


def _numbers(values: list[float]) -> list[str]:
    return [f"{value:,.{0 if value >= 100 else 1}f}" for value in (statistics.median(values), min(values), max(values))]


def _least(text: str, wanted: float, value: float) -> Promise:
    return Promise(text, f"at least {wanted:g}", value, value >= wanted)


def _most(text: str, wanted: float, value: float) -> Promise:
    return Promise(text, f"at most {wanted:g}", value, value <= wanted)


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
"""
