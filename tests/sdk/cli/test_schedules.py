"""Schedules on the command line, against the real server."""

import json

from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


def test_a_schedule_from_its_beginning_to_its_end(ada: Run, wim: Run, queue: str) -> None:
    ran = ada(
        "schedules", "put", "cli-nightly", "--cron", "0 3 * * MON-FRI", "--time-zone", "Europe/Berlin",
        "--queue", queue, "-p", "night=true", "--name", "nightly", "--misfire", "one", "--overlap", "skip",
        "--jitter", "5s", "--grace", "2m", "--end-at", "2099-01-01T00:00Z", "--json",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert ran.json["trigger"] == {"kind": "cron", "expression": "0 3 * * MON-FRI", "timeZone": "Europe/Berlin"}
    assert (ran.json["task"]["params"], ran.json["misfire"]) == (
        {"night": True},
        {"policy": "one", "graceSeconds": 120},
    )
    assert (ran.json["overlap"]["policy"], ran.json["jitterSeconds"]) == ("skip", 5)
    assert "cli-nightly" in ada("schedules", "list", "--queue", queue).out
    assert "Europe/Berlin" in ada("schedules", "show", "cli-nightly").out
    assert len(ada("schedules", "upcoming", "cli-nightly", "-n", "3", "--json").lines) == 3
    assert wim("schedules", "pause", "cli-nightly").status == Exit.FORBIDDEN
    assert ada("schedules", "pause", "cli-nightly").out == "cli-nightly is paused.\n"
    assert [each["id"] for each in ada("schedules", "list", "--queue", queue, "--paused", "--json").lines] == [
        "cli-nightly"
    ]
    assert ada("schedules", "resume", "cli-nightly").out == "cli-nightly fires again.\n"
    fired = ada("schedules", "run", "cli-nightly", "--json").json
    assert wim("tasks", "claim", queue, "--wait", "5s").json["id"] == fired["run"]["id"]
    assert [each["kind"] for each in ada("schedules", "firings", "cli-nightly", "--json").lines] == ["manual"]
    assert fired["run"]["id"] in ada("schedules", "firings", "cli-nightly").out
    assert ada("schedules", "put", "cli-nightly", "--every", "1h", "--queue", queue, "--version", "9").status == 6
    ran = ada("schedules", "put", "cli-nightly", "--file", json.dumps({"task": {"queue": queue}}), "--every", "1h")
    assert ran.out.startswith("cli-nightly: Every 1:00:00 (hours:minutes:seconds) (active, next "), ran.out
    assert ada("schedules", "delete", "cli-nightly").out == "Deleted cli-nightly.\n"
    assert ada("schedules", "show", "cli-nightly").status == Exit.NOT_FOUND


def test_what_cannot_be_is_said_in_one_line_with_an_example(ada: Run, queue: str) -> None:
    for trigger, word in (
        (["--cron", "61 * * * *"], "trigger.expression"),
        (["--cron", "0 3 * * *", "--time-zone", "Mars/Olympus"], "trigger.timeZone"),
        (["--every", "0.1s"], "seconds: Input should be greater than or equal to 1"),
    ):
        ran = ada("schedules", "put", "cli-bad", *trigger, "--queue", queue)
        assert (ran.status, len(ran.err.splitlines())) == (Exit.INVALID, 1), ran.err
        assert word in ran.err
    assert ada("schedules", "show", "cli-bad").status == Exit.NOT_FOUND


def test_a_trigger_is_tried_out(ada: Run) -> None:
    ran = ada("schedules", "preview", "--cron", "*/15 8-18 * * *", "-n", "2", "--json")
    assert len(ran.json["items"]) == 2
    assert len(ada("schedules", "preview", "--every", "1d", "-n", "2").out.splitlines()) >= 3
    assert ada("schedules", "preview", "--at", "2h").status == 0


def test_all_schedules_at_once(ada: Run) -> None:
    assert ada("schedules", "pause-all", "--json").json["paused"] is True
    assert ada("schedules", "resume-all").out == "All schedules fire again.\n"
