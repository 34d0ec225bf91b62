"""ADSP's role matrix (contract adsp 4.2), every row of it as every caller, over HTTP."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from tests.api.faces.adsp_calls import PATH, TASKS, assign, create, message, operate, subject
from tests.support.api import Api

pytestmark = pytest.mark.usefixtures("queue")

QUEUE = "/task/v1/queues/intake/strike-reports"
PEOPLE = ("ada", "ann", "wim", "rex", "sub", "nil")
Call = Callable[[Api, httpx.AsyncClient, dict[str, Any], str], Awaitable[httpx.Response]]


async def _assign_to_wes(api: Api, client: httpx.AsyncClient, task: dict[str, Any], _: str) -> httpx.Response:
    return await operate(client, task, "assign", assignTo={"id": subject(api, "wes"), "name": "Wes", "email": None})


async def _assign_to_self(api: Api, client: httpx.AsyncClient, task: dict[str, Any], user: str) -> httpx.Response:
    return await operate(client, task, "assign", assignTo={"id": subject(api, user), "name": user, "email": None})


async def _below(client: httpx.AsyncClient, task: dict[str, Any], operation: str, **body: Any) -> httpx.Response:
    return await client.post(f"{PATH}/{task['id']}", json={"operation": operation} | body)


ROWS: dict[str, tuple[str, str, Call]] = {
    "list all": ("ada rex", "read tasks", lambda a, c, t, u: c.get(TASKS)),
    "read": ("ada ann wim rex", "access task", lambda a, c, t, u: c.get(f"{TASKS}/{t['id']}")),
    "read in queue": ("ada ann wim rex", "access task", lambda a, c, t, u: c.get(f"{PATH}/{t['id']}")),
    "list queue": ("ada ann wim rex", "access queued tasks", lambda a, c, t, u: c.get(PATH)),
    "metrics": ("ada ann wim rex", "get queue metrics", lambda a, c, t, u: c.get(f"{QUEUE}/metrics")),
    "create": ("ada sub", "create task", lambda a, c, t, u: c.post(PATH, json={"name": "x"})),
    "patch": ("ada", "update task", lambda a, c, t, u: c.patch(f"{TASKS}/{t['id']}", json={"name": "y"})),
    "start": ("wim", "start task", lambda a, c, t, u: operate(c, t, "start")),
    "cancel": ("ada ann wim rex", "access task", lambda a, c, t, u: operate(c, t, "cancel")),
    "set-priority": ("ada ann", "set task priority", lambda a, c, t, u: operate(c, t, "set-priority", priority="High")),
    "assign": ("ada ann", "assign task", _assign_to_wes),
    "assign to self": ("ada ann wim", "assign task", _assign_to_self),
    "unassign": ("ada ann", "assign task", lambda a, c, t, u: operate(c, t, "assign", assignTo=None)),
    "delete": ("ada", "delete task", lambda a, c, t, u: c.delete(f"{TASKS}/{t['id']}")),
    "patch in queue": ("ada", "update task", lambda a, c, t, u: c.patch(f"{PATH}/{t['id']}", json={"name": "y"})),
    "start in queue": ("wim", "start task", lambda a, c, t, u: _below(c, t, "start")),
    "cancel in queue": ("ada ann wim rex", "access task", lambda a, c, t, u: _below(c, t, "cancel")),
    "set-priority in queue": (
        "ada ann",
        "set task priority",
        lambda a, c, t, u: _below(c, t, "set-priority", priority="High"),
    ),
    "unassign in queue": ("ada ann", "assign task", lambda a, c, t, u: _below(c, t, "assign", assignTo=None)),
    "list queues": ("ada ann wim rex sub nil", "", lambda a, c, t, u: c.get("/task/v1/queues")),
    "read queue": ("ada ann wim rex sub nil", "", lambda a, c, t, u: c.get(QUEUE)),
}
"""Row: who may, the words of a refusal, the call on a Pending task that is nobody's."""

RUNNING: dict[str, tuple[str, str, Call]] = {
    "data": ("wim", "update task data", lambda a, c, t, u: c.patch(f"{TASKS}/{t['id']}/data", json={"a": 1})),
    "complete": ("wim", "complete task", lambda a, c, t, u: operate(c, t, "complete")),
    "data in queue": ("wim", "update task data", lambda a, c, t, u: c.patch(f"{PATH}/{t['id']}/data", json={"a": 1})),
    "complete in queue": ("wim", "complete task", lambda a, c, t, u: _below(c, t, "complete")),
}
NO_ACCESS = ("sub", "nil")


