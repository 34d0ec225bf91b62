"""The command line as such: helpful, in one line when something is wrong, never a traceback."""

import sys

import pytest
from penstock.cli import exits
from penstock.cli.shared import Session
from penstock.transport import USER_AGENT

from tests.sdk.cli.conftest import Run

COMMANDS = [
    ["login"], ["logout"], ["token"], ["me"], ["profiles"], ["dev"], ["exits"], ["audit"], ["worker", "run"],
    *(["queues", name] for name in ("list", "show", "put", "delete", "pause", "resume", "purge", "metrics")),
    *(["tasks", name] for name in ("submit", "list", "show", "history", "watch", "retry", "cancel", "delete")),
    *(["tasks", name] for name in ("assign", "priority", "redrive")),
    *(["tasks", name] for name in ("claim", "start", "heartbeat", "complete", "fail", "release")),
    *(["definitions", name] for name in ("list", "show", "put", "delete", "versions")),
    *(["flow-templates", name] for name in ("list", "show", "put", "delete")),
    *(["flows", name] for name in ("list", "start", "show", "cancel", "retry", "mermaid")),
    *(["schedules", name] for name in ("list", "show", "put", "delete", "pause", "resume", "run", "upcoming")),
    *(["schedules", name] for name in ("firings", "preview", "pause-all", "resume-all")),
    *(["tenants", name] for name in ("list", "show", "put", "create", "set", "delete", "export", "restore")),
    *(["secrets", name] for name in ("list", "put", "delete")),
    *(["imports", name] for name in ("upload", "start", "list", "show", "errors", "cancel")),
    *(["webhooks", name] for name in ("create", "list", "show", "pause", "resume", "delete", "test")),
    *(["webhooks", name] for name in ("rotate-secret", "deliveries", "replay")),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_speaks_json(run: Run, command: list[str]) -> None:
    ran = run(*command, "--help")
    assert ran.status == 0
    assert all(option in ran.out for option in ("--json", "--profile", "--local", "--url", "--tenant"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope"], "No such command 'nope'. See penstock --help."),
        (["tasks", "nope"], "No such command 'nope'. See penstock tasks --help."),
        (["tasks", "lst"], "No such command 'lst'. Did you mean 'list'? See penstock tasks --help."),
        (["queues", "list", "--nope"], "No such option: --nope"),
        (["queues", "show"], "Missing argument 'QUEUE'."),
        (["queues", "list"], "No server is chosen"),
        (["queues", "list", "--local"], "No local stack runs here"),
        (["queues", "show", "nope", "--url", "http://127.0.0.1:1"], "'nope' is not a queue; write namespace:name"),
        (["me", "--url", "nope"], "'nope' is not the address of a server"),
        (["tasks", "list", "--limit", "x", "--url", "http://127.0.0.1:1"], "Invalid value for '--limit'"),
        (["tasks", "list", "--ended-since", "x", "--url", "http://127.0.0.1:1"], "'x' is not a time; write 2026-03-01"),
        (["tasks", "claim", "a:b", "--wait", "x", "--url", "http://127.0.0.1:1"], "'x' is not a duration; write 90"),
        (["tasks", "submit", "a:b", "--params", "{"], "--params is not JSON"),
        (["tasks", "submit", "a:b", "--params", "@/nope"], "--params: /nope: No such file or directory"),
        (["tasks", "submit", "a:b", "-p", "x"], "'x' is not name=value."),
        (["tasks", "submit", "a:b", "--priority", "x"], "penstock: --priority: Input should be 'low'"),
        (["schedules", "put", "s", "--cron", "* * * * *", "--every", "5m"], "Give one of --cron"),
        (["schedules", "put", "s", "--every", "often"], "'often' is not a duration; write 90"),
        (["schedules", "put", "s", "--at", "soon"], "'soon' is not a time; write 2026-03-01"),
        (["schedules", "put", "s", "--flow", "f", "--queue", "a:b"], "--flow goes without --queue"),
        (["secrets", "put", "s"], "There is nobody to ask for the value"),
        (["secrets", "put", "s", "--stdin", "--generate"], "Give one of --stdin and --generate."),
        (["schedules", "preview"], "Say when: --cron"),
        (["flow-templates", "put", "t", "[]"], "JSON must be a JSON object."),
        (["definitions", "put", "d", "--file", "@/nope"], "--file: /nope: No such file or directory"),
        (["queues", "put", "a:b", "--schema", "[]"], "--schema must be a JSON object."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_in_one_line(run: Run, arguments: list[str], words: str) -> None:
    ran = run(*arguments)
    assert ran.status == exits.Exit.USAGE
    assert words in ran.err
    assert ran.err.startswith("penstock: ")
    assert len(ran.err.splitlines()) == 1
    assert ran.out == ""


def test_a_server_that_is_away_is_its_own_status(run: Run) -> None:
    ran = run("me", "--url", "http://127.0.0.1:1")
    assert (ran.status, ran.err[:43]) == (exits.Exit.AWAY, "penstock: Cannot reach http://127.0.0.1:1: ")


def test_a_mistake_of_ours_is_said_in_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: Session) -> None:
        raise RuntimeError("oh\nno")

    monkeypatch.setattr(Session, "client", broken)
    ran = run("me")
    assert (ran.status, ran.err) == (exits.Exit.BUG, "penstock: this should not happen: RuntimeError: oh no\n")


def test_an_interrupt_ends_it_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(session: Session) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "client", interrupted)
    ran = run("me")
    assert (ran.status, ran.out, ran.err) == (exits.Exit.INTERRUPTED, "", "")


def test_every_status_has_a_meaning(run: Run) -> None:
    assert set(exits.MEANING) == set(exits.Exit)
    assert run("exits", "--json").json["8"] == exits.MEANING[exits.Exit.AWAY]


def test_the_version_and_shell_completion(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert USER_AGENT.endswith(run("--version").out.strip())
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "_PENSTOCK_COMPLETE" in run("--show-completion", "bash").out


def test_without_its_packages_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "penstock.cli.app", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    ran = run("me")
    assert (ran.status, ran.err) == (2, "penstock: the command line needs more packages: pip install 'penstock[cli]'\n")
