"""Two API processes on the same stores: nothing is handed out twice, one start wins, what one says the other knows."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.settings import Settings
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer
from tests.support.waiting import wait_until


@pytest.fixture
async def other(api: Api, settings: Settings, tokens: Issuer) -> AsyncIterator[Api]:
    """Another process of the same API."""
    async with support.serving(settings, tokens) as running:
        yield running


async def test_fifty_claimers_share_a_thousand_tasks(api: Api, other: Api, queue: str) -> None:
    tasks = [{"name": str(n)} for n in range(1000)]
    answer = await api("sub").post(f"{queue}/tasks/batch", json={"tasks": tasks})
    assert answer.json()["accepted"] == 1000

    async def claimer(number: int) -> list[str]:
        client = (api, other)[number % 2](("wim", "wes")[number // 2 % 2])
        got: list[str] = []
        while held := await support.claim(client, max=7):
            got += [task["id"] for task in held]
        return got

    shares = await asyncio.gather(*[claimer(number) for number in range(50)])
    ids = [task_id for share in shares for task_id in share]
    assert (len(ids), len(set(ids))) == (1000, 1000)


async def test_one_of_fifty_starts_wins(api: Api, other: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    calls = [
        (api, other)[number % 2](("wim", "wes")[number // 2 % 2]).post(f"/api/v1/tasks/{task['id']}/start")
        for number in range(50)
    ]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    assert {support.code(answer) for answer in answers if answer.status_code == 409} == {"wrong-state"}


async def test_one_of_many_ends_of_a_task_counts(api: Api, other: Api, queue: str) -> None:
    await support.submit(api("sub"), retry={"maxAttempts": 1})
    (task,) = await support.claim(api("wim"))
    body = {"execId": task["execId"]}
    calls = [
        (api, other)[number % 2]("wim").post(f"/api/v1/tasks/{task['id']}/{call}", json=body)
        for number in range(10)
        for call in ("complete", "fail")
    ]
    answers = await asyncio.gather(*calls)
    outcome = (await other("ada").get(f"/api/v1/tasks/{task['id']}")).json()["outcome"]
    won = {"succeeded": "complete", "failed": "fail"}[outcome]
    for answer in answers:
        is_winner = answer.request.url.path.endswith(won)
        assert answer.status_code in ({200, 409} if is_winner else {409}), answer.text


async def test_a_waiting_claim_in_one_process_gets_what_the_other_took_in(api: Api, other: Api, queue: str) -> None:
    waiting = asyncio.create_task(support.claim(other("wim"), waitSeconds=30))
    await support.somebody_waits(other)
    task = await support.submit(api("sub"))
    assert [held["id"] for held in await waiting] == [task["id"]]


async def test_a_change_of_a_queue_is_known_everywhere(api: Api, other: Api, queue: str) -> None:
    await support.submit(api("sub"))
    assert len(await support.claim(other("wim"), start=False)) == 1
    await api("ada").patch(queue, json={"bindings": {"workers": []}})

    async def refused() -> bool:
        return (await other("wim").post(f"{QUEUE}/claims")).status_code == 403

    await wait_until(refused, what="the other process to hear of the new bindings")