@pytest.mark.parametrize("row", sorted(ROWS | RUNNING))
async def test_a_row_of_the_matrix(api: Api, row: str) -> None:
    may, what, call = (ROWS | RUNNING)[row]
    for user in PEOPLE:
        task = await create(api)
        if row in RUNNING:
            assert (await operate(api("wim"), task, "start")).status_code == 200
        answer = await call(api, api(user), task, user)
        if user in may.split():
            assert answer.status_code == 200, (user, answer.text)
        else:
            assert answer.status_code == 403, (user, answer.text)
            by_id = row not in {"list all", "list queue", "metrics", "create"}
            words = "access task" if by_id and user in NO_ACCESS else what
            assert message(answer).endswith(f"(ID: {subject(api, user)}) not permitted to {words}."), user


async def test_progress_is_the_assignees_alone(api: Api) -> None:
    task = await create(api)
    await assign(api, task, "wes")
    assert (await operate(api("wim"), task, "start")).status_code == 403
    assert (await operate(api("wes"), task, "start")).status_code == 200
    for refused in (
        await operate(api("wim"), task, "complete"),
        await api("wim").patch(f"{TASKS}/{task['id']}/data", json={}),
    ):
        assert refused.status_code == 403
    assert (await operate(api("wes"), task, "complete")).status_code == 200


@pytest.mark.parametrize("row", sorted(ROWS))
async def test_another_tenant_sees_nothing(api: Api, row: str) -> None:
    """Same queue name or not (10.1.1): a foreign task does not exist, a foreign queue's tasks are not listed."""
    await api("ada", "acme").put("/api/v1/queues/intake/strike-reports", json={"bindings": {"workers": ["reviewer"]}})
    task = await create(api)
    answer = await ROWS[row][2](api, api("ada", "acme"), task, "ada")
    if row in {"list all", "list queue"}:
        assert answer.json()["results"] == []
    elif row == "metrics":
        assert set(answer.json()["status"].values()) == {0}
    elif row not in {"create", "list queues", "read queue"}:
        assert answer.status_code == 404, answer.text


def core_account(api: Api, *roles: str) -> httpx.AsyncClient:
    """A platform account with these realm roles of `core`."""
    return with_roles(api, "core", *roles)


def with_roles(api: Api, realm: str, *roles: str) -> httpx.AsyncClient:
    """An account of a realm with these realm roles, and no others."""
    payload = api.token("root" if realm == "core" else "nil", realm).split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return api.client(api.tokens.sign(realm, claims | {"sub": "core-1", "realm_access": {"roles": list(roles)}}))


CORE_MAY = {
    "read",
    "read in queue",
    "list queue",
    "metrics",
    "create",
    "cancel",
    "cancel in queue",
    "set-priority",
    "set-priority in queue",
    "list queues",
    "read queue",
}


@pytest.mark.parametrize("row", sorted(ROWS | RUNNING))
async def test_core_accounts_reach_what_the_matrix_gives_them(api: Api, row: str) -> None:
    _, _, call = (ROWS | RUNNING)[row]
    for roles in ({"task-admin"}, {"task-admin", "reviewer", "supervisor"}):
        task = await create(api)
        if row in RUNNING:
            await operate(api("wim"), task, "start")
        core = core_account(api, *sorted(roles))
        core.params = {"tenantId": "urn:ads:platform:tenant-service:v2:/tenants/demo"}
        answer = await call(api, core, task, "ada")
        assert answer.status_code == (200 if row in CORE_MAY else 403), (roles, answer.text)


async def test_a_core_account_names_its_tenant(api: Api) -> None:
    core = core_account(api, "task-admin")
    for query in ({}, *({"tenantId": wrong} for wrong in ("", "core", "urn:x:y", "%00", "../demo", "a/b"))):
        for path in (TASKS, "/task/v1/queues", QUEUE, PATH):
            answer = await core.get(path, params=query)
            assert (answer.status_code, message(answer)) == (400, "Cannot retrieve task without tenant context.")
    assert (await core.get("/task/v1/queues", params={"tenantId": "nobody"})).json() == []
    (queue,) = (await core.get("/task/v1/queues", params={"tenantId": "demo"})).json()
    assert queue["name"] == "strike-reports"


async def test_a_tenants_caller_cannot_choose_another(api: Api) -> None:
    task = await create(api)
    foreign = api("ada", "acme")
    assert (await foreign.get(f"{TASKS}/{task['id']}", params={"tenantId": "demo"})).status_code == 404
