"""Two engines as processes, the one that sees to left-over records killed: the task of every event is there once."""

from datetime import timedelta

from broker import assembly
from core import ids, trigger
from core.definition import Target
from core.settings import Settings
from store.listing import Query
from store.records import EventTask, Record
from tests.support.engines import Process, caller, engines, holders
from tests.support.making import ANN
from tests.support.waiting import wait_until

RECORDS = 400


async def test_what_an_api_left_over_is_run_once_by_engines_of_which_one_is_killed(settings: Settings) -> None:
    async with caller(settings) as (parts, queue):
        await parts.catalogue.put("demo", "echo", {"queue": queue.key, "target": Target()}, by=ANN, match=None)
        await parts.record.records.put_event_task(EventTask(tenant="demo", name="vc", key="k", task_name="echo"))
        long_ago = parts.clock() - timedelta(minutes=1)
        for number in range(RECORDS):
            at = long_ago + timedelta(milliseconds=number)
            marks = (trigger.event_mark("vc"),)
            record = Record(
                tenant="demo", id=ids.new_id(), body={"key": "k"}, received_at=at, received_by=ANN, triggers=marks
            )
            assert await parts.record.records.insert(record)
        async with engines(settings, 2) as running:
            leader = await wait_until(lambda: _busy(parts, running), what="an engine is at it", timeout=60)
            assert leader is not None
            leader.kill()
            await leader.wait()
            await wait_until(lambda: _settled(parts), what="the other one has done the rest", timeout=60)
        assert len(await _keys(parts)) == len(set(await _keys(parts))) == RECORDS
        await parts.administration.purge("demo", queue.key, by=ANN)
        await parts.record.records.remove_event_task("demo", "vc")


async def _busy(parts: assembly.Parts, running: list[Process]) -> Process | None:
    pid = (await holders(parts)).get("triggers")
    found = next((each for each in running if each.pid == pid), None)
    return found if found is not None and await _keys(parts) else None


async def _settled(parts: assembly.Parts) -> bool:
    records = parts.record.database["records"]
    return await records.count_documents({"tenant": "demo", "triggers": {"$exists": True}}) == 0


async def _keys(parts: assembly.Parts) -> list[str | None]:
    page = await parts.record.listing.page("demo", Query(), after=None, limit=2 * RECORDS)
    return [task.dedup_key for task in page.tasks]
