"""The local issuer as a program: what there is, who may reach it, and what survives a restart."""

import asyncio
import base64
import json
import os
import signal
import stat
import sys
from pathlib import Path

import httpx
import pytest

from deploy.local import issuer, issuer_realms, ports
from tests.deploy.issuer.client import AUTH, PASSWORD, Realm, carried, problem, refresh
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until


def test_the_realms_are_those_of_the_design() -> None:
    roles = {realm.name: {user.username: user.roles for user in realm.users} for realm in issuer_realms.REALMS}
    people = {
        "ada": ("task-admin",),
        "ann": ("supervisor",),
        "wim": ("reviewer",),
        "wes": ("reviewer",),
        "rex": ("task-reader",),
        "sub": ("task-writer",),
        "nil": (),
    }
    assert roles == {"core": {"root": ("platform-admin",)}, "demo": people, "acme": people}
    for realm in issuer_realms.REALMS:
        assert all(user.password == user.username for user in realm.users)
        services = [(c.client_id, c.secret, c.roles) for c in realm.clients if c.service_account]
        assert services == ([] if realm.name == "core" else [("intake", "intake", ("task-writer",))])


async def test_discovery_names_the_endpoints(demo: Realm) -> None:
    found = (await demo.http.get(f"{demo.url}/.well-known/openid-configuration")).json()
    assert found["issuer"] == demo.url
    for name, path in {
        "authorization_endpoint": "auth",
        "token_endpoint": "token",
        "userinfo_endpoint": "userinfo",
        "end_session_endpoint": "logout",
        "jwks_uri": "certs",
    }.items():
        assert found[name] == f"{demo.oidc}/{path}"
    assert found["code_challenge_methods_supported"] == ["S256"]


async def test_an_unknown_realm(http: httpx.AsyncClient, live: issuer.Issuer) -> None:
    reply = await http.get(f"{live.url}/realms/nowhere/.well-known/openid-configuration")
    assert problem(reply) == (404, "Realm does not exist")


async def test_every_realm_has_its_own_keys(demo: Realm, acme: Realm) -> None:
    one, other = [(await realm.http.get(f"{realm.oidc}/certs")).json()["keys"] for realm in (demo, acme)]
    assert len(one) == len(other) == 1
    assert one[0]["kid"] != other[0]["kid"]
    assert one[0].keys() == {"kty", "use", "alg", "kid", "n", "e"}, "nothing private"


async def test_pages_of_this_machine_may_read_it_and_no_others(demo: Realm) -> None:
    for origin, allowed in {"http://localhost:5173": True, "http://evil.example": False, "null": False}.items():
        reply = await demo.http.get(f"{demo.oidc}/certs", headers={"Origin": origin})
        assert (reply.headers.get("access-control-allow-origin") == origin) is allowed


async def test_another_host_name_is_refused(demo: Realm) -> None:
    reply = await demo.http.get(f"{demo.oidc}/certs", headers={"Host": "evil.example"})
    assert reply.status_code == 400


async def test_a_large_body_is_refused(demo: Realm) -> None:
    assert (await demo.token(PASSWORD | {"filler": "x" * 70_000})).status_code == 413


async def test_keys_sessions_and_logouts_survive_a_restart(
    http: httpx.AsyncClient, fake_clock: FakeClock, tmp_path: Path
) -> None:
    async with issuer.start_issuer(home=tmp_path, now=fake_clock) as live:
        demo = Realm(http, live.url)
        kept, ended = [(await demo.token(PASSWORD)).json() for _ in range(2)]
        await http.post(f"{demo.oidc}/logout", data={"refresh_token": ended["refresh_token"]})
        port = int(live.url.rpartition(":")[2])
    file = tmp_path / "issuer" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with issuer.start_issuer(home=tmp_path, port=port, now=fake_clock) as live:
        demo = Realm(http, live.url)
        assert await demo.claims(kept["access_token"])
        assert (await refresh(demo, kept["refresh_token"])).status_code == 200
        assert problem(await refresh(demo, ended["refresh_token"])) == (400, "invalid_grant")


async def test_two_stacks_do_not_know_each_other(http: httpx.AsyncClient, live: issuer.Issuer) -> None:
    async with issuer.start_issuer() as second:
        one, other = Realm(http, live.url), Realm(http, second.url)
        token = (await one.token(PASSWORD)).json()["refresh_token"]
        assert problem(await refresh(other, token)) == (400, "invalid_grant")
        await one.log_in()
        silent = await http.get(f"{other.oidc}/auth", params=AUTH | {"prompt": "none"})
        assert carried(silent)["error"] == "login_required"


async def test_rotation_keeps_old_keys_until_they_are_retired(demo: Realm, live: issuer.Issuer) -> None:
    old = live.user_token("demo", "ada")
    live.rotate("demo")
    new = live.user_token("demo", "ada")
    assert await demo.claims(old)
    assert await demo.claims(new)
    live.retire("demo")
    assert await demo.claims(new)
    (only,) = live.vault.published("demo")
    assert only["kid"] == json.loads(base64.urlsafe_b64decode(new.split(".")[0] + "=="))["kid"]


async def run(*argv: str, **env: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.local.issuer", *argv,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, **env},
    )  # fmt: skip


async def test_the_program_prints_its_address_rotates_by_signal_and_stops_when_told(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    url_file = tmp_path / "url"
    process = await run("--port", "0", "--home", str(tmp_path), "--url-file", str(url_file))
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        await wait_until(url_file.exists, what="the address is written")
        assert url_file.read_text() == url
        demo = Realm(http, url)
        token = (await demo.token(PASSWORD)).json()["access_token"]

        async def published() -> int:
            return len((await http.get(f"{demo.oidc}/certs")).json()["keys"])

        async def are(count: int) -> bool:
            return await published() == count

        process.send_signal(signal.SIGUSR1)
        await wait_until(lambda: are(2), what="a second key is published")
        assert await demo.claims(token)
        process.send_signal(signal.SIGUSR2)
        await wait_until(lambda: are(1), what="the first key is gone")
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_it_is_not_for_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await run("--port", "0", "--home", str(tmp_path), PENSTOCK_ENVIRONMENT="production")
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert out == b""
    assert b"not for production" in err
    monkeypatch.setenv("PENSTOCK_ENVIRONMENT", "production")
    with pytest.raises(RuntimeError, match="not for production"):
        async with issuer.start_issuer():
            pytest.fail("it started")


async def test_a_port_that_is_taken(live: issuer.Issuer, tmp_path: Path) -> None:
    port = int(live.url.rpartition(":")[2])
    with pytest.raises(ports.PortTakenError):
        async with issuer.start_issuer(port=port):
            pytest.fail("it started")
    process = await run("--port", str(port), "--home", str(tmp_path))
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"taken" in err
    assert b"Traceback" not in err
