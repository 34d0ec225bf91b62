"""The engine as a process: two share the work, one is killed, servers are away; and it stops when it is told to."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import SecretStr

from broker import assembly, engine
from core.settings import Settings
from core.task import State, Task
from store import migrations
from store.events import Events
from tests.support.engines import caller, engines, holders
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until
from tests.support.working import claim, complete, read, submit


async def told(parts: assembly.Parts, tasks: Sequence[Task], kinds: list[str]) -> bool:
    events = Events(parts.record.database)
    histories = [await events.history(task.tenant, task.id, limit=50) for task in tasks]
    return all([event.type for event in history] == kinds for history in histories)


async def test_the_first_start_on_an_empty_record_needs_no_migration(settings: Settings) -> None:
    async with assembly.record(settings) as record, engines(settings, 2):

        async def noted() -> bool:
            return await migrations.applied(record.database) == migrations.newest()

        await wait_until(noted, what="the number of the schema", timeout=60)


async def test_of_two_engines_one_is_killed_and_the_other_takes_over(settings: Settings) -> None:
    async with caller(settings) as (parts, queue), engines(settings, 2) as pair:
        duties = set(engine.duties(parts))

        async def shared() -> bool:
            return set(await holders(parts)) == duties

        await wait_until(shared, what="all duties are taken", timeout=20)
        leaders = await holders(parts)
        killed = next(process for process in pair if process.pid == leaders["timekeeper"])
        other = next(process for process in pair if process is not killed)
        tasks = await submit(parts, queue, 20, delay=timedelta(seconds=0.3))
        killed.kill()

        async def followed() -> bool:
            now = await holders(parts)
            return set(now) == duties and set(now.values()) == {other.pid}

        await wait_until(followed, what="the other does everything", timeout=15)

        async def woken() -> bool:
            return {(await read(parts, task)).state for task in tasks} == {State.READY}

        await wait_until(woken, what="delayed tasks are ready")
        held: list[Task] = []
        while len(held) < 20:
            held += await claim(parts, queue, 20)
        await complete(parts, held)
        kinds = ["created", "ready", "started", "succeeded"]
        await wait_until(lambda: told(parts, tasks, kinds), what="their stories are told")
        other.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(other.wait(), 10) == 0
        assert await holders(parts) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_without_its_servers_and_stops_without_them(settings: Settings, number: signal.Signals) -> None:
    away = {
        "mongodb_url": SecretStr("mongodb://127.0.0.1:1/"),
        "rabbitmq_url": SecretStr("amqp://127.0.0.1:1/"),
        "store_timeout_seconds": 0.4,
    }
    async with engines(settings.model_copy(update=away), 1, log=asyncio.subprocess.PIPE) as (process,):
        assert process.stderr is not None
        waits = 0
        async for line in process.stderr:
            waits += b"loop waits" in line
            if waits == 2:
                break
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_it_waits_for_its_servers_and_outlives_their_absence(settings: Settings) -> None:
    mongodb = settings.mongodb_url.get_secret_value().partition("?")[0]
    async with Proxy(mongodb) as store, Proxy(settings.rabbitmq_url.get_secret_value()) as broker:
        urls = {
            "mongodb_url": SecretStr(store.url + "?directConnection=true"),
            "rabbitmq_url": SecretStr(broker.url),
            "store_timeout_seconds": 1.0,
        }
        await store.shut()
        await broker.shut()
        stop = asyncio.Event()
        async with (
            caller(settings) as (parts, queue),
            assembly.running(settings.model_copy(update=urls), name="engine") as own,
        ):
            running = asyncio.create_task(engine.run(own, stop, renew_seconds=0.1))
            (first,) = await submit(parts, queue, delay=timedelta(milliseconds=50))
            await store.reopen()
            await wait_until(lambda: told(parts, [first], ["created", "ready"]), what="MongoDB is back", timeout=20)
            await broker.reopen()
            await store.cut()
            (second,) = await submit(parts, queue, delay=timedelta(milliseconds=50))
            await wait_until(lambda: told(parts, [second], ["created", "ready"]), what="after a cut", timeout=20)
            taken: set[str] = set()

            async def both() -> bool:
                taken.update(task.id for task in await claim(parts, queue, 2))
                return taken == {first.id, second.id}

            await wait_until(both, what="their tickets", timeout=20)
            assert not running.done()
            stop.set()
            await asyncio.wait_for(running, 10)
