"""The sample executor and workflow, against the RPC alone: every report is reviewed as plain Python would."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import islice
from typing import Any

import pytest

from broker import engine
from examples.aidbox_executor import executor, flow
from examples.aidbox_executor.rpc import Rpc, RpcError
from examples.strike_reports import reports
from tests.support import api as support
from tests.support.api import Api

COUNT = 30


class Admin:
    """Stands for the session of the tenant's admin."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def call(self, method: str, path: str, body: object) -> None:
        answer = await self._api("ada").request(method, f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text


@pytest.fixture
async def prepared(api: Api) -> AsyncGenerator[None]:
    """The example's definitions, and an engine."""
    admin: Any = Admin(api)
    await flow.prepare(admin)
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    yield
    stop.set()
    await working
    await support.drop_lanes(api.parts)


@pytest.mark.usefixtures("prepared")
async def test_every_report_is_reviewed(api: Api) -> None:
    rpc = Rpc(api("intake"))
    workers = [asyncio.create_task(executor.work(rpc)) for _ in range(2)]
    try:
        found = await asyncio.wait_for(flow.review(rpc, reports.SAMPLE, COUNT), 60)
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    expected: list[dict[str, Any]] = []
    for each in islice(reports.read(reports.SAMPLE), COUNT):
        report = each["params"]
        severe = report["damage"] in {"Medium", "Substantial"} or report["costTotal"] >= 10_000
        expected.append({"severity": "severe", "told": report["operator"]} if severe else {"severity": "slight"})
    assert [workflow["result"] for workflow in found] == expected
    assert {workflow["outcome"] for workflow in found} == {"succeeded"}
    assert {"severe", "slight"} == {each["severity"] for each in expected}


@pytest.mark.usefixtures("prepared")
async def test_a_report_that_cannot_be_assessed_fails_its_workflow_with_the_reason(api: Api) -> None:
    rpc = Rpc(api("intake"))
    await api("ada").patch("/api/v1/definitions/strikes/assess", json={"retry": {"maxAttempts": 1}})
    params = {"report": {"airport": "", "damage": "None", "costTotal": 0}}
    made = await rpc.call("awf.workflow/create-and-execute", definition=executor.WORKFLOW, params=params)
    working = asyncio.create_task(executor.work(rpc))
    try:
        done = await asyncio.wait_for(flow.ended(rpc, made["resource"]["id"]), 30)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert (done["outcome"], done["error"]) == ("failed", {"message": "the report names no airport"})
    with pytest.raises(RpcError, match="workflow-has-been-done"):
        await rpc.call("awf.workflow/cancel", id=done["id"])
