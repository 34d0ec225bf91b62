"""Keeps what was measured as it comes: raw figures in a file, tables on the screen, the page and its plots."""

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

import rich.console

from deploy.local import home as homes
from tests.bench import contenders, report
from tests.bench.report import Figures

RAW = homes.ROOT / ".bench" / "figures.json"
PAGE = homes.ROOT / "docs" / "performance.md"
IMAGES = homes.ROOT / "docs" / "images"


class Results:
    """The figures of one run. `keeps`: the page is written; it says when the run was not a `whole` one."""

    def __init__(self, *, keeps: bool, whole: bool = True, raw: Path = RAW) -> None:
        self.figures = Figures()
        self.failed: dict[str, str] = {}
        """Parts that broke off, and what over."""
        self.minutes: dict[str, float] = {}
        self._keeps = keeps
        self._whole = whole
        self._raw = raw
        self._shown: dict[str, dict[str, int]] = {}
        self._console = rich.console.Console()

    def failure(self, part: str, error: BaseException) -> None:
        """A part broke off; what it measured before stays."""
        lines = (str(error) or repr(error)).strip().splitlines()
        self.failed[part] = (lines[0] if lines else repr(error))[:200]
        self._console.print(f"[red]{part} broke off:[/red] {type(error).__name__}: {error}", highlight=False)

    def keep(self, part: str, minutes: float) -> None:
        """Print what is new since the last time, and write everything."""
        self.minutes[part] = minutes
        for table in report.tables(self._new()):
            self._console.print(table)
        self._console.print(f"{part}: {minutes:.1f} minutes", highlight=False)
        self._raw.parent.mkdir(exist_ok=True)
        told = {"figures": self.figures.found, "failed": self.failed, "minutes": self.minutes}
        self._raw.write_text(json.dumps(told, indent=1, ensure_ascii=False))
        if self._keeps:
            PAGE.write_text(report.page(self.figures, self.failed, self.minutes, whole=self._whole))

    def end(self) -> None:
        """What was promised, and the plots."""
        self._console.print(report.criteria(self.figures))
        self._console.print(f"It took {sum(self.minutes.values()):.1f} minutes.", highlight=False)
        if self._keeps and contenders.PYTHON.exists():
            plot(self.figures)

    def _new(self) -> Figures:
        new = Figures()
        for what, row in self.figures.found.items():
            counts = {who: len(values) for who, values in row.items()}
            if counts != self._shown.get(what):
                new.found[what], self._shown[what] = row, counts
        return new


def plot(figures: Figures) -> None:
    """Draw what there is of the figures, in the environment of the peers, which has the library for it."""
    data: dict[str, Any] = {
        what: {who: statistics.median(values) for who, values in row.items()} for what, row in figures.found.items()
    }
    subprocess.run(
        [contenders.PYTHON, "-m", "tests.bench.peers.plots", str(IMAGES)],
        cwd=homes.ROOT, input=json.dumps(data), text=True, check=True,
    )  # fmt: skip
