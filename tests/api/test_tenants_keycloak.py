"""Tenants on a real Keycloak: one call makes realm, clients, roles and first admin; the last erases them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from core.settings import Settings
from tests.api.test_tenant_moves import export, gone, owned, put_back
from tests.support import api as support
from tests.support import keycloaks, serving
from tests.support.api import Api
from tests.support.keycloaks import Keycloak

pytestmark = pytest.mark.xdist_group("keycloak")

GLOBEX = "/api/v1/tenants/globex"
QUEUE = "/api/v1/queues/intake/reports"
ADMIN = {"username": "hank", "email": "hank@globex.example", "givenName": "Hank", "familyName": "Scorpio"}
FOUNDING: dict[str, Any] = {
    "displayName": "Globex",
    "admin": ADMIN | {"password": "let-me-in-1"},
    "roles": ["reviewer"],
    "serviceClient": "feeder",
}


@pytest.fixture(scope="module")
def tokens() -> Iterator[Keycloak]:
    """The run's Keycloak."""
    with keycloaks.running() as running:
        yield running


@pytest.fixture
def settings(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: Keycloak) -> Settings:
    client_id, secret = tokens.administrator
    return support.settings(
        mongodb_url,
        rabbitmq_url,
        tokens.url,
        database_name,
        keycloak_admin_client_id=client_id,
        keycloak_admin_client_secret=SecretStr(secret),
        public_url="http://127.0.0.1:8080",
    )


@pytest.fixture
async def api(settings: Settings, tokens: Keycloak) -> AsyncIterator[Api]:
    """An application, whose realm `globex` is taken away afterwards."""
    async with support.serving(settings, tokens) as running:
        yield running
        await support.drop_lanes(running.parts)
    if any(realm["realm"] == "globex" for realm in tokens.admin("GET", "")):
        tokens.admin("DELETE", "/globex")


def password(tokens: Keycloak, username: str, secret: str) -> str:
    """A token of somebody of globex."""
    form = {"grant_type": "password", "client_id": "penstock-cli", "username": username, "password": secret}
    return tokens.grant("globex", form)["access_token"]


def service(tokens: Keycloak, credentials: dict[str, Any]) -> str:
    """A token of its program."""
    form = {"grant_type": "client_credentials", "client_id": credentials["clientId"]}
    return tokens.grant("globex", form | {"client_secret": credentials["clientSecret"]})["access_token"]


@pytest.fixture
async def engine(api: Api) -> AsyncIterator[None]:
    """An engine beside the application."""
    async with serving.working(api.parts):
        yield


@pytest.mark.usefixtures("engine")
async def test_made_by_one_call_used_exported_deleted_imported_and_equal(api: Api, tokens: Keycloak) -> None:
    """Criterion 2."""
    made = await api("root").put(GLOBEX, json=FOUNDING)
    assert made.status_code == 201, made.text
    assert made.json()["issuer"] == f"{tokens.url}/realms/globex"
    credentials = made.json()["credentials"]
    assert (credentials["username"], credentials["temporary"]) == ("hank", False)
    assert "credentials" not in (await api("root").get(GLOBEX)).json()

    hank = api.client(password(tokens, "hank", "let-me-in-1"))
    feeder = api.client(service(tokens, credentials))
    me = (await hank.get("/api/v1/me")).json()
    assert (me["tenant"], me["name"]) == ("globex", "Hank Scorpio")
    assert "task-admin" in me["roles"]
    bindings = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": [], "readers": []}
    await support.make_queue(hank, QUEUE, bindings=bindings)
    _add_worker(tokens)
    worker = api.client(password(tokens, "wes", "wes-wes-wes"))
    await support.submit(feeder, QUEUE, name="one", params={"n": 1})
    await support.submit(feeder, QUEUE, name="two")
    (held,) = await support.claim(worker, QUEUE, waitSeconds=10)
    done = await worker.post(f"/api/v1/tasks/{held['id']}/complete", json={"execId": held["execId"]})
    assert done.status_code == 200
    assert (await hank.get("/api/v1/tasks/x")).status_code == 404
    assert (await api("ada").get(GLOBEX)).status_code == 404

    # What is exported is at rest: nothing of it changes any more.
    await api("root").patch(GLOBEX, json={"state": "suspended"})
    lines = await settled(api("root"))
    gone_at = await api("root").delete(GLOBEX, params={"graceSeconds": 0})
    assert gone_at.status_code == 202, gone_at.text
    await gone(api, "globex")
    assert all(realm["realm"] != "globex" for realm in tokens.admin("GET", ""))
    assert (await hank.get("/api/v1/me")).status_code == 401

    again = await api("root").put(GLOBEX, json=FOUNDING)
    assert again.status_code == 201, again.text
    assert again.json()["credentials"]["clientSecret"] != credentials["clientSecret"]
    kept = await put_back(api("root"), lines, "globex")
    assert kept.status_code == 200, kept.text
    assert owned(await export(api("root"), "globex")) == owned(lines)
    _add_worker(tokens)
    worker = api.client(password(tokens, "wes", "wes-wes-wes"))
    (second,) = await support.claim(worker, QUEUE, waitSeconds=20)
    assert second["name"] == "two"


