"""Tokens, operators and suspended tenants: who is let in, and as whom."""

import base64
import hmac
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwk, jws, jwt

from core.settings import Settings
from core.tenant import TenantState
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer
from tests.support.waiting import wait_until

ME = "/api/v1/me"


def claims_of(api: Api, user: str) -> dict[str, Any]:
    """What a user's token says."""
    return msgspec.json.decode(jws.extract_compact(api.token(user).encode()).payload)


async def test_who_am_i(api: Api) -> None:
    me = (await api("wim").get(ME)).json()
    assert (me["tenant"], me["name"], me["email"], me["kind"], me["operator"]) == (
        "demo",
        "Wim Reviewer",
        "wim@demo.example",
        "user",
        False,
    )
    assert "reviewer" in me["roles"]
    assert (await api("intake").get(ME)).json()["kind"] == "service"
    assert (await api("root").get(ME)).json()["operator"] is True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exp": 1_600_000_000}, "expired"),
        ({"nbf": 4_000_000_000}, "not-yet-valid"),
        ({"aud": "account"}, "audience"),
        ({"iss": "http://127.0.0.1:1/realms/demo"}, "issuer"),
        ({"typ": "ID"}, "type"),
    ],
)
async def test_a_token_that_is_not_for_us_is_refused(
    api: Api, tokens: Issuer, change: dict[str, Any], reason: str
) -> None:
    answer = await api.client(tokens.sign("demo", claims_of(api, "wim") | change)).get(ME)
    assert (answer.status_code, support.code(answer), answer.json()["reason"]) == (401, "unauthenticated", reason)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_token_of_another_key_or_algorithm_is_refused(api: Api, tokens: Issuer) -> None:
    claims = claims_of(api, "ada")
    own = jwk.RSAKey.generate_key(2048)
    forged = jwt.encode({"alg": "RS256"}, claims, own)
    header, payload, _ = api.token("ada").split(".")
    naked = _base64(b'{"alg":"none"}')
    async with httpx.AsyncClient() as client:
        certs = await client.get(f"{tokens.issuer_of('demo')}/protocol/openid-connect/certs")
    public = jwk.RSAKey.import_key(certs.json()["keys"][0]).as_pem(private=False)
    symmetric = _base64(b'{"alg":"HS256"}')
    signed = f"{symmetric}.{payload}"
    confused = f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}"
    for token in (forged, f"{naked}.{payload}.", f"{header}.{payload}.AAAA", confused, "x", "a.b.c", ""):
        answer = await api.client(token).get(ME)
        assert (answer.status_code, support.code(answer)) == (401, "unauthenticated"), token


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_another_scheme_is_no_token(api: Api) -> None:
    for header in ("Basic YTpi", "bearer", "Bearer", f"Token {api.token('ada')}"):
        answer = await api(None).get(ME, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["reason"]) == (401, "absent"), header
    assert (await api(None).get(ME, headers={"Authorization": f"bearer {api.token('ada')}"})).status_code == 200


async def test_an_operator_acts_in_the_tenant_it_names(api: Api, queue: str) -> None:
    root, there = api("root"), {"Penstock-Tenant": "demo"}
    nowhere = await root.get(queue)
    assert (nowhere.status_code, support.fields(nowhere)) == (400, ["Penstock-Tenant"])
    assert (await root.get(queue, headers=there)).json()["key"] == "intake:strike-reports"
    assert (await root.post(f"{queue}/pause", headers=there)).json()["paused"] is True
    assert (await root.post(f"{queue}/claims", headers=there)).status_code == 403
    assert (await root.get(queue, headers={"Penstock-Tenant": "acme"})).status_code == 404
    assert (await root.get(queue, headers={"Penstock-Tenant": "none"})).status_code == 404


async def test_nobody_else_does(api: Api, queue: str) -> None:
    assert (await api("ada", "acme").get(queue, headers={"Penstock-Tenant": "demo"})).status_code == 403
    assert (await api("ada").get(queue, headers={"Penstock-Tenant": "demo"})).status_code == 200


async def test_a_suspended_tenant_is_read_only(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    assert (await api("ada").patch("/api/v1/tenants/demo", json={"state": "suspended"})).status_code == 403
    answer = await api("root").patch("/api/v1/tenants/demo", json={"state": "suspended"})
    assert answer.json()["state"] == TenantState.SUSPENDED
    refused = await api("sub").post(f"{QUEUE}/tasks", json={})
    assert (refused.status_code, support.code(refused)) == (403, "forbidden")
    assert (await api("sub").get(f"/api/v1/tasks/{task['id']}")).status_code == 200
    assert (await api("ada").post(f"{QUEUE}/pause")).status_code == 403
    assert (await api("root").post(f"{QUEUE}/pause", headers={"Penstock-Tenant": "demo"})).status_code == 200
    await api("root").patch("/api/v1/tenants/demo", json={"state": "active"})
    assert (await api("sub").post(f"{QUEUE}/tasks", json={})).status_code == 201


async def test_another_replica_refuses_a_suspended_tenant_soon(
    api: Api, settings: Settings, tokens: Issuer, queue: str
) -> None:
    async with support.serving(settings, tokens) as other:

        async def answered(status: int) -> bool:
            answer = await other("sub").post(f"{queue}/tasks", json={})
            assert answer.status_code == 201 or support.code(answer) == "forbidden"
            return answer.status_code == status

        assert await answered(201)
        for state, status in (("suspended", 403), ("active", 201)):
            await api("root").patch("/api/v1/tenants/demo", json={"state": state})
            await wait_until(lambda wanted=status: answered(wanted), what=state, timeout=60)
