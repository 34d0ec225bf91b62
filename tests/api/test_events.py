"""The feed of events: live, resumed, filtered, and only what the caller may read; histories; statistics in metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jws
from prometheus_client import Gauge

from api import context, streams
from api.feed import Feed
from auth.principal import TASK_READER, Principal
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from core.clock import system_clock
from store.events import Events
from tests.support import api as support
from tests.support import serving
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer
from tests.support.waiting import wait_until

OTHER = "/api/v1/queues/intake/other"


@pytest.fixture
async def address(api: Api, queue: str) -> AsyncIterator[str]:
    """The application, served over a port, with an engine beside it."""
    async with serving.listening(api.app) as address, serving.working(api.parts):
        yield address


async def live_out(api: Api, path: str = QUEUE) -> dict[str, Any]:
    """A task from its submit to its end: created, started, succeeded."""
    task = await support.submit(api("sub"), path)
    (held,) = await support.claim(api("wim"), path)
    await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json={"execId": held["execId"]})
    return task


async def test_events_come_as_they_happen(api: Api, address: str) -> None:
    async with serving.hearing(address, api.token("rex")) as stream:
        task = await live_out(api)
        heard = await serving.take(stream, 3)
    assert [each.type for each in heard] == ["created", "started", "succeeded"]
    assert [each.data["seq"] for each in heard] == [1, 2, 3]
    assert [int(each.id) for each in heard] == sorted(each.data["n"] for each in heard)
    assert {each.data["task"] for each in heard} == {task["id"]}
    last = heard[-1].data
    assert (last["state"], last["outcome"], last["by"]["name"], last["queue"], last["priority"]) == (
        "done",
        "succeeded",
        "Wim Reviewer",
        "intake:strike-reports",
        "normal",
    )


async def test_a_stream_is_taken_up_where_it_broke_off(api: Api, address: str) -> None:
    async with serving.hearing(address, api.token("rex")) as stream:
        await live_out(api)
        first = await serving.take(stream, 2)
    for _ in range(3):
        await live_out(api)
    resumes: list[dict[str, Any]] = [{"headers": {"Last-Event-ID": first[-1].id}}, {"lastEventId": first[-1].id}]
    for lives, resume in enumerate(resumes, 5):
        async with serving.hearing(address, api.token("rex"), **resume) as stream:
            await live_out(api)
            heard = first + await serving.take(stream, 3 * lives - 2)
        numbers = [int(each.id) for each in heard]
        assert numbers == sorted(set(numbers))
        steps = [(each.data["task"], each.data["seq"]) for each in heard]
        assert len(set(steps)) == len(steps) == 3 * lives


async def test_a_stream_of_some_queues_types_or_a_task(api: Api, address: str) -> None:
    await support.make_queue(api("ada"), OTHER)
    token = api.token("rex")
    mine = await support.submit(api("sub"))
    async with (
        serving.hearing(address, token, queue="intake:other") as of_queue,
        serving.hearing(address, token, type=["started", "failed"]) as of_type,
        serving.hearing(address, token, task=mine["id"], lastEventId=0) as of_task,
    ):
        theirs = await live_out(api, OTHER)
        (held,) = await support.claim(api("wim"))
        assert {each.data["task"] for each in await serving.take(of_queue, 3)} == {theirs["id"]}
        assert [each.data["task"] for each in await serving.take(of_type, 2)] == [theirs["id"], mine["id"]]
        assert [each.type for each in await serving.take(of_task, 2)] == ["created", "started"]
        assert held["id"] == mine["id"]


async def test_everybody_hears_only_what_it_may_read(api: Api, address: str) -> None:
    await support.make_queue(api("ada"), OTHER, bindings={"workers": ["somebody-else"]})
    async with (
        serving.hearing(address, api.token("wim")) as wim,
        serving.hearing(address, api.token("rex")) as rex,
        serving.hearing(address, api.token("rex", "acme")) as foreign,
        serving.hearing(address, api.token("nil")) as nil,
    ):
        await support.submit(api("sub"), OTHER)
        task = await support.submit(api("sub"))
        await support.make_queue(api("ada", "acme"))
        acme = await support.submit(api("sub", "acme"))
        assert (await serving.take(rex, 2))[1].data["task"] == task["id"]
        assert (await serving.take(wim, 1))[0].data["task"] == task["id"]
        assert (await serving.take(foreign, 1))[0].data["task"] == acme["id"]
        await api("ada").patch(QUEUE, json={"bindings": {"readers": ["default-roles-demo"]}})
        heard = asyncio.ensure_future(anext(nil))
        # The right was given while the stream ran; it counts for what happens from then on.
        while not heard.done():
            await support.submit(api("sub"))
            await asyncio.wait([heard], timeout=0.1)
        assert heard.result().data["queue"] == "intake:strike-reports"


async def test_what_a_stream_names_must_be_there_and_readable(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    calls: list[tuple[str, dict[str, Any], int]] = [
        ("rex", {"queue": "no:such"}, 404),
        ("sub", {"queue": "intake:strike-reports"}, 403),
        ("nil", {"task": task["id"]}, 403),
        ("rex", {"task": "none"}, 404),
        ("rex", {"lastEventId": "-1"}, 400),
        ("rex", {"color": "red"}, 400),
    ]
    for user, params, status in calls:
        answer = await api(user).get("/api/v1/events", params=params)
        assert answer.status_code == status, (user, params, answer.text)
    theirs = await api("ada", "acme").get("/api/v1/events", params={"task": task["id"]})
    assert theirs.status_code == 404


async def test_events_by_the_page(api: Api, address: str) -> None:
    tasks = [await live_out(api) for _ in range(3)]
    get, accept = api("rex").get, {"Accept": "application/json"}

    async def page(**params: Any) -> dict[str, Any]:
        return (await get("/api/v1/events", params=params, headers=accept)).json()

    await wait_until(lambda: _count(page), what="all events to be on record")
    first = await page(limit=4)
    second = await page(limit=4, after=first["next"])
    third = await page(limit=4, after=second["next"])
    assert third["next"] is None
    steps = [(event["task"], event["seq"]) for part in (first, second, third) for event in part["items"]]
    assert steps == [(task["id"], seq) for task in tasks for seq in (1, 2, 3)]
    of_task = await page(task=tasks[1]["id"])
    assert [event["seq"] for event in of_task["items"]] == [1, 2, 3]
    assert (await page(type="started", queue="intake:strike-reports"))["items"][0]["type"] == "started"
    mine = await api("sub").get("/api/v1/events", params={"task": tasks[0]["id"]}, headers=accept)
    assert len(mine.json()["items"]) == 3


async def _count(page: Any) -> bool:
    return len((await page())["items"]) == 9


async def test_a_history_by_the_page(api: Api, address: str) -> None:
    task = await live_out(api)
    path = f"/api/v1/tasks/{task['id']}/history"

    async def types(**params: Any) -> list[str]:
        return [event["type"] for event in (await api("sub").get(path, params=params)).json()["items"]]

    async def whole() -> bool:
        return await types() == ["created", "started", "succeeded"]

    await wait_until(whole, what="the history to be whole")
    first = (await api("sub").get(path, params={"limit": 2})).json()
    assert await types(after=first["next"]) == ["succeeded"]


async def test_metrics_tell_rates_and_durations(api: Api, address: str) -> None:
    for _ in range(3):
        await live_out(api)

    async def counted() -> dict[str, Any] | None:
        metrics = (await api("ann").get(f"{QUEUE}/metrics")).json()
        return metrics if metrics["rates"]["lastHour"]["succeeded"] == 3 else None

    metrics = await wait_until(counted, what="the statistics to be written")
    assert metrics is not None
    assert metrics["rates"]["lastHour"] | {"failed": 0} == {
        "submitted": 3,
        "started": 3,
        "succeeded": 3,
        "failed": 0,
        "canceled": 0,
        "expired": 0,
    }
    assert 1 <= metrics["rates"]["lastMinute"]["submitted"] <= 3
    assert (metrics["waitSeconds"]["count"], metrics["workSeconds"]["count"]) == (3, 3)
    assert 0 <= metrics["workSeconds"]["min"] <= metrics["workSeconds"]["average"] <= metrics["workSeconds"]["max"]
    for unit, count in (("minute", 90), ("hour", 3)):
        series = (await api("ann").get(f"{QUEUE}/metrics/series", params={"unit": unit, "count": count})).json()
        times = [each["at"] for each in series["items"]]
        assert (series["unit"], len(times), times == sorted(times)) == (unit, count, True)
        assert sum(each["submitted"] for each in series["items"]) == 3
        assert sum(each["workSeconds"]["count"] for each in series["items"] if each["workSeconds"]) == 3
        assert series["items"][0]["waitSeconds"] is None


async def test_a_stream_ends_with_its_token(api: Api, address: str, tokens: Issuer) -> None:
    claims: dict[str, Any] = msgspec.json.decode(jws.extract_compact(api.token("rex").encode()).payload)
    soon = claims | {"exp": int(system_clock().timestamp()) + 2}
    async with serving.hearing(address, tokens.sign("demo", soon)) as stream, asyncio.timeout(10):
        assert [each async for each in stream] == []


async def test_nothing_is_left_of_streams_whose_callers_hung_up(api: Api, address: str) -> None:
    feed: Any = api.app.state.context.feed
    async with contextlib.AsyncExitStack() as streams_open:
        for _ in range(5):
            await streams_open.enter_async_context(serving.hearing(address, api.token("rex")))
        await wait_until(lambda: feed._listener._patterns, what="the tenant to be listened to")
    await wait_until(lambda: not (feed._tails or feed._readers or feed._listener._patterns), what="all to be let go")


async def test_a_stream_ends_when_the_server_stops(api: Api, address: str) -> None:
    async with serving.hearing(address, api.token("rex")) as stream:
        here: context.Context = api.app.state.context
        here.closing.set()
        async with asyncio.timeout(5):
            assert [each async for each in stream] == []


# --- the parts behind it ---


def reader(*, lasts: timedelta = timedelta(hours=1)) -> Principal:
    """Somebody who may read all of demo."""
    return Principal(
        tenant="demo",
        home="demo",
        subject="u-rex",
        name="Rex",
        roles=frozenset({TASK_READER}),
        expires_at=system_clock() + lasts,
    )


@pytest.fixture
async def feed(api: Api, address: str) -> AsyncIterator[Feed]:
    """A feed that keeps ten events a tenant."""
    parts = api.parts
    exchange = rabbit.Events(
        parts.broker.consuming, parts.broker.publisher, topology.events_exchange(parts.settings.broker_prefix)
    )
    made = Feed(Events(parts.record.database), parts.directory, exchange, asyncio.Event(), kept=10)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_is_slower_than_the_tail_reads_the_record(api: Api, feed: Feed) -> None:
    stream = streams.Stream(feed, reader(), streams.Wanted(), after=None, clock=system_clock).chunks()
    slow = streams.Stream(feed, reader(), streams.Wanted(), after=None, clock=system_clock).chunks()
    await anext(stream)
    await anext(slow)
    tasks = [{"name": str(n)} for n in range(60)]
    await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": tasks})
    assert await _numbers(stream, 60) == await _numbers(slow, 60)
    await stream.aclose()
    await slow.aclose()


async def _numbers(chunks: AsyncIterator[bytes], count: int) -> list[str]:
    numbers: list[str] = []
    async with asyncio.timeout(20):
        while len(numbers) < count:
            numbers += [line[4:] for line in (await anext(chunks)).decode().splitlines() if line.startswith("id: ")]
    assert (len(numbers), len(set(numbers))) == (count, count)
    return numbers


async def test_whoever_has_the_head_of_a_stream_hears_all_that_follows(api: Api, feed: Feed) -> None:
    """What happens, and is on record, before the first byte of the body is made is part of the stream."""
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            bodies.put_nowait(message["body"])
            return
        task = await support.submit(api("sub"))
        await wait_until(lambda: feed.events.history("demo", task["id"], limit=1), what="the event to be on record")

    stream = streams.Stream(feed, reader(), streams.Wanted(), after=None, clock=system_clock)
    quotas = api.parts.quotas
    answer = streams.EventStream(stream, Gauge("open", "", registry=None), quotas, await quotas.limits("demo"))
    running = asyncio.create_task(answer.stream_response(send))
    async with asyncio.timeout(10):
        while b"event: created" not in await bodies.get():
            assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def test_a_quiet_stream_says_that_it_lives(feed: Feed) -> None:
    chunks = streams.Stream(
        feed, reader(), streams.Wanted(), after=None, clock=system_clock, heartbeat=timedelta(milliseconds=10)
    ).chunks()
    async with asyncio.timeout(10):
        hello, *beats = [await anext(chunks) for _ in range(3)]
    at = hello.splitlines()[1]
    assert at.startswith(b"id: ")
    assert beats == [at + b"\n: still here\n\n"] * 2
    await chunks.aclose()


async def test_an_event_is_encoded_once_for_all(api: Api, feed: Feed) -> None:
    async with feed.following("demo") as tail:
        await support.submit(api("sub"))
        await wait_until(lambda: tail.behind(0), what="the event to come")
        (item,) = tail.behind(0)
        assert item.frame is item.frame


async def test_a_tail_is_kept_while_somebody_follows_it(api: Api, feed: Feed) -> None:
    async with feed.following("demo") as first:
        async with feed.following("demo") as second:
            assert first is second
        await support.submit(api("sub"))
        await wait_until(lambda: first.behind(0), what="the event to come")
    async with feed.following("demo") as fresh:
        assert fresh is not first
