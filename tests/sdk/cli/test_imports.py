"""Imports on the command line, against the real server."""

import json
from pathlib import Path

from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


def test_a_file_becomes_tasks(ada: Run, as_: object, queue: str, tmp_path: Path) -> None:
    file = tmp_path / "reports.ndjson"
    file.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(50)))
    ran = ada("imports", "upload", queue, str(file), "--label", "x", "--priority", "high", "--follow", "--json")
    assert ran.status == 0, ran.err
    assert (ran.json["outcome"], ran.json["progress"]["accepted"]) == ("succeeded", 50)
    tasks = ada("tasks", "list", queue, "--label", "x", "-n", "0", "--json").lines
    assert sorted(each["params"]["n"] for each in tasks) == list(range(50))
    assert {each["priority"] for each in tasks} == {"high"}
    job = ran.json["id"]
    assert ada("imports", "show", job, "--json").json["id"] == job
    assert job in ada("imports", "list", "--queue", queue).out
    assert ada("imports", "errors", job, "--json").out == ""
    assert ada("imports", "cancel", job).status == Exit.CONFLICT


def test_bad_lines_are_told_and_the_rest_goes_on(ada: Run, queue: str, tmp_path: Path) -> None:
    file = tmp_path / "some.ndjson"
    file.write_text('{"params": {"n": 1}}\n{"params": \n{"params": {"n": 2}, "priority": "enormous"}\n')
    ran = ada("imports", "upload", queue, str(file), "--whole", "--follow")
    assert (ran.status, ran.out.split(": ")[1]) == (Exit.PARTLY, "succeeded, 1 tasks, 2 lines refused.\n"), ran.err
    job = ran.out.split(":")[0]
    assert [each["line"] for each in ada("imports", "errors", job, "--json").lines] == [2, 3]
    assert "priority" in ada("imports", "errors", job).out
    assert ada("imports", "show", job, "--follow").status == Exit.PARTLY


def test_an_import_with_the_same_key_is_the_same(ada: Run, queue: str, tmp_path: Path) -> None:
    (tmp_path / "one.ndjson").write_text('{"n": 1}\n')
    first, second = (
        ada("imports", "upload", queue, str(tmp_path / "one.ndjson"), "--key", "k", "--json").json for _ in range(2)
    )
    assert first["id"] == second["id"]


def test_what_cannot_be_imported_is_said_in_one_line(ada: Run, queue: str) -> None:
    ran = ada("imports", "upload", queue, "/nope")
    assert (ran.status, ran.err) == (Exit.USAGE, "penstock: /nope: there is no such file.\n")
    ran = ada("imports", "start", queue, "ftp://example.org/x")
    assert (ran.status, len(ran.err.splitlines())) == (Exit.INVALID, 1)
    ran = ada("imports", "start", queue, "http://127.0.0.1:1/x", "--follow")
    assert ran.status != 0
    assert len(ran.err.splitlines()) <= 1
    assert ada("imports", "show", "nope").status == Exit.NOT_FOUND
