"""Files of tasks: checked first, sent with a bar and a rate, and every line accounted for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


def ndjson(folder: Path, *lines: Any) -> str:
    file = folder / "tasks.ndjson"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return str(file)


def test_ten_thousand_lines_with_a_bar_and_a_rate(ada: Run, queue: str, tmp_path: Path) -> None:
    file = ndjson(tmp_path, *({"n": n, "id": f"r{n}"} for n in range(10_000)))
    ran = ada("tasks", "submit", queue, "--ndjson", file, "--record-id-field", "id", "--label", "bulk")
    assert ran.status == 0, ran.err
    assert re.search(r"━+ 10000/10000 [\d,]+/s", ran.err)
    assert re.fullmatch(rf"Submitted 10,000 tasks to {queue} in [\d.]+ s \([\d,]+/s\)\.\n", ran.out)
    assert ada("queues", "metrics", queue, "--json").json["open"] == 10_000
    (last,) = ada("tasks", "list", queue, "--record-id", "r9999", "--json").lines
    assert (last["params"], last["labels"]) == ({"n": 9999, "id": "r9999"}, ["bulk"])


def test_bad_lines_are_told_by_number_and_nothing_is_sent(ada: Run, queue: str, tmp_path: Path) -> None:
    file = ndjson(tmp_path, {"n": 1}, '{"n":', {"n": 2}, "nope")
    ran = ada("tasks", "submit", queue, "--ndjson", file)
    assert ran.status == Exit.INVALID
    assert ran.err.splitlines() == [
        "line 2: not JSON: Expecting value at column 6",
        "line 4: not JSON: Expecting value at column 1",
        "penstock: 2 of 4 lines are bad; nothing was sent. --skip-bad sends the others.",
    ]
    assert ran.out == ""
    assert ada("queues", "metrics", queue, "--json").json["open"] == 0
    skipped = ada("tasks", "submit", queue, "--ndjson", file, "--skip-bad", "--json")
    assert (skipped.status, skipped.json["submitted"]) == (0, 2)
    assert [each["line"] for each in skipped.json["bad"]] == [2, 4]
    assert [json.loads(line)["line"] for line in skipped.err.splitlines()] == [2, 4]


def test_many_bad_lines_are_not_all_told_to_people(ada: Run, queue: str, tmp_path: Path) -> None:
    ran = ada("tasks", "submit", queue, "--ndjson", ndjson(tmp_path, *["nope"] * 100))
    assert len(ran.err.splitlines()) == 22
    assert ran.err.splitlines()[20] == "... and 80 more lines"


def test_what_the_server_refuses_is_told_by_its_line(ada: Run, queue: str, tmp_path: Path) -> None:
    ada("queues", "put", queue, "--worker", "reviewer", "--schema", '{"type": "object", "required": ["n"]}')
    ran = ada("tasks", "submit", queue, "--ndjson", ndjson(tmp_path, {"n": 1}, {"m": 1}, {"n": 2}))
    assert ran.status == Exit.PARTLY
    assert [line[:8] for line in ran.err.splitlines() if line.startswith("line ")] == ["line 2: "]
    assert "Submitted 2 tasks" in ran.out
    assert "1 were refused" in ran.out
    assert ada("tasks", "submit", queue, "--ndjson", ndjson(tmp_path, {"m": 1}), "--json").status == Exit.INVALID


def test_sent_twice_with_keys_it_makes_every_task_once(ada: Run, queue: str, tmp_path: Path) -> None:
    file = ndjson(tmp_path, *({"id": n} for n in range(3)))
    first, second = [ada("tasks", "submit", queue, "--ndjson", file, "--key-field", "id", "--json") for _ in range(2)]
    assert (first.json["submitted"], first.json["known"]) == (3, 0)
    assert (second.status, second.json["submitted"], second.json["known"]) == (0, 0, 3)


def test_csv_from_standard_input(ada: Run, queue: str) -> None:
    ran = ada("tasks", "submit", queue, "--csv", "-", "--json", stdin="airport,cost\nDEN,5\nJFK,7\n")
    assert ran.json["submitted"] == 2
    found = ada("tasks", "list", queue, "--json").lines
    assert [each["params"] for each in found] == [{"airport": "DEN", "cost": "5"}, {"airport": "JFK", "cost": "7"}]


def test_whole_tasks(ada: Run, queue: str, tmp_path: Path) -> None:
    file = ndjson(tmp_path, {"params": 1, "priority": "urgent"}, {"params": 2})
    assert ada("tasks", "submit", queue, "--ndjson", file, "--whole", "--priority", "low", "--json").status == 0
    found = ada("tasks", "list", queue, "--json").lines
    assert [(each["params"], each["priority"]) for each in found] == [(1, "urgent"), (2, "low")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ndjson", "/nope"], "/nope: No such file or directory"),
        (["--ndjson", "x", "--csv", "y"], "With a file go neither"),
        (["--ndjson", "x", "--params", "1"], "With a file go neither"),
    ],
)
def test_what_cannot_be_read_is_said(ada: Run, queue: str, arguments: list[str], words: str) -> None:
    ran = ada("tasks", "submit", queue, *arguments)
    assert (ran.status, words in ran.err, len(ran.err.splitlines())) == (Exit.USAGE, True, 1)
