"""What the SDK's README shows works as it stands."""

import re
from pathlib import Path

from penstock import Worker, testing
from penstock.cli import exits

README = (Path(__file__).parents[2] / "sdk" / "python" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_worker_has_less_than_15_lines_and_works() -> None:
    source = next(block for block in blocks("python") if "worker.run" in block)
    assert len(source.splitlines()) < 15
    assert source in (Path(__file__).parents[2] / "README.md").read_text(), "both READMEs show the same worker"
    found: dict[str, object] = {"__name__": "reviews"}
    exec(compile(source, "reviews.py", "exec"), found)  # noqa: S102 - our own README
    worker = found["worker"]
    assert isinstance(worker, Worker)
    outcome = testing.run(worker, "intake:strike-reports", {"airport": "DEN", "costTotal": 20_000})
    assert outcome.result == {"airport": "DEN", "needsInspection": True}


def test_every_python_block_compiles() -> None:
    for block in blocks("python"):
        compile(block, "README.md", "exec")


def test_the_table_of_statuses_is_the_program_s_own() -> None:
    rows = {
        int(status): meaning.replace("`", "")
        for status, meaning in re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE)
    }
    assert rows == {int(status): meaning for status, meaning in exits.MEANING.items()}
