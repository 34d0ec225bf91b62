"""Which server and as whom: the environment, profiles and the local stack's file, in their order."""

import json
import stat
from pathlib import Path

import pytest
from penstock import Client, ClientCredentials, Password, RefreshToken, StaticToken, UsageError, connection, tokens
from penstock.profiles import Profile, Profiles


def local_json(folder: Path) -> None:
    folder.mkdir(parents=True)
    users = [("core", "root"), ("demo", "ada")]
    said: dict[str, object] = {
        "api": "http://127.0.0.1:8080",
        "auth": "http://127.0.0.1:9000",
        "client_id": "penstock-cli",
        "users": [{"realm": realm, "username": user, "password": user} for realm, user in users],
        "clients": [{"realm": "demo", "client_id": "intake", "client_secret": "s"}],
        "pids": {"api": 1},
    }
    (folder / "local.json").write_text(json.dumps(said))


def test_without_anything_it_says_what_to_do(nobody: Path) -> None:
    with pytest.raises(UsageError, match="No server is chosen: run `penstock login`, set PENSTOCK_URL, or use --local"):
        Client()


def test_the_environment_says_it_all(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_URL", "https://p.example")
    assert connection.find().provider is None
    for name, value in (("ISSUER", "https://id.example"), ("CLIENT_ID", "intake"), ("CLIENT_SECRET", "s")):
        monkeypatch.setenv(f"PENSTOCK_{name}", value)
    assert isinstance(connection.find().provider, ClientCredentials)
    monkeypatch.setenv("PENSTOCK_USERNAME", "ada")
    monkeypatch.setenv("PENSTOCK_TENANT", "acme")
    assert isinstance(connection.find().provider, Password)
    assert connection.find().tenant == "acme"
    monkeypatch.setenv("PENSTOCK_TOKEN", "t")
    assert connection.find().provider == StaticToken("t")


def test_the_local_stack_is_found_from_inside_the_checkout(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_json(nobody.parent / ".penstock")
    inside = nobody.parent / "deep" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    ada = connection.local()
    assert (ada.url, ada.issuer) == ("http://127.0.0.1:8080", "http://127.0.0.1:9000/realms/demo")
    assert isinstance(ada.provider, Password)
    assert isinstance(connection.local("intake").provider, ClientCredentials)
    assert connection.local("root").issuer == "http://127.0.0.1:9000/realms/core"
    with pytest.raises(UsageError, match=r"has no wim@demo\. It has ada@demo, intake@demo, root@core"):
        connection.local("wim")
    monkeypatch.setenv("PENSTOCK_HOME", str(nobody.parent / "elsewhere"))
    with pytest.raises(UsageError, match=r"No local stack runs here: .*elsewhere/local\.json"):
        connection.local()
    local_json(nobody.parent / "elsewhere")
    monkeypatch.setenv("PENSTOCK_LOCAL", "root")
    assert connection.find().who == "root@core"


def test_profiles_are_for_their_owners_eyes_alone(nobody: Path) -> None:
    book = Profiles(nobody.parent / "deep" / "config.json")
    book.put(Profile(url="https://p.example", access_token="t"))
    assert stat.S_IMODE(book.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(book.file.parent.stat().st_mode) == 0o700
    assert [file.name for file in book.file.parent.iterdir()] == ["config.json"]


def test_the_current_profile_is_used_unless_another_is_named(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Profiles(nobody)
    book.put(Profile(url="https://one.example"), "one")
    book.put(Profile(url="https://two.example", issuer="i", client_id="c", refresh_token="r"), "two", current=True)
    book.put(Profile(url="https://three.example", issuer="i", client_id="c", client_secret="s"), "three")
    assert book.names() == ("two", ["one", "three", "two"])
    assert isinstance(connection.find().provider, RefreshToken)
    assert isinstance(connection.find(profile="three").provider, ClientCredentials)
    monkeypatch.setenv("PENSTOCK_PROFILE", "one")
    assert connection.find().url == "https://one.example"
    with pytest.raises(UsageError, match="There is no profile 'four'"):
        connection.find(profile="four")
    assert book.remove("two")
    assert not book.remove("two")


def test_a_renewed_session_is_kept(nobody: Path) -> None:
    book = Profiles(nobody)
    book.put(Profile(url="https://p.example", refresh_token="old"), "p")
    book.remember("p", tokens.Grant(access_token="a", refresh_token="new", renew_at=5.0))
    kept = book.get("p")
    assert kept is not None
    assert (kept.url, kept.access_token, kept.refresh_token, kept.renew_at) == ("https://p.example", "a", "new", 5.0)


def test_a_spoiled_file_is_said_and_not_overwritten(nobody: Path) -> None:
    nobody.write_text("{ not json")
    with pytest.raises(UsageError, match="is not a Penstock configuration; move it away"):
        Profiles(nobody).put(Profile(url="https://p.example"))
    assert nobody.read_text() == "{ not json"
