"""Every command against the real server, for people and for programs."""

import json
from collections.abc import Callable
from pathlib import Path

from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run
from tests.sdk.conftest import Server


def test_queues(ada: Run, wim: Run) -> None:
    put = ["queues", "put", "cli:a", "--worker", "reviewer", "--lease", "5m", "--attempts", "3", "--priority", "high"]
    ran = ada(*put, "--display-name", "A queue", "--json")
    assert ran.status == 0, ran.err
    assert ran.json["bindings"]["workers"] == ["reviewer"]
    assert (ran.json["defaults"]["leaseSeconds"], ran.json["defaults"]["retry"]["maxAttempts"]) == (300, 3)
    assert "cli:a" in [each["key"] for each in ada("queues", "list", "--namespace", "cli", "--json").lines]
    (listed,) = [line for line in ada("queues", "list").out.splitlines() if "A queue" in line]
    assert " manage, submit, assign, read " in listed
    shown = ada("queues", "show", "cli:a").out
    assert all(line in shown for line in ("workers      reviewer", "lease        5m", "attempts     3"))
    assert ada("queues", "put", "cli:a", "--version", "7").status == Exit.CONFLICT
    refused = wim("queues", "pause", "cli:a", "--json")
    assert refused.status == Exit.FORBIDDEN
    assert json.loads(refused.err)["error"]["type"] == "urn:penstock:problem:forbidden"
    assert ada("queues", "pause", "cli:a").out == "cli:a is paused.\n"
    assert ada("queues", "resume", "cli:a", "--json").json["paused"] is False
    ada("tasks", "submit", "cli:a")
    assert ada("queues", "metrics", "cli:a", "--json").json["open"] == 1
    metrics = ada("queues", "metrics", "cli:a").out
    assert "dead letters  0" in metrics
    assert "last hour     submitted " in metrics
    assert ada("queues", "delete", "cli:a").status == Exit.CONFLICT
    assert ada("queues", "purge", "cli:a", "--yes").out == "Canceled 1 tasks of cli:a.\n"
    assert ada("queues", "delete", "cli:a", "--force").status == 0
    assert ada("queues", "show", "cli:a").status == Exit.NOT_FOUND


def test_a_queue_from_a_file(ada: Run, tmp_path: Path) -> None:
    file = tmp_path / "queue.json"
    file.write_text(json.dumps({"bindings": {"workers": ["x"]}, "displayName": "From a file"}))
    ran = ada("queues", "put", "cli:file", "--file", f"@{file}", "--reader", "y", "--json")
    assert (ran.json["displayName"], ran.json["bindings"]["workers"], ran.json["bindings"]["readers"]) == (
        "From a file", ["x"], ["y"],
    )  # fmt: skip
    ran = ada("queues", "put", "cli:file", "--file", '{"nope": 1}')
    assert (ran.status, "nope" in ran.err, len(ran.err.splitlines())) == (Exit.INVALID, True, 1)


