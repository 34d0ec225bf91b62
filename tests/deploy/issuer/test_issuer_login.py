"""Logging in for a code with PKCE, asking who one is, and logging out, as a browser does it."""

import re
import secrets
from datetime import timedelta

import httpx
import pytest

from tests.deploy.issuer.client import AUTH, CALLBACK, PASSWORD, Realm, carried, problem, refresh
from tests.support.clock import FakeClock


async def test_a_code_with_pkce(demo: Realm) -> None:
    form = await demo.http.get(f"{demo.oidc}/auth", params=AUTH)
    assert form.status_code == 200
    back = await demo.log_in(nonce="n1")
    assert (back["state"], back["iss"]) == ("s&1", demo.url)
    answer = (await demo.redeem(back["code"])).json()
    assert answer["session_state"] == back["session_state"]
    claims, identity = await demo.claims(answer["access_token"]), await demo.claims(answer["id_token"])
    assert (claims["azp"], claims["aud"]) == ("penstock-console", ["penstock", "account"])
    assert (identity["typ"], identity["aud"], identity["nonce"]) == ("ID", "penstock-console", "n1")
    assert identity["sub"] == claims["sub"]
    again = await refresh(demo, answer["refresh_token"], "penstock-console")
    assert again.status_code == 200


async def test_a_wrong_verifier_gets_nothing_and_spends_the_code(demo: Realm) -> None:
    for wrong in (secrets.token_urlsafe(48), "", AUTH["code_challenge"]):
        code = (await demo.log_in())["code"]
        assert problem(await demo.redeem(code, code_verifier=wrong)) == (400, "invalid_grant")
        assert problem(await demo.redeem(code)) == (400, "invalid_grant")


async def test_a_code_is_good_once_and_a_second_use_takes_back_the_first(demo: Realm) -> None:
    code = (await demo.log_in())["code"]
    answer = (await demo.redeem(code)).json()
    assert problem(await demo.redeem(code)) == (400, "invalid_grant")
    refused = await refresh(demo, answer["refresh_token"], "penstock-console")
    assert problem(refused) == (400, "invalid_grant")


async def test_a_code_is_for_its_client_place_and_realm_and_for_a_minute(
    demo: Realm, acme: Realm, fake_clock: FakeClock
) -> None:
    refused = (400, "invalid_grant")
    assert problem(await demo.redeem((await demo.log_in())["code"], client_id="penstock-cli")) == refused
    assert problem(await demo.redeem((await demo.log_in())["code"], redirect_uri=CALLBACK + "/")) == refused
    assert problem(await acme.redeem((await demo.log_in())["code"])) == refused
    code = (await demo.log_in())["code"]
    fake_clock.advance(timedelta(seconds=60))
    assert problem(await demo.redeem(code)) == refused


async def test_a_wrong_password_shows_the_form_again(demo: Realm) -> None:
    evil = '"><script>alert(1)</script>'
    reply = await demo.http.post(f"{demo.oidc}/auth", params=AUTH, data={"username": evil, "password": "x"})
    assert reply.status_code == 200
    assert 'role="alert"' in reply.text
    assert "<script>" not in reply.text
    assert "set-cookie" not in reply.headers


async def test_the_form_can_be_used_by_everybody_and_framed_by_nobody(demo: Realm) -> None:
    reply = await demo.http.get(f"{demo.oidc}/auth", params=AUTH)
    page = reply.text
    assert '<html lang="en">' in page
    assert re.search(r"<title>Sign in - Demo</title>", page)
    for field in ("username", "password"):
        assert f'<label for="{field}">' in page
        assert re.search(rf'<input id="{field}" [^>]*autocomplete=', page)
    policy = reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:5173" in policy


