"""People at work on the command line, against the real server."""

from collections.abc import Callable

from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


def _submit(run: Run, queue: str, *more: str) -> str:
    made = run("tasks", "submit", queue, *more, "--json")
    assert made.status == 0, made.err
    return str(made.json["id"])


def test_a_task_is_taken_and_reported_without_its_fence(ada: Run, as_: Callable[..., Run], queue: str) -> None:
    other = _submit(ada, queue, "--name", "tern")
    task = _submit(ada, queue, "--name", "red gull", "--priority", "urgent")
    wim, wes = as_("wim"), as_("wes")
    taken = wim("tasks", "next", queue, "--text", "gull", "--json")
    assert (taken.json["id"], taken.json["state"]) == (task, "in-progress")
    refused = wes("tasks", "complete", task)
    assert (refused.status, "You do not hold" in refused.err) == (Exit.USAGE, True)
    assert wim("tasks", "release", task).out == f"{task}: ready\n"
    assert wim("tasks", "next", queue, "--assign-only", "--json").json["id"] == other
    assert wim("tasks", "next", queue, "--priority", "urgent", "--json").json["id"] == task
    assert wim("tasks", "complete", task, "--result", '{"ok": true}').out == f"{task}: succeeded\n"
    nothing = wim("tasks", "next", queue, "--text", "gull")
    assert (nothing.status, nothing.err) == (Exit.NOT_FOUND, "penstock: There is nothing for you to do.\n")


def test_dates_and_links(ada: Run, queue: str) -> None:
    attached = "photo=https://files.example.org/1.jpg"
    task = _submit(ada, queue, "--due", "2h", "--follow-up", "2031-01-01T09:00Z", "--attach", attached)
    assert [each["id"] for each in ada("tasks", "list", queue, "--due-before", "3h", "--json").lines] == [task]
    assert ada("tasks", "due", task, "2031-02-03T00:00Z", "--json").json["dueDate"] == "2031-02-03T00:00:00.000Z"
    assert ada("tasks", "list", queue, "--due-before", "3h", "--json").lines == []
    assert ada("tasks", "due", task, "never").out == f"{task} is due never.\n"
    assert ada("tasks", "follow-up", task, "3d").out.startswith(f"{task} comes up again at ")
    assert "https://files.example.org/1.jpg" in ada("tasks", "show", task).out
    assert ada("tasks", "submit", queue, "--attach", "photo").status == Exit.USAGE
    assert ada("tasks", "due", task, "soon").status == Exit.USAGE


def test_comments(ada: Run, as_: Callable[..., Run], queue: str) -> None:
    task = _submit(ada, queue)
    assert as_("wim")("tasks", "comment", task, "Feathers sent.", "--attention").out == f"Comment 1 on {task}.\n"
    assert ada("tasks", "comment", task, "Good.", "--title", "Re", "--json").json["id"] == 2
    (newest, first) = ada("tasks", "comments", task, "--json").lines
    assert (newest["title"], first["requiresAttention"]) == ("Re", True)
    wim = as_("wim")
    changed = wim("tasks", "edit-comment", task, "1", "Feathers kept.", "--settled", "--json").json
    assert (changed["content"], changed["requiresAttention"]) == ("Feathers kept.", False)
    assert wim("tasks", "edit-comment", task, "2", "x").status == Exit.FORBIDDEN
    assert wim("tasks", "edit-comment", task, "1").status == Exit.USAGE
    assert "Feathers kept." in wim("tasks", "comments", task).out
    assert wim("tasks", "delete-comment", task, "1").status == 0
    assert len(wim("tasks", "comments", task, "--json").lines) == 1


def test_saved_filters(ada: Run, as_: Callable[..., Run], queue: str) -> None:
    task = _submit(ada, queue, "--name", "gull")
    _submit(ada, queue, "--name", "tern")
    made = ada("filters", "create", "Gulls", "--queue", queue, "--text", "gull", "--sort", "dueDate", "--json").json
    assert made["wanted"] == {"queue": [queue], "text": "gull", "sort": "dueDate"}
    assert ada("tasks", "list", "--filter", made["id"], "--sort", "place", "--json").lines[0]["id"] == task
    changed = ada("filters", "put", made["id"], "Terns", "--queue", queue, "--text", "tern", "--shared", "--json").json
    assert (changed["name"], changed["shared"]) == ("Terns", True)
    wim = as_("wim")
    assert made["id"] in wim("filters", "list").out
    assert wim("filters", "delete", made["id"]).status == Exit.FORBIDDEN
    assert "Terns" in ada("filters", "show", made["id"]).out
    assert ada("filters", "delete", made["id"]).status == 0
    assert ada("filters", "show", made["id"]).status == Exit.NOT_FOUND


def test_many_at_once(ada: Run, queue: str) -> None:
    tasks = [_submit(ada, queue, "--name", f"gull {number}") for number in range(3)]
    shown = ada("bulk", "priority", "high", "--queue", queue, "--preview", "--json").json
    assert (shown["count"], shown["action"]["priority"]) == (3, "high")
    assert {each["priority"] for each in ada("tasks", "list", queue, "--json").lines} == {"normal"}
    done = ada("bulk", "priority", "high", "--queue", queue, "--text", "gull", "--yes")
    assert (done.status, done.out) == (0, "3 of 3 tasks done, 0 left alone.\n")
    assert ada("bulk", "assign", "me", "--id", tasks[0], "-y", "--json").json["state"] == "done"
    assert ada("tasks", "show", tasks[0], "--json").json["assignment"]["to"]["name"] == "Ada Admin"
    token = ada("bulk", "cancel", "--queue", queue, "--reason", "enough", "--now", "--yes", "--json").json["token"]
    assert ada("bulk", "show", token, "--json").json["done"] == 3
    assert ada("bulk", "stop", token).out == "done: 3 of 3 were done.\n"
    assert ada("bulk", "cancel", "--yes").status == Exit.USAGE
    assert ada("bulk", "cancel", "--queue", queue, "--id", tasks[0]).status == Exit.USAGE


def test_nothing_is_done_without_a_yes(ada: Run, queue: str) -> None:
    task = _submit(ada, queue)
    assert ada("bulk", "cancel", "--queue", queue, stdin="n\n").status == Exit.USAGE
    assert ada("tasks", "show", task, "--json").json["state"] == "ready"
    assert ada("bulk", "cancel", "--queue", queue, stdin="y\n").status == 0
    assert ada("tasks", "show", task, "--json").json["outcome"] == "canceled"


def test_people_are_asked_for_by_queue_or_role(ada: Run, queue: str) -> None:
    assert {"wim", "wes"} <= {each["username"] for each in ada("people", queue, "--json").lines}
    assert "Wes Reviewer" in ada("people", "--role", "reviewer", "--search", "wes").out
    assert "supervisor" in [each["name"] for each in ada("roles", "--json").lines]
    assert ada("people").status == ada("people", queue, "--role", "reviewer").status == Exit.USAGE
