"""Tenants over HTTP: registered by operators, seen and changed by their own admins."""

from typing import Any

import pytest

from tests.support import api as support
from tests.support.api import Api
from tests.support.keycloaks import Issuer

ELSEWHERE = "http://127.0.0.1:1/realms/new"


async def test_an_operator_registers_a_tenant(api: Api) -> None:
    root = api("root")
    body = {"issuer": ELSEWHERE, "displayName": "New"}
    made = await root.put("/api/v1/tenants/new-one", json=body)
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', "/api/v1/tenants/new-one")
    assert (made.json()["issuer"], made.json()["state"], made.json()["httpTargets"]) == (
        ELSEWHERE,
        "active",
        {"allow": []},
    )
    again = await root.put("/api/v1/tenants/new-one", json=body | {"displayName": "Newer"})
    assert (again.status_code, again.json()["displayName"], again.json()["version"]) == (200, "Newer", 2)
    listed = (await root.get("/api/v1/tenants")).json()["items"]
    assert [tenant["id"] for tenant in listed] == ["acme", "core", "demo", "new-one"]


async def test_a_tenant_that_moved_to_another_issuer(api: Api, tokens: Issuer) -> None:
    """Who could log in before cannot now, and the other way round; at once in this process."""
    assert (await api("ada").get("/api/v1/me")).status_code == 200
    await api("root").put("/api/v1/tenants/demo", json={"issuer": ELSEWHERE})
    assert (await api("ada").get("/api/v1/me")).status_code == 401
    await api("root").put("/api/v1/tenants/demo", json={"issuer": tokens.issuer_of("demo")})
    assert (await api("ada").get("/api/v1/me")).status_code == 200


async def test_an_issuer_is_one_tenants(api: Api, tokens: Issuer) -> None:
    for tenant in ("new-one", "acme"):
        taken = await api("root").put(f"/api/v1/tenants/{tenant}", json={"issuer": tokens.issuer_of("demo")})
        assert (taken.status_code, support.code(taken)) == (409, "already-exists")
    core = await api("root").put("/api/v1/tenants/core", json={"issuer": ELSEWHERE})
    assert (core.status_code, support.code(core)) == (409, "conflict")


@pytest.mark.parametrize(
    ("tenant", "body", "field"),
    [
        ("Demo", {"issuer": ELSEWHERE}, "tenant"),
        ("a_b", {"issuer": ELSEWHERE}, "tenant"),
        ("x", {}, "issuer"),
        ("x", {"issuer": "ftp://x"}, "issuer"),
        ("x", {"issuer": "http://u:p@x/realms/x"}, "issuer"),
        ("x", {"issuer": ELSEWHERE, "state": "active"}, "state"),
    ],
)
async def test_a_tenant_that_cannot_be(api: Api, tenant: str, body: dict[str, Any], field: str) -> None:
    answer = await api("root").put(f"/api/v1/tenants/{tenant}", json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field])


async def test_an_admin_changes_its_own_settings(api: Api) -> None:
    body: dict[str, Any] = {"policyUrl": "https://policy.example/v1", "httpTargets": {"allow": ["http://10.0.0.1/"]}}
    changed = await api("ada").patch("/api/v1/tenants/demo", json=body, headers={"If-Match": '"1"'})
    assert (changed.json()["policyUrl"], changed.json()["httpTargets"]) == (body["policyUrl"], body["httpTargets"])
    assert (await api("ada").patch("/api/v1/tenants/demo", json={}, headers={"If-Match": '"1"'})).status_code == 412
    gone = await api("ada").patch("/api/v1/tenants/demo", json={"policyUrl": None, "displayName": "Demo"})
    assert ("policyUrl" in gone.json(), gone.json()["displayName"]) == (False, "Demo")
    assert (await api("ada").get("/api/v1/tenants/demo")).json() == gone.json()
    assert (await api("ada").get("/api/v1/tenants/acme")).status_code == 404
    assert (await api("root").get("/api/v1/tenants/acme")).status_code == 200
    null = await api("root").patch("/api/v1/tenants/demo", json={"state": None})
    assert null.status_code == 400
