"""Figures of a run as tables, as answers to what was promised, and as the page docs/performance.md (performance.md)."""

import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import NamedTuple

import rich.table

from tests.bench import contenders

PENSTOCK = "Penstock"
RECORD = "the record alone"
"""What a life writes to MongoDB, without anything around it."""
TEMPLATE = Path(__file__).with_name("performance.md")
"""The words of the page: change them there, not in the page."""
_COSTS = ("CPU of", "cores at", "memory")
_PEERS = ("aio-pika", "celery", "dramatiq", "faststream", "taskiq", "taskiq-aio-pika")
_REST = ("behind the last", "written straight")
_SHORT = " **It was a short or partial run, with one round and few tasks: its figures say little.**"
FULL = 0.85
"""Of all cores: with more at work, none is left for another process."""


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
        names = list(self.found.get(what, {"few": [], "many": []}))
        return names[0], names[-1]


class Promise(NamedTuple):
    """A ratio or limit that is to hold, and how it is now (None: not measured)."""

    number: str
    """Of the criterion in the issue."""
    text: str
    wanted: str
    value: float | None
    held: bool
    remark: str = ""

    @property
    def verdict(self) -> str:
        """In a word."""
        said = "not measured" if self.value is None else "holds" if self.held else "missed"
        return f"{said}; {self.remark}" if self.remark else said

    @property
    def measured(self) -> str:
        """The value."""
        return "" if self.value is None else f"{self.value:,.2f}"


def promises(figures: Figures) -> list[Promise]:
    """The promises of speed, each with what this run says."""
    return [
        *_against_others(figures),
        *_pickups(figures),
        *_growing(figures),
        *_beside(figures),
        *_processes(figures),
        *_memory(figures),
    ]


def _against_others(figures: Figures) -> list[Promise]:
    by_one, life = "whole life by 1, tasks/s", "whole life by 50, tasks/s"
    single, hundred = "submit by 1, tasks/s", "submit by 100, tasks/s"
    ours, equal = figures.maybe(life, PENSTOCK), "Celery, equal promises"
    peers = [figures.maybe(by_one, name) for name in ("Dramatiq, confirms", "taskiq")]
    known = [each for each in peers if each is not None]
    best = max(known) if len(known) == len(peers) else None
    celery = figures.maybe(by_one, equal)
    return [
        _possible(figures, "the best of Dramatiq with confirms and taskiq", 2, ours, best),
        _possible(figures, equal, 8, ours, celery),
        *(
            _least("2", f"submit by 100, to {raw}", 0.35, figures.ratio(hundred, PENSTOCK, raw))
            for raw in ("raw insert_many", "raw insert_many, one call at a time")
        ),
        _least("2", "submit by 1, to a no-op endpoint", 0.6, figures.ratio(single, PENSTOCK, "no-op FastAPI endpoint")),
        _least("2", "submit by 1, to Celery with confirms", 3, figures.ratio(single, PENSTOCK, equal)),
    ]


def _possible(figures: Figures, who: str, wanted: float, ours: float | None, theirs: float | None) -> Promise:
    """A rate of whole lives to a peer's; where it is missed, what a life may cost at most, and what its record does."""
    row = _least("1", f"whole life by 50, to {who}", wanted, _ratio(ours, theirs))
    record = figures.maybe("CPU of a whole life by 50, µs", f"{RECORD}: mongod")
    if row.held or theirs is None or record is None:
        return row
    most = (os.cpu_count() or 1) * 1e6 / (wanted * theirs)
    said = f"at that rate a life has {most:.0f} µs of all cores, and its record alone costs MongoDB {record:.0f}"
    return row._replace(remark=said)


def _pickups(figures: Figures) -> list[Promise]:
    rows: list[Promise] = []
    for when, limits in (("idle", (8, None, 20)), ("at 100/s", (8, None, 20)), ("at 1,000/s", (None, 25, None))):
        for which, limit in zip(("median", "95th", "99th"), limits, strict=True):
            if limit is not None:
                found = figures.maybe(f"pickup {when}, ms", which)
                rows.append(_most("3", f"pickup by long poll {when}, {which}, ms", limit, found))
    return rows


def _growing(figures: Figures) -> list[Promise]:
    rows: list[Promise] = []
    for what in ("with a backlog", "over queues"):
        for rate in ("submit", "claim"):
            name = f"{rate} by 1 {what}, a second"
            few, many = figures.ends(name)
            rows.append(_least("4", f"{rate} by 1, {many} to {few}", 0.8, figures.ratio(name, many, few)))
    return rows


def _beside(figures: Figures) -> list[Promise]:
    beside, quiet = "beside a flood", "pickup of a quiet tenant, 95th, ms"
    worst = figures.maybe("pickup of a quiet tenant, worst, ms", beside)
    return [
        _most("5", "quiet tenant beside a flood, 95th, to alone", 2, figures.ratio(quiet, beside, "alone")),
        _most("5", "quiet tenant beside a flood, the latest, ms", 1000, worst),
    ]