def test_a_task_by_hand(ada: Run, wim: Run, queue: str) -> None:
    ran = ada(
        "tasks", "submit", queue, "--params", '{"a": 1}', "-p", "b=two", "-p", "c=[3]", "--name", "n", "--label", "x",
        "--label", "y", "--priority", "urgent", "--record-id", "r", "--key", "k", "--json",
    )  # fmt: skip
    task = ran.json["id"]
    assert ran.json["params"] == {"a": 1, "b": "two", "c": [3]}
    assert (ran.json["labels"], ran.json["priority"], ran.json["recordId"]) == (["x", "y"], "urgent", "r")
    conflict = ada("tasks", "submit", queue, "--key", "k")
    assert conflict.status == Exit.CONFLICT
    assert [each["id"] for each in ada("tasks", "list", queue, "--label", "x", "--json").lines] == [task]
    assert ada("tasks", "list", queue, "--label", "z", "--json").out == ""
    assert task in ada("tasks", "list", queue, "--text", "n", "--created-since", "1h").out
    assert ada("tasks", "assign", task, "nobody").out == f"{task} is assigned to nobody.\n"
    assert ada("tasks", "priority", task, "low", "--json").json["priority"] == "low"
    claimed = wim("tasks", "claim", queue, "--wait", "5s", "--worker", "w")
    assert claimed.status == 0, claimed.err
    exec_id = claimed.json["execId"]
    assert wim("tasks", "claim", queue).status == Exit.NOT_FOUND
    beat = wim("tasks", "heartbeat", task, "--exec-id", exec_id, "--current", "1", "--total", "2")
    assert beat.out.startswith("Leased until ")
    assert wim("tasks", "complete", task, "--exec-id", "other").status == Exit.CONFLICT
    done = wim("tasks", "complete", task, "--exec-id", exec_id, "--result", '{"ok": true}')
    assert done.out == f"{task}: succeeded\n"
    shown = ada("tasks", "show", task).out
    assert "result" in shown
    assert '{"ok": true}' in shown
    assert [each["type"] for each in ada("tasks", "history", task, "--json").lines][-1] == "succeeded"
    assert "succeeded" in ada("tasks", "history", task).out


def test_a_task_that_goes_wrong(ada: Run, wim: Run, queue: str) -> None:
    task = ada("tasks", "submit", queue, "--json").json["id"]
    assert wim("tasks", "start", task).json["state"] == "in-progress"
    assert wim("tasks", "start", task).status == Exit.CONFLICT
    other = ada("tasks", "submit", queue, "--json").json["id"]
    held = wim("tasks", "claim", queue).json
    assert held["id"] == other
    assert wim("tasks", "release", other, "--exec-id", held["execId"]).out == f"{other}: ready\n"
    held = wim("tasks", "claim", queue).json
    failed = wim("tasks", "fail", other, "--exec-id", held["execId"], "--message", "so", "--final")
    assert failed.out == f"{other}: failed\n"
    assert [each["error"] for each in ada("tasks", "list", queue, "--dead", "--json").lines] == [{"message": "so"}]
    (dead,) = [line for line in ada("tasks", "list", queue, "--dead").out.splitlines() if other in line]
    assert dead.endswith(" so")
    assert ada("tasks", "retry", other).out == f"{other}: ready\n"
    assert ada("tasks", "cancel", task, "--reason", "r").out == f"{task}: asked to stop\n"
    assert ada("tasks", "cancel", task, "--now").out == f"{task}: canceled\n"
    ran = ada("tasks", "cancel", other, "nope")
    assert (ran.status, ran.out, ran.err) == (
        Exit.PARTLY, f"{other}: canceled\n", "penstock: There is no task nope.\n",
    )  # fmt: skip
    assert ada("tasks", "retry", "nope", "nope").status == Exit.NOT_FOUND
    assert ada("tasks", "delete", other).out == f"{other}: deleted\n"
    assert ada("tasks", "show", other).status == Exit.NOT_FOUND


def test_dead_letters_are_redriven(ada: Run, wim: Run, queue: str) -> None:
    task = ada("tasks", "submit", queue, "--label", "x", "--json").json["id"]
    held = wim("tasks", "claim", queue).json
    wim("tasks", "fail", task, "--exec-id", held["execId"], "--final")
    ran = ada("tasks", "redrive", queue, "--label", "x", "--ended-since", "1h", "--rate", "10", "--json")
    assert (ran.status, ran.json["matched"]) == (0, 1), ran.err
    assert wim("tasks", "claim", queue, "--wait", "10s").json["id"] == task


def test_waiting_for_an_end(ada: Run, queue: str) -> None:
    ran = ada("tasks", "submit", queue, "--wait", "100ms")
    assert ran.status == Exit.NOT_SUCCEEDED
    assert ran.out.endswith(": ready\n")


