"""Secrets at rest: sealed with a key of the tenant's under a master key; rotated, erased, and useless elsewhere."""

import base64
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core import errors
from core.task import Actor
from core.tenant import Tenant
from store import __main__ as command
from store import masters, mongo
from store.estate import Estate
from store.masters import KeyUnusableError, Masters
from store.rotation import Rotation
from store.secrets import Secret, Secrets
from store.tenants import Tenants
from tests.support import api as support

OLD, NEW = os.urandom(32), os.urandom(32)
ANN = Actor(id="u-ann", name="Ann")


@pytest.fixture
async def database(mongodb_url: str, database_name: str) -> AsyncIterator[mongo.Database]:
    client = mongo.client(mongodb_url, timeout=10)
    yield mongo.database(client, database_name)
    await client.close()


def tenant(name: str) -> Tenant:
    return Tenant(id=name, issuer=f"https://x/{name}", created_at=datetime(2031, 1, 1, tzinfo=UTC), version=1)


def secret(name: str = "key", tenant: str = "demo") -> Secret:
    return Secret(tenant=tenant, name=name, updated_at=datetime(2031, 1, 1, tzinfo=UTC), updated_by=ANN)


async def raw(database: mongo.Database) -> list[dict[str, Any]]:
    """The rows as MongoDB has them."""
    return [row async for row in database["secrets"].find({}).sort("_id", 1)]


async def test_a_value_is_not_in_the_database_and_comes_back(database: mongo.Database) -> None:
    kept = Secrets(database, Masters({"old": OLD}))
    assert await kept.put(secret(), "open sesame")
    assert await kept.put(secret("other"), "open sesame")
    assert not await kept.put(secret(), "open sesame")
    one, other = await raw(database)
    assert "value" not in one
    assert b"open sesame" not in one["sealed"]
    assert one["sealed"] != other["sealed"]
    assert await kept.value("demo", "key") == "open sesame"
    assert await Secrets(database, Masters({"old": OLD})).value("demo", "key") == "open sesame"
    assert [each.name for each in await kept.page("demo", after=None, limit=10)] == ["key", "other"]
    assert await kept.value("demo", "none") is None


async def test_a_row_is_good_for_its_tenant_and_name_alone(database: mongo.Database) -> None:
    kept = Secrets(database, Masters({"old": OLD}))
    await kept.put(secret(), "mine")
    await kept.put(secret("other"), "theirs")
    await kept.put(secret(tenant="acme"), "acme's")
    _, mine, other = await raw(database)
    await database["secrets"].update_one({"_id": other["_id"]}, {"$set": {"sealed": mine["sealed"]}})
    with pytest.raises(KeyUnusableError, match="altered"):
        await kept.value("demo", "other")
    await database["secrets"].update_one({"_id": "acme/key"}, {"$set": {"sealed": mine["sealed"]}})
    with pytest.raises(KeyUnusableError):
        await kept.value("acme", "key")


async def test_what_was_kept_before_there_was_a_master_key_is_read_and_sealed_by_a_rotation(
    database: mongo.Database,
) -> None:
    await Secrets(database).put(secret(), "from before")
    kept = Secrets(database, Masters({"old": OLD}))
    assert await kept.value("demo", "key") == "from before"
    assert (await Rotation(database, kept).rotate("demo")).secrets == 1
    (row,) = await raw(database)
    assert "value" not in row
    assert await kept.value("demo", "key") == "from before"


async def test_a_rotation_seals_anew_and_erases_the_keys_before(database: mongo.Database) -> None:
    kept = Secrets(database, Masters({"old": OLD}))
    await kept.put(secret(), "one")
    (before,) = await raw(database)
    assert (await Rotation(database, kept).rotate("demo")).secrets == 1
    (after,) = await raw(database)
    assert after["sealedBy"] > before["sealedBy"]
    assert await kept.value("demo", "key") == "one"
    assert await database["tenantKeys"].count_documents({}) == 1
    await database["secrets"].replace_one({"_id": before["_id"]}, before)
    with pytest.raises(KeyUnusableError, match="erased"):
        await Secrets(database, Masters({"old": OLD})).value("demo", "key")


async def test_a_new_master_key_takes_over(database: mongo.Database) -> None:
    await Secrets(database, Masters({"old": OLD})).put(secret(), "one")
    both = Secrets(database, Masters({"new": NEW, "old": OLD}))
    assert await both.sealer.rewrap("demo") == 1
    assert await both.sealer.rewrap("demo") == 0
    assert await Secrets(database, Masters({"new": NEW})).value("demo", "key") == "one"
    for wrong in (Masters({"old": OLD}), Masters({"new": OLD}), None):
        with pytest.raises(KeyUnusableError):
            await Secrets(database, wrong).value("demo", "key")


async def test_erasing_a_tenant_erases_its_key_and_so_what_backups_have(database: mongo.Database) -> None:
    kept = Secrets(database, Masters({"old": OLD}))
    await kept.put(secret(), "one")
    backup = await raw(database)
    await Estate(database).erase("demo")
    assert await database["tenantKeys"].count_documents({}) == 0
    await database["secrets"].insert_many(backup)
    with pytest.raises(KeyUnusableError, match="erased"):
        await Secrets(database, Masters({"old": OLD})).value("demo", "key")


class Kms:
    """A plug-in; its secrecy is not the point here."""

    current = "vault/1"

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        return context + key[::-1]

    async def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        assert (name, wrapped.startswith(context)) == ("vault/1", True)
        return wrapped.removeprefix(context)[::-1]


