"""What is repeated, what never is, and what a caller is told of an outcome that nobody knows."""

import asyncio
import json

import pytest
from fastapi import Response
from penstock import AsyncClient, ConnectionLost, NewTask, Retries, StaticToken, errors
from penstock.transport import Call, Transport

from tests.sdk import wire
from tests.sdk.wire import Asked
from tests.support.proxy import Proxy

FAST = Retries(give_up_after=5.0, first=0.01, most=0.05)
POST = Call(method="POST", path="/x", body={})
SAFE = Call(method="POST", path="/x", body={}, repeatable=True)


@pytest.mark.parametrize(("status", "code"), [(503, "unavailable"), (429, "too-many-requests"), (408, "too-slow")])
async def test_what_the_server_did_not_begin_is_repeated(status: int, code: str) -> None:
    def script(asked: Asked, number: int) -> Response:
        return wire.problem(status, code, headers={"retry-after": "0"}) if number < 3 else wire.answer({})

    async with wire.answering(script) as server:
        transport = Transport(server.url, retries=FAST)
        assert (await transport.send(POST)).status_code == 200
        await transport.close()
    assert len(server.asked) == 3


async def test_retry_after_is_never_undercut() -> None:
    assert Retries(first=0.0).rest(1, 7.0) == 7.0
    assert all(Retries(first=10, most=10).rest(1, 7.0) >= 7.0 for _ in range(100))
    assert all(Retries(first=0.1, most=0.5).rest(attempt, None) <= 0.5 for attempt in range(1, 2000))


async def test_it_gives_up_when_the_server_asks_for_more_patience_than_there_is() -> None:
    async with wire.answering(
        lambda asked, n: wire.problem(503, "unavailable", headers={"retry-after": "60"})
    ) as server:
        transport = Transport(server.url, retries=FAST)
        with pytest.raises(errors.Unavailable) as refused:
            await transport.send(POST)
        await transport.close()
    assert refused.value.retry_after == 60
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", ["wrong-state", "lease-lost", "not-found", "invalid", "forbidden"])
async def test_a_refusal_is_final(code: str) -> None:
    async with wire.answering(lambda asked, n: wire.problem(409, code, requestId="r1", state="done")) as server:
        transport = Transport(server.url, retries=FAST)
        with pytest.raises(errors.ApiError) as refused:
            await transport.send(SAFE)
        await transport.close()
    assert (refused.value.code, refused.value.request_id, refused.value.problem.extra["state"]) == (code, "r1", "done")
    assert len(server.asked) == 1


async def test_a_broken_connection_repeats_only_what_may_be_repeated() -> None:
    """The server has the request, and the connection breaks before the answer."""
    arrived: asyncio.Queue[int] = asyncio.Queue()

    async def never(asked: Asked, number: int) -> Response:
        arrived.put_nowait(number)
        await asyncio.sleep(0 if number == 4 else 60)
        return wire.answer({})

    async with wire.answering(never) as server, Proxy(server.url) as proxy:
        transport = Transport(proxy.url, retries=FAST)
        sending = asyncio.create_task(transport.send(POST))
        assert await arrived.get() == 1
        await proxy.cut()
        with pytest.raises(ConnectionLost, match="was lost during POST /x") as lost:
            await sending
        assert lost.value.sent
        sending = asyncio.create_task(transport.send(SAFE))
        for number in (2, 3):
            assert await arrived.get() == number
            await proxy.cut()
        assert (await sending).status_code == 200
        assert await arrived.get() == 4
        await transport.close()


async def test_what_cannot_have_arrived_is_repeated_whatever_it_is() -> None:
    async with wire.answering(lambda asked, n: wire.answer({})) as server, Proxy(server.url) as proxy:
        await proxy.shut()
        transport = Transport(proxy.url, retries=FAST)
        sending = asyncio.create_task(transport.send(POST))
        await asyncio.wait({sending}, timeout=0.1)
        assert not sending.done()
        await proxy.reopen()
        assert (await sending).status_code == 200
        await transport.close()
    assert len(server.asked) == 1


async def test_nobody_there_is_said_in_a_sentence() -> None:
    transport = Transport("http://127.0.0.1:1", retries=Retries(give_up_after=0))
    with pytest.raises(ConnectionLost, match=r"^Cannot reach http://127\.0\.0\.1:1: ") as lost:
        await transport.send(POST)
    assert not lost.value.sent
    await transport.close()