def _processes(figures: Figures) -> list[Promise]:
    """Where the cores are all at work, what counts is what two processes could do by the CPU that a task costs them."""
    one, two = "1 API process", "2 API processes"
    rows: list[Promise] = []
    for what in ("submit by 1", "whole life by 50"):
        measured = figures.ratio(f"{what}, by processes, tasks/s", two, one)
        row = _least("6", f"{what}, two API processes to one", 1.6, measured)
        cores = figures.maybe("cores at work, by processes", f"{what}, {two}")
        if measured is not None and not row.held and cores is not None and cores > FULL * (os.cpu_count() or 1):
            row = row._replace(remark=f"no core was left: {cores:.1f} of {os.cpu_count()} at work")
        rows.append(row)
        name = "CPU of the API for a task, by processes, µs"
        each = _ratio(figures.maybe(name, f"{what}, {one}"), figures.maybe(name, f"{what}, {two}"))
        could = None if each is None else 2 * each
        rows.append(_least("6", f"{what}, the same by the API's CPU for a task (cores allowing)", 1.6, could))
    return rows


def _memory(figures: Figures) -> list[Promise]:
    memory = figures.found.get("memory, MB", {})
    wanted = [who for who in memory if who.startswith("engine") or "long polls" in who]
    return [_most("7", f"memory of {who}, MB", 250, figures.maybe("memory, MB", who)) for who in wanted]


def tables(figures: Figures) -> Iterable[rich.table.Table]:
    """A table for each thing that was measured."""
    for what, row in figures.found.items():
        table = rich.table.Table(what, "median", "lowest", "highest", title_justify="left")
        for who, values in row.items():
            table.add_row(who, *_numbers(values))
        yield table


def criteria(figures: Figures) -> rich.table.Table:
    """What was promised, as a table."""
    table = rich.table.Table("", "promised", "wanted", "measured", "")
    for promise in promises(figures):
        table.add_row(promise.number, promise.text, promise.wanted, promise.measured, promise.verdict)
    return table


def page(figures: Figures, failed: Mapping[str, str], minutes: Mapping[str, float], *, whole: bool) -> str:
    """The whole page: the template, with what was found in the places that it leaves for it."""
    found = {
        "machine": _machine(),
        "versions": _versions(),
        "minutes": f"{sum(minutes.values()):.0f}",
        "short": "" if whole else _SHORT,
        "failed": _failed(failed),
        "promises": _promised(figures),
        "figures": _tables(figures, [*_COSTS, *_REST]),
        "costs": _tables(figures, _COSTS, only=True),
        "rest": _tables(figures, _REST, only=True),
    }
    return Template(TEMPLATE.read_text()).substitute(found)


def _failed(failed: Mapping[str, str]) -> str:
    if not failed:
        return ""
    lines = [f"- {part}: {said}" for part, said in failed.items()]
    return "\n".join(["**Parts of this run that broke off; their figures are missing or few:**", "", *lines, ""])


def _promised(figures: Figures) -> str:
    lines = ["| | promised | wanted | measured | |", "|---|---|---|---|---|"]
    lines += [f"| {p.number} | {p.text} | {p.wanted} | {p.measured} | {p.verdict} |" for p in promises(figures)]
    return "\n".join(lines)


def _tables(figures: Figures, names: Iterable[str], *, only: bool = False) -> str:
    """Tables of what begins with one of the names, or of all else."""
    begins = tuple(names)
    lines: list[str] = []
    for what, row in figures.found.items():
        if what.startswith(begins) == only:
            lines += [f"| {what} | median | lowest | highest |", "|---|---|---|---|"]
            lines += [f"| {who} | {' | '.join(_numbers(values))} |" for who, values in row.items()]
            lines.append("")
    return "\n".join(lines).rstrip()


def _numbers(values: list[float]) -> list[str]:
    return [f"{value:,.{0 if value >= 100 else 1}f}" for value in (statistics.median(values), min(values), max(values))]


def _least(number: str, text: str, wanted: float, value: float | None) -> Promise:
    return Promise(number, text, f"at least {wanted:g}", value, value is not None and value >= wanted)


def _most(number: str, text: str, wanted: float, value: float | None) -> Promise:
    return Promise(number, text, f"at most {wanted:g}", value, value is not None and value <= wanted)


def _ratio(value: float | None, to: float | None) -> float | None:
    return None if value is None or not to else value / to


def _machine() -> str:
    about = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in about.splitlines() if line.startswith("model name")), "")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return f"{os.cpu_count()} cores ({model or platform.machine()}), {memory:.0f} GB, Linux {platform.release()}"


def _versions() -> str:
    names = ("fastapi", "uvicorn", "uvloop", "pymongo", "aio-pika", "aiormq", "msgspec")
    ours = ", ".join(f"{name} {version(name)}" for name in names)
    locked = re.findall(r"^([\w-]+)==([\w.]+)", contenders.LOCK.read_text(), re.MULTILINE)
    theirs = ", ".join(f"{name} {at}" for name, at in locked if name in _PEERS)
    return f"Python {platform.python_version()}; ours: {ours}; peers: {theirs}"
