"""The token endpoint over loopback HTTP: what each grant gives, and what it refuses."""

import base64
import json
from datetime import timedelta

import pytest

from tests.deploy.issuer.client import PASSWORD, Realm, problem, refresh
from tests.support.clock import FakeClock


async def test_a_password_gives_a_token_as_keycloaks(demo: Realm, fake_clock: FakeClock) -> None:
    reply = await demo.token(PASSWORD | {"scope": "openid"})
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    answer = reply.json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "openid email profile")
    claims = await demo.claims(answer["access_token"])
    now = int(fake_clock().timestamp())
    assert (claims["iat"], claims["exp"]) == (now, now + 3600)
    assert claims["iss"] == demo.url
    assert claims["aud"] == ["penstock", "account"]
    assert (claims["typ"], claims["azp"], claims["sid"]) == ("Bearer", "penstock-cli", answer["session_state"])
    assert (claims["preferred_username"], claims["name"]) == ("ada", "Ada Admin")
    assert claims["email"] == "ada@demo.example"
    assert claims["resource_access"]["penstock"] == {"roles": ["task-admin"]}
    assert "default-roles-demo" in claims["realm_access"]["roles"]
    header = json.loads(base64.urlsafe_b64decode(answer["access_token"].split(".")[0] + "=="))
    assert header.keys() == {"alg", "typ", "kid"}


async def test_a_person_keeps_their_subject_and_every_token_its_own_id(demo: Realm, acme: Realm) -> None:
    tokens = [(await realm.token(PASSWORD)).json()["access_token"] for realm in (demo, demo, acme)]
    first, second, other = [await realm.claims(token) for realm, token in zip((demo, demo, acme), tokens, strict=True)]
    assert first["sub"] == second["sub"] != other["sub"]
    assert first["jti"] != second["jti"]


async def test_what_a_password_does_not_open(demo: Realm, subtests: pytest.Subtests) -> None:
    cases = {
        "a wrong password": (PASSWORD | {"password": "Ada"}, 401, "invalid_grant"),
        "an empty password": (PASSWORD | {"password": ""}, 401, "invalid_grant"),
        "an unknown user": (PASSWORD | {"username": "eve", "password": ""}, 401, "invalid_grant"),
        "another realm's user": (PASSWORD | {"username": "root", "password": "root"}, 401, "invalid_grant"),
        "a client that may not": (PASSWORD | {"client_id": "penstock-console"}, 400, "unauthorized_client"),
        "an unknown client": (PASSWORD | {"client_id": "x"}, 401, "invalid_client"),
        "an unknown scope": (PASSWORD | {"scope": "openid everything"}, 400, "invalid_scope"),
        "another grant": (PASSWORD | {"grant_type": "magic"}, 400, "unsupported_grant_type"),
        "no grant": ({"client_id": "penstock-cli"}, 400, "invalid_request"),
    }
    for name, (form, status, error) in cases.items():
        with subtests.test(name):
            assert problem(await demo.token(form)) == (status, error)


async def test_a_service_gets_a_token_by_form_or_by_basic(demo: Realm) -> None:
    grant = {"grant_type": "client_credentials"}
    by_form = await demo.token(grant | {"client_id": "intake", "client_secret": "intake"})
    by_basic = await demo.token(grant, auth=("intake", "intake"))
    for reply in (by_form, by_basic):
        assert reply.status_code == 200
        assert "refresh_token" not in reply.json()
        claims = await demo.claims(reply.json()["access_token"])
        assert claims["preferred_username"] == "service-account-intake"
        assert (claims["client_id"], claims["azp"], claims["aud"]) == ("intake", "intake", ["penstock", "account"])
        assert claims["resource_access"]["penstock"] == {"roles": ["task-writer"]}
        assert "name" not in claims


async def test_what_client_credentials_do_not_open(demo: Realm) -> None:
    grant = {"grant_type": "client_credentials"}
    refused = (401, "invalid_client")
    assert problem(await demo.token(grant | {"client_id": "intake", "client_secret": "x"})) == refused
    assert problem(await demo.token(grant | {"client_id": "intake"})) == refused
    assert problem(await demo.token(grant, auth=("intake", "x"))) == refused
    assert problem(await demo.token(grant)) == refused
    assert problem(await demo.token(grant | {"client_id": "penstock-cli"})) == (401, "unauthorized_client")
    broken = await demo.http.post(f"{demo.oidc}/token", data=grant, headers={"Authorization": "Basic !"})
    assert problem(broken) == refused


async def test_a_refresh_token_gives_the_same_session_again(demo: Realm, fake_clock: FakeClock) -> None:
    first = (await demo.token(PASSWORD)).json()
    fake_clock.advance(timedelta(hours=9))
    again = (await refresh(demo, first["refresh_token"])).json()
    assert again["session_state"] == first["session_state"]
    old, new = await demo.claims(first["access_token"]), await demo.claims(again["access_token"])
    assert new["exp"] == old["exp"] + 9 * 3600
    assert (new["sub"], new["azp"], new["auth_time"]) == (old["sub"], old["azp"], old["auth_time"])


async def test_what_is_no_refresh_token(demo: Realm, acme: Realm, fake_clock: FakeClock) -> None:
    mine = (await demo.token(PASSWORD)).json()
    other = (await acme.token(PASSWORD)).json()
    refused = (400, "invalid_grant")
    for token in ("", "x", mine["access_token"], other["refresh_token"], mine["refresh_token"][:-3] + "abc"):
        assert problem(await refresh(demo, token)) == refused
    assert problem(await refresh(demo, mine["refresh_token"], "penstock-console")) == refused
    fake_clock.advance(timedelta(hours=10))
    assert problem(await refresh(demo, mine["refresh_token"])) == refused