async def test_errors_that_go_back_to_the_client(demo: Realm, subtests: pytest.Subtests) -> None:
    cases = {
        "no PKCE": ({"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
        "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
        "a short challenge": ({"code_challenge": "abc"}, "invalid_request"),
        "a token at once": ({"response_type": "token"}, "unsupported_response_type"),
        "an unknown scope": ({"scope": "all"}, "invalid_scope"),
        "an unknown mode": ({"response_mode": "pigeon"}, "invalid_request"),
        "nobody logged in": ({"prompt": "none"}, "login_required"),
    }
    for name, (changes, error) in cases.items():
        with subtests.test(name):
            reply = await demo.http.get(f"{demo.oidc}/auth", params=AUTH | changes)
            assert reply.status_code == 303
            assert reply.headers["location"].startswith(CALLBACK)
            assert (carried(reply)["error"], carried(reply)["state"]) == (error, "s&1")


async def test_nobody_is_sent_anywhere_else(demo: Realm, subtests: pytest.Subtests) -> None:
    places = ["https://evil.example/", "http://127.0.0.1@evil.example/", "http://127.0.0.1.evil.example/", "", "/x"]
    places += ["http://localhost:80@evil.example/", "javascript:alert(1)", "http://127.0.0.1:5173/#x", "http://[::2]/"]
    for place in places:
        with subtests.test(place):
            for method in ("GET", "POST"):
                reply = await demo.http.request(
                    method, f"{demo.oidc}/auth", params=AUTH | {"redirect_uri": place},
                    data={"username": "ada", "password": "ada"} if method == "POST" else None,
                )  # fmt: skip
                assert reply.status_code == 400
                assert "location" not in reply.headers
    for client in ("x", "intake"):
        reply = await demo.http.get(f"{demo.oidc}/auth", params=AUTH | {"client_id": client})
        assert reply.status_code == 400


async def test_who_is_logged_in_needs_no_form(demo: Realm, acme: Realm) -> None:
    first = await demo.log_in()
    silent = await demo.http.get(f"{demo.oidc}/auth", params=AUTH | {"prompt": "none", "client_id": "penstock-cli"})
    assert carried(silent)["session_state"] == first["session_state"]
    answer = await demo.redeem(carried(silent)["code"], client_id="penstock-cli")
    assert (await demo.claims(answer.json()["access_token"]))["azp"] == "penstock-cli"
    asked = await demo.http.get(f"{demo.oidc}/auth", params=AUTH | {"prompt": "login"})
    assert asked.status_code == 200
    elsewhere = await acme.http.get(f"{acme.oidc}/auth", params=AUTH | {"prompt": "none"})
    assert carried(elsewhere)["error"] == "login_required"


async def test_the_answer_may_come_in_the_fragment(demo: Realm) -> None:
    reply = await demo.http.post(
        f"{demo.oidc}/auth",
        params=AUTH | {"response_mode": "fragment"},
        data={"username": "ada", "password": "ada"},
    )
    assert reply.headers["location"].startswith(f"{CALLBACK}#state=s%261&")


async def test_userinfo(demo: Realm, acme: Realm, fake_clock: FakeClock) -> None:
    async def ask(token: str, realm: Realm = demo) -> httpx.Response:
        return await realm.http.get(f"{realm.oidc}/userinfo", headers={"Authorization": f"Bearer {token}"})

    answer = (await demo.token(PASSWORD | {"scope": "openid"})).json()
    about = (await ask(answer["access_token"])).json()
    assert (about["preferred_username"], about["name"]) == ("ada", "Ada Admin")
    assert about["sub"] == (await demo.claims(answer["access_token"]))["sub"]
    assert problem(await ask((await demo.token(PASSWORD)).json()["access_token"])) == (403, "insufficient_scope")
    for wrong in ("x", "a.b.c", answer["id_token"], answer["refresh_token"]):
        assert problem(await ask(wrong)) == (401, "invalid_token")
    assert problem(await demo.http.get(f"{demo.oidc}/userinfo")) == (401, "invalid_token")
    assert problem(await ask(answer["access_token"], acme)) == (401, "invalid_token")
    fake_clock.advance(timedelta(hours=1))
    assert problem(await ask(answer["access_token"])) == (401, "invalid_token")


async def test_a_program_logs_out_by_its_refresh_token(demo: Realm) -> None:
    answer = (await demo.token(PASSWORD)).json()
    form = {"client_id": "penstock-cli", "refresh_token": answer["refresh_token"]}
    assert (await demo.http.post(f"{demo.oidc}/logout", data=form)).status_code == 204
    assert problem(await refresh(demo, answer["refresh_token"])) == (400, "invalid_grant")
    assert problem(await demo.http.post(f"{demo.oidc}/logout", data=form)) == (400, "invalid_grant")


async def test_a_person_logs_out_and_comes_back_to_the_client(demo: Realm) -> None:
    answer = (await demo.redeem((await demo.log_in())["code"])).json()
    query = {"id_token_hint": answer["id_token"], "post_logout_redirect_uri": CALLBACK, "state": "x"}
    reply = await demo.http.get(f"{demo.oidc}/logout", params=query)
    assert (reply.status_code, reply.headers["location"]) == (303, f"{CALLBACK}?state=x")
    silent = await demo.http.get(f"{demo.oidc}/auth", params=AUTH | {"prompt": "none"})
    assert carried(silent)["error"] == "login_required"
    refused = await refresh(demo, answer["refresh_token"], "penstock-console")
    assert problem(refused) == (400, "invalid_grant")


async def test_logout_sends_nobody_elsewhere_and_asks_without_a_hint(demo: Realm) -> None:
    answer = (await demo.redeem((await demo.log_in())["code"])).json()
    asked = await demo.http.get(f"{demo.oidc}/logout", params={"post_logout_redirect_uri": CALLBACK})
    assert asked.status_code == 200
    assert "<button>Sign out</button>" in asked.text
    silent = await demo.http.get(f"{demo.oidc}/auth", params=AUTH | {"prompt": "none"})
    assert "code" in carried(silent), "asking did not log anybody out"
    done = await demo.http.post(f"{demo.oidc}/logout")
    assert "You are signed out" in done.text
    refused = await refresh(demo, answer["refresh_token"], "penstock-console")
    assert problem(refused) == (400, "invalid_grant")
    query = {"id_token_hint": answer["id_token"], "post_logout_redirect_uri": "https://evil.example/"}
    assert "location" not in (await demo.http.get(f"{demo.oidc}/logout", params=query)).headers
