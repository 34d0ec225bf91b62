"""The doctor on deployments that are wrong in one way each: the fault is found, and said in plain words."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiormq
import pymongo
import pytest
from pamqp.common import FieldTable
from pydantic import SecretStr

from broker import assembly, doctor, lanes
from broker.rabbit import topology
from core import chosen as choosing
from core import diagnosis
from core.clock import system_clock
from core.diagnosis import Diagnosis
from core.settings import Settings
from core.task import Actor
from core.tenant import Tenant
from deploy.local import children, issuer, mongod, ports, rabbitmq
from store import checkup, migrations
from store.leases import Leases
from store.masters import Masters
from store.secrets import Secret, Secrets
from tests.support import api as support
from tests.support.engines import caller
from tests.support.waiting import wait_until
from tests.support.working import submit

Plant = Callable[[assembly.Parts, Settings], Awaitable[Settings]]
LANE: FieldTable = {"x-queue-type": "classic", "x-max-priority": 9}


@pytest.fixture(scope="module")
def tokens() -> Iterator[issuer.Issuer]:
    """An issuer with the local realms."""
    with support.issuing() as running:
        yield running


@pytest.fixture
async def healthy(settings: Settings, tokens: issuer.Issuer) -> AsyncIterator[tuple[assembly.Parts, Settings]]:
    """A deployment as it should be, with tenants, a queue, and the sign of an engine."""
    mine = settings.model_copy(update={"auth_url": tokens.url})
    async with caller(mine) as (parts, _):
        await migrations.migrate(parts.record.database, clock=system_clock)
        at = system_clock()
        for realm in ("core", "demo"):
            await parts.record.tenants.insert(
                Tenant(id=realm, issuer=f"{tokens.url}/realms/{realm}", created_at=at, version=1)
            )
        await Leases(parts.record.database).take("timekeeper", "engine-1", now=at, until=at + timedelta(hours=1))
        yield parts, mine


async def test_a_healthy_deployment_is_left_in_peace(healthy: tuple[assembly.Parts, Settings]) -> None:
    _, chosen = healthy
    found = await doctor.examine(chosen)
    assert found == []
    assert diagnosis.text(found) == "Nothing is wrong."


async def _index_missing(parts: assembly.Parts, chosen: Settings) -> Settings:
    await parts.record.database["tasks"].drop_index("timer")
    return chosen


async def _index_wrong(parts: assembly.Parts, chosen: Settings) -> Settings:
    await parts.record.database["tasks"].drop_index("timer")
    await parts.record.database["tasks"].create_index([("dueKind", 1)], name="timer")
    return chosen


async def _schema_behind(parts: assembly.Parts, chosen: Settings) -> Settings:
    await parts.record.database["meta"].delete_one({"_id": "schema"})
    return chosen


async def _schema_ahead(parts: assembly.Parts, chosen: Settings) -> Settings:
    await parts.record.database["meta"].update_one({"_id": "schema"}, {"$set": {"number": 999}})
    return chosen


async def _mongodb_away(parts: assembly.Parts, chosen: Settings) -> Settings:
    url = SecretStr(f"mongodb://127.0.0.1:{ports.free()}/?replicaSet=penstock")
    return chosen.model_copy(update={"mongodb_url": url, "store_timeout_seconds": 1.0})


async def _rabbitmq_away(parts: assembly.Parts, chosen: Settings) -> Settings:
    return chosen.model_copy(update={"rabbitmq_url": SecretStr(f"amqp://x:y@127.0.0.1:{ports.free()}/p")})


async def _login(parts: assembly.Parts, chosen: Settings) -> Settings:
    url = chosen.rabbitmq_url.get_secret_value()
    return chosen.model_copy(update={"rabbitmq_url": SecretStr(url.replace("penstock:", "nobody:"))})


async def _vhost(parts: assembly.Parts, chosen: Settings) -> Settings:
    url = chosen.rabbitmq_url.get_secret_value()
    return chosen.model_copy(update={"rabbitmq_url": SecretStr(url.rpartition("/")[0] + "/elsewhere")})


async def _lane(parts: assembly.Parts, chosen: Settings) -> Settings:
    lane = (await lanes.every_lane(parts.record, chosen.broker_prefix))[0]
    await parts.broker.lanes.drop(lane)
    connection = await aiormq.connect(chosen.rabbitmq_url.get_secret_value())
    channel = await connection.channel()
    await channel.queue_declare(lane, durable=True, arguments=LANE)
    await connection.close()
    return chosen


async def _exchange(parts: assembly.Parts, chosen: Settings) -> Settings:
    connection = await aiormq.connect(chosen.rabbitmq_url.get_secret_value())
    channel = await connection.channel()
    name = topology.events_exchange("other")
    await channel.exchange_declare(name, exchange_type="fanout", auto_delete=False)
    await connection.close()
    return chosen.model_copy(update={"broker_prefix": "other"})


async def _issuer_away(parts: assembly.Parts, chosen: Settings) -> Settings:
    await _register(parts, f"http://127.0.0.1:{ports.free()}/realms/gone")
    return chosen


async def _issuer_without_realm(parts: assembly.Parts, chosen: Settings) -> Settings:
    await _register(parts, f"{chosen.auth_url}/realms/nowhere")
    return chosen


async def _issuer_by_another_name(parts: assembly.Parts, chosen: Settings) -> Settings:
    await _register(parts, f"{chosen.auth_url.replace('127.0.0.1', 'localhost')}/realms/acme")
    return chosen


async def _auth_away(parts: assembly.Parts, chosen: Settings) -> Settings:
    return chosen.model_copy(update={"auth_url": f"http://127.0.0.1:{ports.free()}"})


async def _key_missing(parts: assembly.Parts, chosen: Settings) -> Settings:
    secret = Secret(tenant="demo", name="key", updated_at=system_clock(), updated_by=Actor(id="u-ann", name="Ann"))
    await Secrets(parts.record.database, Masters({"one": os.urandom(32)})).put(secret, "open sesame")
    return chosen


async def _key_another(parts: assembly.Parts, chosen: Settings) -> Settings:
    await _key_missing(parts, chosen)
    return chosen.model_copy(update={"master_keys": SecretStr(f"one:{base64.b64encode(os.urandom(32)).decode()}")})


async def _key_file_missing(parts: assembly.Parts, chosen: Settings) -> Settings:
    await _key_missing(parts, chosen)
    return chosen.model_copy(update={"master_keys_file": "nowhere.keys"})


async def _kms_absent(parts: assembly.Parts, chosen: Settings) -> Settings:
    return chosen.model_copy(update={"kms": "nowhere:made"})


async def _register(parts: assembly.Parts, name: str) -> None:
    await parts.record.tenants.insert(Tenant(id="acme", issuer=name, created_at=system_clock(), version=1))


@pytest.mark.parametrize(
    ("code", "plant", "says"),
    [
        ("index-missing", _index_missing, "tasks.timer"),
        ("index-wrong", _index_wrong, "tasks.timer is another one"),
        ("schema-behind", _schema_behind, "this release needs"),
        ("schema-ahead", _schema_ahead, "a later release"),
        ("mongodb-away", _mongodb_away, "does not answer"),
        ("rabbitmq-away", _rabbitmq_away, "does not answer at 127.0.0.1"),
        ("rabbitmq-login", _login, "refuses the account nobody"),
        ("rabbitmq-vhost", _vhost, "the virtual host elsewhere"),
        ("lane-wrong", _lane, "1 lanes were declared otherwise"),
        ("exchange-wrong", _exchange, "other.events is of another kind"),
        ("issuer", _issuer_away, "does not answer"),
        ("issuer", _issuer_without_realm, "answers 404"),
        ("issuer", _issuer_by_another_name, "calls itself"),
        ("issuer", _auth_away, "does not answer (ConnectError)"),
        ("master-keys", _key_missing, "this process has none"),
        ("master-keys", _key_another, "another one than the one that sealed"),
        ("master-keys", _key_file_missing, "nowhere.keys, which cannot be read"),
        ("master-keys", _kms_absent, "PENSTOCK_KMS (nowhere:made)"),
    ],
)
async def test_a_planted_fault_is_found(
    healthy: tuple[assembly.Parts, Settings], code: str, plant: Plant, says: str
) -> None:
    parts, chosen = healthy
    found = await doctor.examine(await plant(parts, chosen))
    assert [each.code for each in found] == [code], found
    assert says in found[0].what


async def test_clocks_that_differ_are_noticed(healthy: tuple[assembly.Parts, Settings]) -> None:
    _, chosen = healthy
    found = await doctor.examine(chosen, clock=lambda: system_clock() - timedelta(seconds=30))
    assert "clock-skew" in {each.code for each in found}


async def test_timers_and_tickets_that_nobody_sees_to_are_noticed(settings: Settings) -> None:
    async with caller(settings) as (parts, queue):
        await migrations.migrate(parts.record.database, clock=system_clock)
        await submit(parts, queue, 2, delay=timedelta(seconds=1))
        await parts.record.database["tasks"].update_many({}, {"$set": {"ticketDue": system_clock()}})
        found = await doctor.examine(settings, clock=lambda: system_clock() + timedelta(minutes=2))
    assert {"no-engine", "timers-late", "tickets-overdue", "no-tenants"} <= {each.code for each in found}


async def test_a_mongod_that_is_no_replica_set_is_refused(settings: Settings, tmp_path: Path) -> None:
    async with _standalone(tmp_path) as url:
        found = await doctor.examine(settings.model_copy(update={"mongodb_url": SecretStr(url)}))
    assert [each.code for each in found] == ["mongodb-standalone"]


async def test_a_disk_that_is_nearly_full_is_noticed_before_it_is(healthy: tuple[assembly.Parts, Settings]) -> None:
    stats = await healthy[0].record.database.command("dbStats")
    total, gib = int(stats["fsTotalSize"]), 1 << 30

    def found(free: int, of: int = total) -> list[tuple[str, bool]]:
        said = checkup.disk({**stats, "fsTotalSize": of, "fsUsedSize": of - free})
        return [(each.code, each.fatal) for each in said]

    assert found(total // 2) == []
    assert found(9 * gib, of=100 * gib) == []
    assert found(2 * gib, of=100 * gib) == [("mongodb-disk", False)]
    assert found(gib, of=4 * gib) == []
    assert found(gib // 2, of=100 * gib) == [("mongodb-disk", True)]
    assert checkup.disk({}) == []


@asynccontextmanager
async def _standalone(home: Path) -> AsyncGenerator[str]:
    port = ports.free()
    argv = [str(mongod.program()), "--dbpath", str(home), "--bind_ip", "127.0.0.1", "--port", str(port)]
    command = children.Command(argv=(*argv, "--nounixsocket", "--quiet"))
    service = children.Service(
        role="standalone", home=home, command=lambda: command, ready=lambda: rabbitmq.wait_for_port(port)
    )
    child = await children.start(service)
    try:
        url = f"mongodb://127.0.0.1:{port}/"
        async with pymongo.AsyncMongoClient[dict[str, object]](url) as client:
            await client.admin.command("ping")
        yield url
    finally:
        await children.kill(child)


def test_settings_that_do_not_fit_are_said_by_their_names() -> None:
    wrong = {"mongodb_url": "mongodb://x", "rabbitmq_url": "amqp://x", "auth_url": "http://x", "trace_ratio": 3}
    found = choosing.settings(wrong)
    assert isinstance(found, list)
    assert found[0].what.startswith("PENSTOCK_TRACE_RATIO")
    found = choosing.settings({**wrong, "trace_ratio": 1})
    assert isinstance(found, list)
    assert "https://" in found[0].what


async def test_an_api_that_is_set_wrong_says_so_by_the_variables_names() -> None:
    env = os.environ | {"PENSTOCK_API_PORT": "http", "PENSTOCK_API_WORKERS": "0"}
    pipe = asyncio.subprocess.PIPE
    run = await asyncio.create_subprocess_exec(sys.executable, "-m", "api", env=env, stdout=pipe, stderr=pipe)
    _, said = await run.communicate()
    assert run.returncode == 1
    lines = said.decode().splitlines()
    assert lines[0].startswith("FAULT  Settings: PENSTOCK_API_PORT")
    assert lines[2].startswith("FAULT  Settings: PENSTOCK_API_WORKERS")
    assert "Traceback" not in said.decode()


def test_what_was_found_is_said_with_what_to_do() -> None:
    fault = Diagnosis(code="x", where="MongoDB", what="it is away", do="start it")
    said = diagnosis.text([fault, Diagnosis(code="y", where="Login", what="no", do="yes", fatal=False)])
    assert said.splitlines()[0] == "FAULT  MongoDB: it is away."
    assert said.splitlines()[2] == "warning  Login: no."


async def test_by_the_command_line(healthy: tuple[assembly.Parts, Settings]) -> None:
    parts, chosen = healthy
    await submit(parts, await parts.directory.queue("demo", "intake:reports"), 3)
    assert await _run(chosen, "doctor") == (0, "Nothing is wrong.\n")
    status, said = await _run(chosen, "topology")
    assert (status, "3 tickets" in said) == (0, True), said
    (lane,) = await lanes.every_lane(parts.record, chosen.broker_prefix)
    assert await parts.broker.lanes.purge(lane) == 3
    status, said = await _run(chosen, "refill")
    assert status == 0, said
    await wait_until(lambda: _full(parts, lane), what="the tickets are back")
    wrong = chosen.model_copy(update={"rabbitmq_url": SecretStr(f"amqp://x:y@127.0.0.1:{ports.free()}/p")})
    status, said = await _run(wrong, "doctor")
    assert (status, said.startswith("FAULT  RabbitMQ: it does not answer")) == (1, True)


async def _full(parts: assembly.Parts, lane: str) -> bool:
    return (await parts.broker.lanes.depth(lane) or 0) >= 3


async def _run(chosen: Settings, command: str) -> tuple[int | None, str]:
    env = os.environ | {
        "PENSTOCK_ENVIRONMENT": "local",
        "PENSTOCK_AUTH_URL": chosen.auth_url,
        "PENSTOCK_MONGODB_URL": chosen.mongodb_url.get_secret_value(),
        "PENSTOCK_MONGODB_DATABASE": chosen.mongodb_database,
        "PENSTOCK_RABBITMQ_URL": chosen.rabbitmq_url.get_secret_value(),
        "PENSTOCK_BROKER_PREFIX": chosen.broker_prefix,
        "PENSTOCK_LOG_LEVEL": "ERROR",
    }
    pipe = asyncio.subprocess.PIPE
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "broker", command, env=env, stdout=pipe, stderr=pipe
    )
    out, problem = await run.communicate()
    return run.returncode, out.decode() or problem.decode()