def test_tenants(as_: Callable[..., Run]) -> None:
    root = as_("root", "core")
    assert {"demo", "acme"} <= {each["id"] for each in root("tenants", "list", "--json").lines}
    assert "demo" in root("tenants", "list").out
    assert root("tenants", "show", "demo", "--json").json["issuer"].endswith("/realms/demo")
    assert root("tenants", "show", "demo").out.startswith("id ")
    assert root("tenants", "show", "nope").status == Exit.NOT_FOUND
    assert root("queues", "put", "cli:by-root", "--tenant", "acme", "--json").status == 0
    assert as_("ada")("tenants", "list").status == Exit.FORBIDDEN


def test_a_tenants_settings_are_changed(as_: Callable[..., Run]) -> None:
    root = as_("root", "core")
    assert root("tenants", "set", "demo", "displayName=Demo", "--json").json["displayName"] == "Demo"


def test_a_tenant_is_exported_deleted_and_brought_back(as_: Callable[..., Run], server: Server, tmp_path: Path) -> None:
    root, file = as_("root", "core"), str(tmp_path / "moving.ndjson")
    issuer = f"{server.auth}/realms/acme"
    assert root("tenants", "show", "moving").status == Exit.NOT_FOUND
    assert root("queues", "put", "cli:owned", "--tenant", "demo", "--json").status == 0
    exported = root("tenants", "export", "demo", file, "--json")
    assert exported.status == 0, exported.err
    lines = [json.loads(line) for line in Path(file).read_text().splitlines()]
    assert (lines[0]["tenant"], exported.json["bytes"]) == ("demo", Path(file).stat().st_size)
    assert root("tenants", "restore", "demo", file).status == Exit.CONFLICT
    refused = root("tenants", "restore", "demo", "/nope")
    assert (refused.status, len(refused.err.splitlines())) == (Exit.USAGE, 1)
    taken = root("tenants", "put", "moving", "--issuer", issuer)
    assert (taken.status, len(taken.err.splitlines())) == (Exit.CONFLICT, 1), "an issuer belongs to one tenant"
    made = root("tenants", "put", "moving", "--issuer", f"{server.auth}/realms/moving", "--json")
    assert made.status == 0, made.err
    deleted = root("tenants", "delete", "moving", "--grace", "1d", "--yes", "--json")
    assert deleted.status == 0, deleted.err
    assert deleted.json["eraseAt"]
    asked = root("tenants", "create", "globex", "--admin", "hank", "--email", "hank@globex.example")
    assert asked.status != 0, "without an account in Keycloak no realm is made"
    assert len(asked.err.splitlines()) == 1


def test_secrets_are_kept_and_never_shown(ada: Run, wim: Run) -> None:
    assert ada("secrets", "put", "cli-one", "--stdin", stdin="hush\n").out == "Kept cli-one.\n"
    made = ada("secrets", "put", "cli-two", "--generate", "--json")
    assert made.json["value"].startswith("whsec_"), made.err
    listed = ada("secrets", "list", "--json")
    assert {"cli-one", "cli-two"} <= {each["name"] for each in listed.lines}
    assert "hush" not in listed.out
    assert "cli-one" in ada("secrets", "list").out
    assert wim("secrets", "list").status == Exit.FORBIDDEN
    assert ada("secrets", "delete", "cli-one").out == "Forgot cli-one.\n"
    assert ada("secrets", "delete", "cli-one").status == Exit.NOT_FOUND


def test_the_trail_tells_who_changed_what(ada: Run, wim: Run, queue: str) -> None:
    found = ada("audit", "--action", "queue.", "--target", queue, "--since", "1h", "--json").lines
    assert [(each["action"], each["by"]["name"]) for each in found] == [("queue.put", "Ada Admin")]
    assert queue in ada("audit", "-n", "0").out
    assert wim("audit").status == Exit.FORBIDDEN
