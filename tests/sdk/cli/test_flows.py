"""Definitions, flow templates and flows on the command line, against the real server."""

import json
from pathlib import Path

from penstock.cli import arguments
from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


def prepared(ada: Run, queue: str, folder: Path) -> str:
    """A definition and a template that fans out over it."""
    prefix = queue.partition(":")[2]
    ran = ada("definitions", "put", f"{prefix}/scan", "--queue", queue, "--attempts", "1", "--json")
    assert ran.status == 0, ran.err
    content = {
        "driver": "dag",
        "queue": queue,
        "steps": {
            "scan": {"definition": f"{prefix}/scan", "forEach": {"$from": "input.pages"}},
            "last": {"definition": f"{prefix}/scan", "dependsOn": ["scan"]},
        },
    }
    (folder / "count.json").write_text(json.dumps(content))
    ran = ada("flow-templates", "put", f"{prefix}/count", f"@{folder / 'count.json'}")
    assert ran.out == f"{prefix}/count is at version 1.\n", ran.err
    return f"{prefix}/count"


def work(wim: Run, queue: str, *, fail: bool = False) -> None:
    held = wim("tasks", "claim", queue, "--wait", "20s").json
    ending = ["fail", held["id"], "--final", "--message", "no"] if fail else ["complete", held["id"]]
    assert wim("tasks", *ending, "--exec-id", held["execId"]).status == 0


def test_a_flow_from_its_beginning_to_its_end(ada: Run, wim: Run, queue: str, tmp_path: Path) -> None:
    template = prepared(ada, queue, tmp_path)
    flow = ada("flows", "start", template, "-p", "pages=[1, 2]", "--label", "L", "--json").json["id"]
    work(wim, queue)
    work(wim, queue)
    work(wim, queue)
    ran = ada("flows", "show", flow, "--follow")
    assert ran.status == 0, ran.err
    head, *steps = ran.out.splitlines()
    assert head.startswith(f"✓ succeeded {template}  L  {flow}")
    assert [line.split()[2:4] for line in steps] == [["succeeded", "scan"], ["succeeded", "last"]]
    assert "2 of 2" in steps[0]
    assert ada("flows", "show", flow, "--json").json["outcome"] == "succeeded"
    assert ada("flows", "mermaid", flow).out.startswith("flowchart")
    assert [each["id"] for each in ada("flows", "list", "--template", template, "--json").lines] == [flow]
    assert flow in ada("flows", "list", "--label", "L").out
    assert ada("flows", "retry", flow).status == Exit.CONFLICT


def test_a_flow_that_fails_says_why_and_is_begun_again(ada: Run, wim: Run, queue: str, tmp_path: Path) -> None:
    template = prepared(ada, queue, tmp_path)
    flow = ada("flows", "start", template, "-p", "pages=[1]", "--json").json["id"]
    work(wim, queue, fail=True)
    ran = ada("flows", "show", flow, "--follow")
    assert ran.status == Exit.NOT_SUCCEEDED
    assert "✗ failed" in ran.out
    again = ada("flows", "retry", flow, "--json").json["id"]
    assert again != flow
    assert ada("flows", "cancel", again, "--now", "--reason", "enough").status == 0
    assert ada("flows", "show", again, "--follow", "--json").json["outcome"] == "canceled"
    assert ada("flows", "show", "none").status == Exit.NOT_FOUND


def test_definitions_and_templates(ada: Run, queue: str, tmp_path: Path) -> None:
    template = prepared(ada, queue, tmp_path)
    name = template.replace("count", "scan")
    changed = ["--queue", queue, "--limit", "2", "--limit-key", "airport", "--lease", "30s", "--schema", "{}", "--json"]
    ran = ada("definitions", "put", name, *changed)
    assert ran.json["concurrency"] == {"limit": 2, "key": ["airport"]}
    assert (ran.json["leaseSeconds"], ran.json["version"]) == (30, 2)
    assert [each["version"] for each in ada("definitions", "versions", name, "--json").lines] == [1]
    assert "airport" in ada("definitions", "show", name).out
    assert ada("definitions", "show", name, "--version", "1", "--json").json["concurrency"] is None
    assert name in ada("definitions", "list", "--queue", queue).out
    ran = ada("definitions", "put", name, "--file", json.dumps({"queue": queue, "nope": 1}))
    assert (ran.status, "nope" in ran.err, len(ran.err.splitlines())) == (Exit.INVALID, True, 1)
    assert template in ada("flow-templates", "list", "--queue", queue).out
    assert '"steps"' in ada("flow-templates", "show", template, "--json").out
    assert "dag" in ada("flow-templates", "show", template).out
    ran = ada("flow-templates", "put", template, json.dumps({"driver": "dag", "queue": queue, "steps": {}}))
    assert (ran.status, len(ran.err.splitlines())) == (Exit.INVALID, 1)
    assert ada("flow-templates", "delete", template).status == 0
    assert ada("definitions", "delete", name).out == f"Deleted {name}.\n"


def test_names_are_completed(ada: Run, queue: str, tmp_path: Path) -> None:
    template = prepared(ada, queue, tmp_path)
    prefix = queue.partition(":")[2]
    assert ada("schedules", "put", f"{prefix}-hourly", "--every", "1h", "--queue", queue, "--paused").status == 0
    task = ada("tasks", "submit", queue, "--json").json["id"]
    assert arguments.complete_queue(queue) == [queue]
    assert arguments.complete_definition(f"{prefix}/s") == [f"{prefix}/scan"]
    assert arguments.complete_template(f"{prefix}/c") == [template]
    assert arguments.complete_schedule(f"{prefix}-h") == [f"{prefix}-hourly"]
    assert task in arguments.complete_task(task[:20])
    assert arguments.complete_webhook("none") == arguments.complete_flow("none") == []


def test_a_server_that_is_away_completes_nothing(nobody: Path) -> None:
    assert arguments.complete_queue("") == []
