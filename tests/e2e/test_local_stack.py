"""`make run`: everything that it promises, on real stacks. One stack serves the tests that only look at it."""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local import seed
from tests.support import stack, waiting

pytestmark = pytest.mark.xdist_group("local-stack")

_SERVERS = {"beam.smp", "epmd", "mongod"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.LocalStack]:
    """A stack that is ready; a test may disturb it, as long as it waits until all is well again."""
    running = stack.LocalStack(tmp_path_factory.mktemp("running"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[stack.LocalStack]:
    """A second stack, not started."""
    another = stack.LocalStack(tmp_path)
    yield another
    another.stop()


def call(on: stack.LocalStack, realm: str, user: str) -> httpx.Client:
    """A client of the stack's API, with that user's token."""

    async def token() -> str:
        async with httpx.AsyncClient() as client:
            return await seed.password_token(client, on.local["auth"], realm, user)

    return httpx.Client(base_url=on.local["api"], headers={"Authorization": f"Bearer {asyncio.run(token())}"})


def ready_tasks(on: stack.LocalStack, realm: str) -> int:
    """How many tasks of the seeded queue are ready."""
    with call(on, realm, "ada") as api:
        metrics = api.get(f"{seed.QUEUE}/metrics").raise_for_status().json()
    return int(metrics["byState"]["ready"])


def test_local_json_says_where_everything_is(running: stack.LocalStack) -> None:
    local = running.local
    assert set(local) == {"api", "auth", "client_id", "rabbitmq", "mongodb", "users", "clients", "pids"}
    assert local["api"] == f"http://127.0.0.1:{running.port}"
    assert local["client_id"] == "penstock-cli"
    assert {"realm": "demo", "username": "ada", "password": "ada", "roles": ["task-admin"]} in local["users"]
    assert {(user["realm"], user["username"]) for user in local["users"]} == {
        ("core", "root"),
        *((realm, name) for realm in ("demo", "acme") for name in ("ada", "ann", "wim", "wes", "rex", "sub", "nil")),
    }
    assert local["clients"] == [
        {"realm": realm, "client_id": "intake", "client_secret": "intake", "roles": ["task-writer"]}
        for realm in ("demo", "acme")
    ]
    names = {role: running.processes[pid] for role, pid in local["pids"].items()}
    assert set(names) == {"api", "engine", "rabbitmq", "mongod", "issuer"}
    assert (names["rabbitmq"], names["mongod"]) == ("beam.smp", "mongod")


def test_both_tenants_have_their_queue_and_demo_has_work(running: stack.LocalStack) -> None:
    with call(running, "acme", "ada") as api:
        bindings = api.get(seed.QUEUE).raise_for_status().json()["bindings"]
    assert bindings == {
        "submitters": ["task-writer"],
        "workers": ["reviewer"],
        "assigners": ["supervisor"],
        "readers": [],
    }
    assert ready_tasks(running, "acme") == 0
    assert ready_tasks(running, "demo") >= 499


def test_the_printed_commands_work(running: stack.LocalStack) -> None:
    _, _, commands = re.sub(r"\x1b\[[0-9;]*m", "", running.output).partition("To begin")
    script = commands.partition("\n")[2]
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True, capture_output=True, text=True)
    submitted, end = json.JSONDecoder().raw_decode(ran.stdout)
    claimed = json.loads(ran.stdout[end:])
    assert submitted["params"] == {"species": "Barn owl"}
    assert claimed["tasks"][0]["priority"] == "urgent"


@pytest.mark.parametrize("role", ["api", "engine", "issuer", "mongod", "rabbitmq"])
def test_what_was_killed_is_started_again(running: stack.LocalStack, role: str) -> None:
    before = running.local["pids"]
    os.kill(before[role], signal.SIGKILL)

    running.wait(lambda: running.local["pids"][role] != before[role], f"{role} is back")

    assert {**before, role: None} == {**running.local["pids"], role: None}
    assert f"{role} was killed by signal 9; starting it again" in running.output


def test_a_folder_or_a_port_in_use_is_refused_plainly(running: stack.LocalStack, another: stack.LocalStack) -> None:
    another.port = running.port
    another.launch()
    assert another.ended() != 0
    assert f"port {running.port} is taken by another program" in another.output

    same_folder = stack.LocalStack(another.home.parent, home=running.home)
    same_folder.launch()
    assert same_folder.ended() != 0
    assert f"a stack runs on {running.home} already (process {running.pid})" in same_folder.output


def test_a_second_stack_runs_beside_it_and_leaves_nothing_however_it_ends(
    running: stack.LocalStack, another: stack.LocalStack
) -> None:
    another.start()
    assert ready_tasks(running, "demo") > 0
    with call(another, "demo", "ada") as api:
        submitted = api.post(f"{seed.QUEUE}/tasks", json={"params": {"kept": True}}).raise_for_status().json()
    assert set(another.processes.values()) >= _SERVERS

    os.kill(another.pid, signal.SIGKILL)
    another.ended()
    gone(another)

    another.start()
    with call(another, "demo", "ada") as api:
        kept = api.get(f"/api/v1/tasks/{submitted['id']}").raise_for_status().json()
    assert kept["params"] == {"kept": True}
    assert ready_tasks(another, "demo") == 501

    another.terminate()
    another.ended()
    assert another.processes == {}
    assert not (another.home / "local.json").exists()


def test_ctrl_c_while_it_starts_leaves_nothing(another: stack.LocalStack) -> None:
    another.launch()
    another.wait(lambda: set(another.processes.values()) >= _SERVERS, "the servers are starting")

    another.press_ctrl_c()

    another.ended()
    assert another.processes == {}


def gone(dead: stack.LocalStack) -> None:
    """Wait until none of its processes runs: the kernel needs a moment to end those of a killed parent."""
    asyncio.run(waiting.wait_until(lambda: not dead.processes, what="all its processes are gone"))
