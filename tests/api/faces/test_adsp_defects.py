"""Upstream's defects (contract adsp 10.1 and 1.5) that ours does not have, where no other file here shows it.

Elsewhere: foreign tenants (`test_adsp_rights`), forged and overlong input (`test_adsp_tasks`, `test_adsp_service`),
orphans and pages of a queue that moves (`test_adsp_queues`).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.settings import Settings
from deploy.local import issuer
from tests.api.faces.adsp_calls import PATH, TASKS, assign, create, operate, subject
from tests.support import api as support
from tests.support import serving
from tests.support.api import Api
from tests.support.waiting import wait_until

QUEUE = "/task/v1/queues/intake/strike-reports"


@pytest.fixture
async def strict(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: issuer.Issuer) -> AsyncIterator[Api]:
    """An application whose operator lets readers cancel nothing."""
    chosen: Settings = support.settings(mongodb_url, rabbitmq_url, tokens.url, database_name, adsp_readers_cancel=False)
    async with support.serving(chosen, tokens) as running:
        await support.make_queue(running("ada"))
        yield running
        await support.drop_lanes(running.parts)


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    ("before", "operation"), [([], "start"), (["start"], "complete"), (["start"], "cancel"), ([], "cancel")]
)
async def test_of_racing_operations_one_wins(api: Api, before: list[str], operation: str) -> None:
    """10.1.3: there is no second start, end or cancel, and no second event of one."""
    task = await create(api)
    for step in before:
        await operate(api("wim"), task, step)
    answers = await asyncio.gather(*[operate(api("wim"), task, operation) for _ in range(30)])
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {400, 409}


@pytest.mark.usefixtures("queue")
async def test_changes_at_the_same_moment_are_all_kept(api: Api) -> None:
    """10.1.3: upstream's whole-row saves undo each other."""
    task = await create(api)
    await operate(api("wim"), task, "start")
    me = {"id": subject(api, "wim"), "name": "Wim", "email": None}
    by_id = f"{TASKS}/{task['id']}"
    for round_ in range(5):
        answers: tuple[httpx.Response, ...] = await asyncio.gather(
            api("ada").patch(by_id, json={"description": f"d{round_}"}),
            api("wim").patch(f"{by_id}/data", json={"round": round_}),
            operate(api("ann"), task, "set-priority", priority=["High", "Urgent"][round_ % 2]),
            operate(api("ann"), task, "assign", assignTo=me),
            api("ada").patch(by_id, json={"context": {"round": round_}}),
        )
        assert {answer.status_code for answer in answers} == {200}
        now = (await api("ada").get(by_id)).json()
        shown = {name: now[name] for name in ("description", "data", "priority", "context", "status")}
        assert shown == {
            "description": f"d{round_}",
            "data": {"round": round_},
            "priority": ["High", "Urgent"][round_ % 2],
            "context": {"round": round_},
            "status": "In Progress",
        }
        assert now["assignment"]["assignedTo"]["id"] == me["id"]


async def test_events_of_a_time_without_an_engine_are_told_later(api: Api, queue: str) -> None:
    """10.1.4: upstream sends them after its answer, once, and drops what fails."""
    task = await create(api)
    await assign(api, task, "wim")
    for step in ("start", "complete"):
        await operate(api("wim"), task, step)
    path = "/stream/v1/streams/task-updates"
    async with (
        serving.listening(api.app) as address,
        serving.working(api.parts),
        serving.hearing(address, api.token("rex"), path=path, lastEventId=0) as stream,
    ):
        heard = await serving.take(stream, 4)
    assert [each.data["name"] for each in heard] == ["task-created", "task-assigned", "task-started", "task-completed"]


async def test_readers_cancel_only_where_the_operator_lets_them(strict: Api) -> None:
    """10.1.5."""
    task = await create(strict)
    for user, status in (("rex", 403), ("ann", 200)):
        assert (await operate(strict(user), task, "cancel")).status_code == status
    assert (await operate(strict("wim"), await create(strict), "cancel")).status_code == 200


@pytest.mark.usefixtures("queue")
async def test_no_role_reaches_into_another_tenant(api: Api) -> None:
    """10.1.5: upstream's set-priority does not look at the tenant."""
    task = await create(api)
    for user in ("ada", "sub", "ann"):
        foreign = api(user, "acme")
        assert (await operate(foreign, task, "set-priority", priority="Urgent")).status_code == 404
    assert (await api("ada").get(f"{TASKS}/{task['id']}")).json()["priority"] == "Normal"


async def test_durations_of_tasks_that_share_a_record_are_their_own(api: Api, queue: str) -> None:
    """10.1.8: upstream pairs the start of one with the end of another."""
    async with serving.working(api.parts):
        tasks = [await create(api, recordId="urn:form:7") for _ in range(3)]
        for step in ("start", "complete"):
            for task in tasks:
                await operate(api("wim"), task, step)

        async def counted() -> dict[str, Any] | None:
            shown = (await api("rex").get(f"{QUEUE}/metrics", params={"includeEventMetrics": "true"})).json()
            return shown if shown["rate"]["completed"] == 3 else None

        shown = await wait_until(counted, what="the events are counted", timeout=20)
    assert shown is not None
    assert (shown["queue"]["count"], shown["completion"]["count"]) == (3, 3)
    listed = (await api("rex").get(TASKS, params={"criteria": json.dumps({"context": {}})})).json()["results"]
    spent = [_seconds(task["startedOn"], task["endedOn"]) for task in listed]
    assert shown["completion"]["sum"] == pytest.approx(sum(spent), abs=0.05)
    assert (await api("rex").get(PATH)).json()["results"] == []


def _seconds(begin: str, end: str) -> float:
    """Between two times of the same hour."""
    parts = [[float(part) for part in each[14:-1].split(":")] for each in (begin, end)]
    first, last = (minutes * 60 + seconds for minutes, seconds in parts)
    return (last - first) % 3600