async def test_a_made_up_password_is_to_be_changed_and_a_realm_is_made_once(api: Api, tokens: Keycloak) -> None:
    body = {"admin": ADMIN}
    made = await api("root").put(GLOBEX, json=body)
    assert made.status_code == 201, made.text
    credentials = made.json()["credentials"]
    assert credentials["temporary"] is True
    with pytest.raises(AssertionError, match="Account is not fully set up"):
        password(tokens, "hank", credentials["password"])
    again = await api("root").put(GLOBEX, json=body)
    assert (again.status_code, support.code(again)) == (409, "already-exists")
    taken = await api("root").put("/api/v1/tenants/master", json=body)
    assert taken.status_code == 409
    clients = {each["clientId"]: each for each in tokens.admin("GET", "/globex/clients")}
    console = clients["penstock-console"]
    assert (console["publicClient"], console["standardFlowEnabled"], console["implicitFlowEnabled"]) == (
        True,
        True,
        False,
    )
    assert console["attributes"]["pkce.code.challenge.method"] == "S256"
    assert console["redirectUris"][0] == "http://127.0.0.1:8080/*"
    assert clients["intake"]["serviceAccountsEnabled"] is True


async def test_a_realm_that_is_not_ours_is_attached_not_made_and_never_deleted(api: Api, tokens: Keycloak) -> None:
    """`acme`'s realm was there before its tenant."""
    await api("root").delete("/api/v1/tenants/acme", params={"graceSeconds": 0})
    await gone(api, "acme")
    assert any(realm["realm"] == "acme" for realm in tokens.admin("GET", ""))
    refused = await api("root").put("/api/v1/tenants/acme", json={"admin": ADMIN})
    assert (refused.status_code, support.code(refused)) == (409, "already-exists")
    assert "attach" in refused.json()["detail"]
    attached = await api("root").put("/api/v1/tenants/acme", json={"issuer": tokens.issuer_of("acme")})
    assert attached.status_code == 201
    assert (await api("ada", "acme").get("/api/v1/me")).status_code == 200


async def test_nobody_logs_in_to_a_tenant_that_is_being_deleted(api: Api, tokens: Keycloak) -> None:
    await api("root").put(GLOBEX, json=FOUNDING)
    await api("root").delete(GLOBEX)
    with pytest.raises(AssertionError):
        password(tokens, "hank", "let-me-in-1")
    assert (await api("root").patch(GLOBEX, json={"state": "active"})).status_code == 200
    assert password(tokens, "hank", "let-me-in-1")


async def test_a_keycloak_that_is_away_or_refuses_leaves_nothing(settings: Settings, tokens: Keycloak) -> None:
    async def tried(**changes: Any) -> httpx.Response:
        changed = settings.model_copy(update=changes)
        async with support.serving(changed, tokens) as running:
            return await running("root").put(GLOBEX, json=FOUNDING)

    refused = await tried(keycloak_admin_client_secret=SecretStr("wrong"))
    assert (refused.status_code, support.code(refused)) == (409, "conflict")
    unset = await tried(keycloak_admin_client_id=None)
    assert (unset.status_code, support.code(unset)) == (409, "conflict")
    assert "PENSTOCK_KEYCLOAK_ADMIN_CLIENT_ID" in unset.json()["detail"]
    assert all(realm["realm"] != "globex" for realm in tokens.admin("GET", ""))


async def settled(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """An export that is the same twice: events and statistics follow a moment behind."""
    before = await export(client, "globex")
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(1.5)
            now = await export(client, "globex")
            if json.dumps(owned(now)) == json.dumps(owned(before)):
                return now
            before = now


def _add_worker(tokens: Keycloak) -> None:
    """Somebody who may work in globex."""
    tokens.admin("POST", "/globex/users", {
        "username": "wes", "enabled": True, "emailVerified": True, "email": "wes@globex.example",
        "firstName": "Wes", "lastName": "Worker", "credentials": [{"type": "password", "value": "wes-wes-wes"}],
    })  # fmt: skip
    (user,) = tokens.admin("GET", "/globex/users?username=wes&exact=true")
    role = tokens.admin("GET", "/globex/roles/reviewer")
    tokens.admin("POST", f"/globex/users/{user['id']}/role-mappings/realm", [role])
