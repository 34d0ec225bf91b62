"""Roles and people over HTTP, natively and on ADSP's face."""

from typing import Any

from tests.support import api as support
from tests.support.api import Api

PEOPLE = "/api/v1/people"
QUEUE = "/task/v1/queues/intake/strike-reports"


async def listed(api: Api, user: str, **params: Any) -> list[str]:
    """User names."""
    answer = await api(user).get(PEOPLE, params=params)
    assert answer.status_code == 200, answer.text
    return [each["username"] for each in answer.json()["items"]]


async def test_people_by_role_and_by_queue(api: Api, queue: str) -> None:
    assert await listed(api, "ada", role="reviewer") == ["wes", "wim"]
    assert await listed(api, "ada", role=["supervisor", "task-admin"]) == ["ada", "ann"]
    assert await listed(api, "wim", queue="intake:strike-reports") == ["wes", "wim"]
    assert await listed(api, "ann", queue="intake:strike-reports", binding="assigners") == ["ann"]
    assert await listed(api, "ann", queue="intake:strike-reports", search="WIM") == ["wim"]
    me = (await api("wim").get("/api/v1/me")).json()["subject"]
    found = (await api("ann").get(PEOPLE, params={"queue": "intake:strike-reports", "search": "wim@demo"})).json()
    assert found["items"][0]["id"] == me
    first = (await api("ada").get(PEOPLE, params={"role": "reviewer", "limit": 1})).json()
    assert await listed(api, "ada", role="reviewer", limit=1, after=first["next"]) == ["wim"]


async def test_who_may_not_look(api: Api, queue: str) -> None:
    assert (await api("wim").get(PEOPLE, params={"role": "reviewer"})).status_code == 403
    assert (await api("ada").get(PEOPLE)).status_code == 400
    assert (await api("ada").get(PEOPLE, params={"role": "x", "queue": "y"})).status_code == 400
    assert (await api("ada").get(PEOPLE, params={"queue": "intake:nothing"})).status_code == 404


async def test_roles_for_the_bindings(api: Api) -> None:
    items = (await api("ada").get("/api/v1/roles")).json()["items"]
    assert {"reviewer", "supervisor", "penstock:task-admin"} <= {each["name"] for each in items}


async def test_a_tenant_of_another_issuer_cannot_be_looked_into(api: Api) -> None:
    tenant = {"issuer": "http://127.0.0.1:1/realms/else"}
    await api("root").put("/api/v1/tenants/else", json=tenant)
    answer = await api("root").get("/api/v1/roles", headers={"Penstock-Tenant": "else"})
    assert (answer.status_code, support.code(answer)) == (409, "conflict")


async def test_adsps_assigners_and_workers(api: Api, queue: str) -> None:
    workers = (await api("wim").get(f"{QUEUE}/workers")).json()
    assert [(each["name"], each["email"]) for each in workers] == [
        ("Wes Reviewer", "wes@demo.example"),
        ("Wim Reviewer", "wim@demo.example"),
    ]
    assert [each["name"] for each in (await api("ann").get(f"{QUEUE}/assigners")).json()] == ["Ann Supervisor"]
    refused = await api("nil").get(f"{QUEUE}/workers")
    assert refused.status_code == 403
    assert refused.json()["errorMessage"].endswith("not permitted to get queue users.")
    assert (await api("wim", "acme").get(f"{QUEUE}/workers")).status_code == 404