async def test_a_submit_is_repeated_with_the_same_key() -> None:
    def script(asked: Asked, number: int) -> Response:
        return wire.problem(504, "gateway") if number == 1 else wire.answer(wire.task(), 201)

    async with wire.answering(script) as server, AsyncClient(server.url, retries=FAST) as client:
        assert (await client.tasks.submit("a:b", {"x": 1})).id == "t1"
        first, second = [asked.headers["idempotency-key"] for asked in server.asked]
        assert first == second
        await client.tasks.submit("a:b", {"x": 1})
        assert server.asked[2].headers["idempotency-key"] != first


async def test_every_task_of_a_batch_has_a_key() -> None:
    def script(asked: Asked, number: int) -> Response:
        results = [{"status": 201, "task": wire.task()} for _ in asked.body["tasks"]]
        return wire.answer({"results": results, "accepted": len(results), "refused": 0})

    async with wire.answering(script) as server, AsyncClient(server.url) as client:
        tasks = [NewTask(params={"n": n, "none": None}, dedup_key="mine" if n == 0 else None) for n in range(1500)]
        results = await client.tasks.submit_many("a:b", tasks)
    assert [len(asked.body["tasks"]) for asked in server.asked] == [1000, 500]
    keys = [each["dedupKey"] for asked in server.asked for each in asked.body["tasks"]]
    assert keys[0] == "mine"
    assert len(set(keys)) == len(keys) == len(results) == 1500
    assert server.asked[0].body["tasks"][1]["params"] == {"n": 1, "none": None}


async def test_a_claim_is_not_repeated_when_its_answer_was_lost() -> None:
    async with (
        wire.answering(lambda asked, n: wire.problem(504, "gateway")) as server,
        AsyncClient(server.url, retries=FAST) as client,
    ):
        with pytest.raises(errors.ApiError):
            await client.tasks.claim("a:b")
    assert len(server.asked) == 1


async def test_a_refused_token_is_replaced_once() -> None:
    made: list[str] = []

    def make() -> str:
        made.append(f"token{len(made)}")
        return made[-1]

    def script(asked: Asked, number: int) -> Response:
        good = asked.headers["authorization"] == "Bearer token1"
        return wire.answer({}) if good else wire.problem(401, "unauthenticated")

    async with wire.answering(script) as server:
        transport = Transport(server.url, provider=StaticToken(make), retries=FAST)
        assert (await transport.send(POST)).status_code == 200
        assert (await transport.send(POST)).status_code == 200
        await transport.close()
        stubborn = Transport(server.url, provider=StaticToken("wrong"), retries=FAST)
        with pytest.raises(errors.Unauthenticated):
            await stubborn.send(POST)
        await stubborn.close()
    assert made == ["token0", "token1"]
    assert [asked.headers["authorization"].removeprefix("Bearer ") for asked in server.asked] == [
        "token0", "token1", "token1", "wrong", "wrong",
    ]  # fmt: skip


async def test_an_answer_of_another_release_is_said_plainly() -> None:
    async with (
        wire.answering(lambda asked, n: wire.answer({"id": 7})) as server,
        AsyncClient(server.url) as client,
    ):
        with pytest.raises(errors.PenstockError, match=r"not what this release understands: GET /api/v1/tasks/x"):
            await client.tasks.get("x")


@pytest.mark.parametrize("url", ["penstock.example", "ftp://penstock.example", "http://", "http://[x", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(errors.UsageError, match="is not the address of a server"):
        Transport(url)


@pytest.mark.parametrize("name", ["nope", ":b", "a:", ""])
async def test_a_queue_is_written_with_its_namespace(name: str) -> None:
    async with AsyncClient("http://127.0.0.1:1") as client:
        with pytest.raises(errors.UsageError, match="namespace:name"):
            await client.queues.get(name)


async def test_a_stream_that_breaks_before_its_first_event_is_taken_up_where_it_began() -> None:
    """The server tells with its greeting where the stream begins; nothing of the time without connection is missed."""
    event = {
        "id": "t1/1", "n": 8, "seq": 1, "task": "t1", "queue": "a:b", "type": "created", "state": "ready",
        "at": "2026-01-05T12:00:00.000Z",
    }  # fmt: skip

    def script(asked: Asked, number: int) -> Response:
        greeting = "retry: 1000\nid: 7\n: hello\n\n"
        body = greeting if number == 1 else f"{greeting}id: 8\nevent: created\ndata: {json.dumps(event)}\n\n"
        return Response(body, media_type="text/event-stream")

    async with wire.answering(script) as server, AsyncClient(server.url) as client, asyncio.timeout(10):
        async for heard in client.events.follow():
            assert heard.n == 8
            break
    assert [asked.headers.get("last-event-id") for asked in server.asked] == [None, "7"]