async def test_a_kms_by_a_plug_in(database: mongo.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masters, "kms_of_a_test", Kms, raising=False)
    chosen = support.settings("mongodb://x", "amqp://x", "http://x", "x", kms="store.masters:kms_of_a_test")
    await Secrets(database, masters.of(chosen)).put(secret(), "one")
    assert await Secrets(database, masters.of(chosen)).value("demo", "key") == "one"
    (key,) = [row async for row in database["tenantKeys"].find({})]
    assert key["master"] == "vault/1"


def test_master_keys_from_the_environment_and_a_file(tmp_path: Path) -> None:
    def settings(**more: Any) -> masters.Wrapper | None:
        return masters.of(support.settings("mongodb://x", "amqp://x", "http://x", "x", **more))

    line = f"new:{base64.b64encode(NEW).decode()}"
    older = f"old:{base64.b64encode(OLD).decode()}"
    assert settings() is None
    chosen = settings(master_keys=SecretStr(f"{line},{older}"))
    assert chosen is not None
    assert chosen.current == "new"
    file = tmp_path / "keys"
    file.write_text(f"{older}\n{line}\n")
    chosen = settings(master_keys_file=str(file))
    assert chosen is not None
    assert chosen.current == "old"
    for wrong in ("new", "new:x", f":{line}", "new:" + base64.b64encode(b"short").decode()):
        with pytest.raises(KeyUnusableError, match="32 random bytes"):
            settings(master_keys=SecretStr(wrong))


async def test_the_command_rotates(database: mongo.Database, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"old:{base64.b64encode(OLD).decode()}"
    chosen = support.settings("mongodb://x", "amqp://x", "http://x", "x", master_keys=SecretStr(line))
    kept = Secrets(database, masters.of(chosen))
    await kept.put(secret(), "one")
    with pytest.raises(errors.NotFound, match="no tenant demo"):
        await command.rotate(database, chosen, "demo", rewrap=False)
    await Tenants(database).insert(tenant("demo"))
    await command.rotate(database, chosen, "demo", rewrap=False)
    await command.rotate(database, chosen, None, rewrap=True)
    assert "demo: 1 secrets sealed anew, and payloads in 0 documents" in capsys.readouterr().out
    assert await kept.value("demo", "key") == "one"
    with pytest.raises(KeyUnusableError, match="PENSTOCK_MASTER_KEYS"):
        await command.rotate(database, support.settings("mongodb://x", "amqp://x", "http://x", "x"), None, rewrap=False)


async def keys(database: mongo.Database) -> list[dict[str, Any]]:
    """The tenants' keys as MongoDB has them."""
    return [row async for row in database["tenantKeys"].find({}).sort("_id", 1)]


@pytest.mark.parametrize("name", ["old", "other"])
@pytest.mark.parametrize("rewrap", [True, False])
async def test_the_command_refuses_another_master_key_before_it_writes(
    database: mongo.Database, name: str, *, rewrap: bool
) -> None:
    for each in ("acme", "demo"):
        await Tenants(database).insert(tenant(each))
    right = Secrets(database, Masters({"old": OLD}))
    await right.put(secret(), "one")
    before = await keys(database)
    line = SecretStr(f"{name}:{base64.b64encode(NEW).decode()}")
    wrong = support.settings("mongodb://x", "amqp://x", "http://x", "x", master_keys=line)
    for which in (None, "acme"):
        with pytest.raises(KeyUnusableError, match="The master key old"):
            await command.rotate(database, wrong, which, rewrap=rewrap)
    assert await keys(database) == before
    both = SecretStr(f"new:{base64.b64encode(NEW).decode()},old:{base64.b64encode(OLD).decode()}")
    chosen = support.settings("mongodb://x", "amqp://x", "http://x", "x", master_keys=both)
    await command.rotate(database, chosen, None, rewrap=True)
    assert {row["master"] for row in await keys(database)} == {"new"}


async def test_a_process_with_another_master_key_makes_no_key_for_a_tenant_without(database: mongo.Database) -> None:
    await Secrets(database, Masters({"old": OLD})).put(secret(), "one")
    for wrong in (Masters({"old": NEW}), Masters({"other": NEW})):
        with pytest.raises(KeyUnusableError, match="The master key old") as refused:
            await Secrets(database, wrong).put(secret(tenant="acme"), "two")
        assert (refused.value.status, refused.value.code) == (503, "unavailable")
    assert [row["tenant"] for row in await keys(database)] == ["demo"]
    # While the master key is changed, process by process, both sorts of processes go on.
    assert await Secrets(database, Masters({"new": NEW, "old": OLD})).put(secret(tenant="acme"), "two")
    assert await Secrets(database, Masters({"old": OLD})).put(secret(tenant="globex"), "three")


def test_settings_of_master_keys_that_do_not_fit_are_said_in_a_line(tmp_path: Path) -> None:
    def said(**more: Any) -> str:
        with pytest.raises(KeyUnusableError) as refused:
            masters.of(support.settings("mongodb://x", "amqp://x", "http://x", "x", **more))
        assert "\n" not in refused.value.detail
        return refused.value.detail

    file = tmp_path / "keys"
    assert f"PENSTOCK_MASTER_KEYS_FILE names {file}, which cannot be read" in said(master_keys_file=str(file))
    file.write_bytes(b"\xff\xfe")
    assert "it is no text" in said(master_keys_file=str(file))
    file.write_text("\n")
    assert "holds no master key" in said(master_keys_file=str(file))
    file.write_text("one=abc\n")
    assert "32 random bytes" in said(master_keys_file=str(file))
    for wrong in ("nowhere:made", "store.masters:absent", "store.masters", ""):
        assert "PENSTOCK_KMS" in said(kms=wrong)
