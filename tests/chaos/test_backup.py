"""A backup taken while everything is at work, restored into an empty stack: it passes the checker for all before it."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from tests.chaos import cast, checker, stored, world
from tests.chaos.ledger import Ledger
from tests.chaos.wire import Wire
from tests.chaos.workers import Stage, Workers
from tests.chaos.world import Given, World


async def command(on: World, *arguments: str, database: str) -> str:
    """What `python -m store` says; fails where it fails."""
    env = os.environ | {
        "PENSTOCK_ENVIRONMENT": "local",
        "PENSTOCK_AUTH_URL": on.auth,
        "PENSTOCK_MONGODB_URL": on.mongodb,
        "PENSTOCK_RABBITMQ_URL": "amqp://127.0.0.1:1/",
        "PENSTOCK_MONGODB_DATABASE": database,
    }
    pipe = asyncio.subprocess.PIPE
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "store", *arguments, env=env, stdout=pipe, stderr=pipe
    )
    out, problem = await run.communicate()
    assert run.returncode == 0, problem.decode()
    return out.decode()


@pytest.mark.timeout(240)
async def test_a_restored_backup_keeps_every_promise_made_before_it(
    tmp_path: Path, mongodb_url: str, rabbitmq_url: str
) -> None:
    given = Given(mongodb=mongodb_url, rabbitmq=rabbitmq_url)
    file = tmp_path / "record.backup"
    ledger = Ledger(tenant=world.TENANT)
    async with world.running(tmp_path / "first", world.Shape(apis=1, engines=1), given) as first:
        before = await _at_work(first, ledger, file)
        restored = f"{first.database}_restored"
        said = await command(first, "restore", str(file), database=restored)
        assert "start the processes now" in said
        given = Given(mongodb=mongodb_url, rabbitmq=rabbitmq_url, auth=first.auth, database=restored)
        async with world.running(tmp_path / "second", world.Shape(apis=1, engines=1), given) as second:
            await _finish_all(second, before)
            async with stored.opened(second.mongodb, restored) as record:
                left = await record.read(world.TENANT)
    assert len(before.submits) > 50
    assert checker.check(before, left) == []


async def _at_work(on: World, ledger: Ledger, file: Path) -> Ledger:
    """Everybody at work; in the midst of it a backup. Answers what had been promised when it began."""
    async with (
        Wire(list(on.apis), on.auth, "core", "root", ledger) as root,
        Wire(list(on.apis), on.auth, world.TENANT, "ada", ledger) as ada,
        Wire(list(on.apis), on.auth, world.TENANT, "sub", ledger) as sub,
        Wire(list(on.apis), on.auth, world.TENANT, "wim", ledger) as wim,
    ):
        everybody = cast.Cast(root=root, ada=ada, writer=sub, worker=wim, seed=3, prompt=0.7)
        await everybody.prepare(on.auth)
        await everybody.schedule()
        playing = asyncio.create_task(everybody.play(writers=2, workers=2, rate=60.0))
        while len(ledger.submits) < 150:
            await asyncio.sleep(0.1)
        before = _copy(ledger)
        await command(on, "backup", str(file), database=on.database)
        await everybody.leave()
        everybody.behave()
        await playing
    return before


def _copy(ledger: Ledger) -> Ledger:
    """The promises so far. What a holder was told may be finished by another after the restore: leases go on."""
    return Ledger(
        tenant=ledger.tenant,
        submits=[*ledger.submits],
        finishes=[*ledger.finishes],
        flows=[*ledger.flows],
        schedules=[*ledger.schedules],
    )


async def _finish_all(on: World, ledger: Ledger) -> None:
    async with (
        Wire(list(on.apis), on.auth, world.TENANT, "ada", ledger) as ada,
        Wire(list(on.apis), on.auth, world.TENANT, "wim", ledger) as wim,
        stored.opened(on.mongodb, on.database) as record,
    ):
        stage = Stage()
        stage.over.set()
        for each in ledger.schedules:
            await ada.insist("POST", f"/schedules/{each.schedule}/pause")
        workers = Workers(wim, ada, ledger, stage, prompt=1.0)
        machine, people = (f"/queues/{queue.replace(':', '/')}" for queue in cast.QUEUES)
        working = asyncio.gather(workers.work(machine, random.Random(1)), workers.people(people, random.Random(2)))
        assert await record.rest(stalled=30.0, most=90.0)
        stage.resting.set()
        await working
