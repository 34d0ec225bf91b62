"""Three engines as processes, the one that schedules killed twice: a one-second interval fires once each second."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from broker import assembly
from core.plan import Plan
from core.schedule import Cron, Interval, TaskOrder
from core.settings import Settings
from store.listing import Query
from tests.support.engines import Process, caller, engines, holders
from tests.support.making import ANN
from tests.support.waiting import wait_until

SECOND = timedelta(seconds=1)


async def test_each_second_once_over_two_kills(settings: Settings) -> None:
    async with caller(settings) as (parts, queue), engines(settings, 3) as running:
        order = TaskOrder(queue=queue.key)
        for name, trigger in (("interval", Interval(seconds=1)), ("cron", Cron(expression="* * * * * *"))):
            await parts.timetable.put("demo", name, Plan(trigger=trigger, order=order), by=ANN, match=None)
        for kills in range(2):
            leader = await wait_until(_leader(parts, running), what="somebody schedules", timeout=20, every=0.2)
            begun = len(await _firings(parts, "interval"))
            await wait_until(_more(parts, begun + 2), what=f"it fires after {kills} kills", timeout=20, every=0.2)
            assert leader is not None
            leader.kill()
            await leader.wait()
        before = len(await _firings(parts, "interval"))
        await wait_until(_more(parts, before + 3), what="the last one makes up for the outage", timeout=20, every=0.2)
        for name in ("interval", "cron"):
            found = Counter(await _firings(parts, name))
            first, last = min(found), max(found)
            expected = [first + SECOND * number for number in range((last - first) // SECOND + 1)]
            assert sorted(found.elements()) == expected, name


def _leader(parts: assembly.Parts, running: list[Process]) -> Callable[[], Awaitable[Process | None]]:
    async def alive() -> Process | None:
        pid = (await holders(parts)).get("scheduler")
        return next((each for each in running if each.pid == pid and each.returncode is None), None)

    return alive


def _more(parts: assembly.Parts, count: int) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return len(await _firings(parts, "interval")) >= count

    return there


async def _firings(parts: assembly.Parts, name: str) -> list[datetime]:
    page = await parts.record.listing.page("demo", Query(), after=None, limit=1000)
    return [task.schedule.at for task in page.tasks if task.schedule is not None and task.schedule.id == name]
