"""Signing in, and what is remembered of it."""

import json
import stat
from pathlib import Path

import pytest
from penstock.cli.exits import Exit
from penstock.profiles import Profiles

from tests.sdk.cli.conftest import Run
from tests.sdk.conftest import Server


def test_a_password_is_traded_and_not_kept(run: Run, server: Server, nobody: Path) -> None:
    where = ["--url", server.api, "--issuer", f"{server.auth}/realms/demo"]
    ran = run("login", *where, "--username", "wim", "--password-stdin", stdin="wim\n")
    assert ran.status == 0, ran.err
    assert ran.out == f"Signed in to {server.api} as Wim Reviewer (tenant demo); kept as profile default.\n"
    assert stat.S_IMODE(nobody.stat().st_mode) == 0o600
    kept = json.loads(nobody.read_text())["profiles"]["default"]
    assert set(kept) == {"url", "issuer", "clientId", "username", "refreshToken", "accessToken", "renewAt"}
    assert run("me", "--json").json["name"] == "Wim Reviewer"
    token = run("token").out.strip()
    assert token == kept["accessToken"]
    assert run("me", "--json", "--profile", "default").json["tenant"] == "demo"
    assert run("logout").out == "Forgot default.\n"
    assert run("me").status == Exit.USAGE
    assert run("logout").status == Exit.USAGE


def test_a_session_goes_on_by_itself(run: Run, server: Server, nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_PASSWORD", "ada")
    where = ["--url", server.api, "--issuer", f"{server.auth}/realms/demo", "-u", "ada"]
    assert run("login", *where, "--profile", "p").status == 0
    book = Profiles(nobody)
    first = book.get("p")
    assert first is not None
    book.put(first.model_copy(update={"renew_at": 0.0}), "p")
    assert run("me").status == 0
    second = book.get("p")
    assert second is not None
    assert second.access_token != first.access_token
    book.put(second.model_copy(update={"renew_at": 0.0, "refresh_token": "spoiled"}), "p")
    ran = run("me")
    assert ran.status == Exit.SIGN_IN
    assert ran.err.endswith(" Sign in with `penstock login`.\n")


def test_a_program_signs_in_with_its_secret(run: Run, server: Server) -> None:
    where = ["--url", server.api, "--issuer", f"{server.auth}/realms/demo"]
    ran = run("login", *where, "--client-id", "intake", "--client-secret", "intake", "--json")
    assert ran.status == 0, ran.err
    assert run("me", "--json").json["kind"] == "service"


def test_a_wrong_password_is_said(run: Run, server: Server) -> None:
    where = ["--url", server.api, "--issuer", f"{server.auth}/realms/demo", "-u", "wim"]
    wrong = run("login", *where, "--password-stdin", stdin="wrong\n")
    assert (wrong.status, "Invalid user credentials" in wrong.err) == (Exit.SIGN_IN, True)
    nobody = run("login", *where)
    assert (nobody.status, "There is nobody to ask for the password" in nobody.err) == (Exit.USAGE, True)
    assert "Say --url and --issuer" in run("login").err


def test_beside_a_local_stack_nothing_has_to_be_said(
    run: Run, server: Server, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = nobody.parent / "home"
    home.mkdir()
    users = [{"realm": "demo", "username": name, "password": name} for name in ("ada", "wim")]
    said = {"api": server.api, "auth": server.auth, "client_id": "penstock-cli", "users": users, "clients": []}
    (home / "local.json").write_text(json.dumps(said))
    monkeypatch.setenv("PENSTOCK_HOME", str(home))
    assert run("me", "--local", "--json").json["name"] == "Ada Admin"
    assert run("me", "--as", "wim", "--json").json["name"] == "Wim Reviewer"
    assert not nobody.exists()
    assert run("login", "--as", "wim").status == 0
    assert run("me", "--json").json["name"] == "Wim Reviewer"
    assert run("login", "--local", "--profile", "boss").status == 0
    profiles = {each["name"]: each["current"] for each in run("profiles", "--json").json}
    assert profiles == {"local": False, "boss": True}
    assert run("profiles", "--use", "local").status == 0
    assert run("me", "--json").json["name"] == "Wim Reviewer"
    assert run("profiles", "--use", "nope").status == Exit.USAGE
