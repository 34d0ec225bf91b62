"""Reporting ends to a server that is away, refuses the whole call, or refuses one result."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Response
from penstock import AsyncClient, ClaimedTask
from penstock.models.task import Limits
from penstock.work.execution import Ending
from penstock.work.held import Held
from penstock.work.settler import Settler

from tests.sdk import wire
from tests.sdk.wire import Asked


def held(number: int, ending: Ending | None = None, *, lease: float | None = None) -> Held:
    task = ClaimedTask.model_validate(wire.task(id=f"t{number}", execId="e", state="in-progress"))
    if lease is not None:
        task = task.model_copy(update={"lease_until": task.created_at, "limits": Limits(lease_seconds=lease)})
    now = asyncio.get_running_loop().time()
    made = Held(task=task, handler=None, claimed_at=now, beaten_at=now)
    made.ending = ending or Ending(action="complete", result=number)
    return made


def verdicts(asked: Asked, **refused: tuple[int, str]) -> Response:
    results: list[dict[str, Any]] = []
    for item in asked.body["items"]:
        status, code = refused.get(item["id"], (200, ""))
        problem = {"type": f"urn:penstock:problem:{code}", "status": status, "detail": "No."}
        results.append({"id": item["id"], "status": status} | ({"problem": problem} if code else {}))
    return wire.answer({"results": results})


def accepted(asked: Asked, number: int) -> Response:
    return verdicts(asked)


class Reporting:
    """A settler, the server that it reports to, and what was settled."""

    def __init__(self, server: wire.Wire, client: AsyncClient) -> None:
        self.server = server
        self.settled: list[str] = []
        self.settler = Settler(client, settled=lambda held: self.settled.append(held.task.id))

    async def report(self, *ends: Held) -> None:
        """Report these and wait until they are over."""
        for end in ends:
            self.settler.add(end)
        await asyncio.wait_for(self.settler.drain(), 30)

    def items(self) -> list[list[dict[str, Any]]]:
        """The items of every call."""
        return [asked.body["items"] for asked in self.server.asked]


@pytest.fixture
def script() -> list[wire.Script]:
    """What the server says: put a function in."""
    return []


@pytest.fixture
async def reporting(script: list[wire.Script]) -> AsyncIterator[Reporting]:
    def told(asked: Asked, number: int) -> Any:
        return script[0](asked, number)

    async with (
        wire.answering(told) as server,
        AsyncClient(server.url) as client,
    ):
        yield Reporting(server, client)


async def test_what_ends_together_travels_together(reporting: Reporting, script: list[wire.Script]) -> None:
    script.append(accepted)
    await reporting.report(*[held(n) for n in range(700)])
    assert [len(items) for items in reporting.items()] == [500, 200]
    assert len(set(reporting.settled)) == 700
    assert reporting.items()[0][0] == {"id": "t0", "execId": "e", "action": "complete", "result": 0}


async def test_a_failure_and_a_release_say_no_more_than_they_must(
    reporting: Reporting, script: list[wire.Script]
) -> None:
    script.append(accepted)
    failed = Ending(action="fail", error={"type": "X"}, retryable=False)
    await reporting.report(held(1, failed), held(2, Ending(action="release")))
    assert reporting.items() == [
        [
            {"id": "t1", "execId": "e", "action": "fail", "error": {"type": "X"}, "retryable": False},
            {"id": "t2", "execId": "e", "action": "release"},
        ]
    ]


async def test_it_reports_again_until_somebody_answers(reporting: Reporting, script: list[wire.Script]) -> None:
    script.append(lambda asked, number: wire.answer("proxy", 502) if number < 3 else verdicts(asked))
    await reporting.report(held(1))
    assert reporting.settled == ["t1"]
    assert len(reporting.server.asked) == 3


async def test_only_what_was_put_off_is_reported_again(reporting: Reporting, script: list[wire.Script]) -> None:
    away = {"t2": (503, "unavailable")}
    script.append(lambda asked, number: verdicts(asked, **(away if number == 1 else {})))
    await reporting.report(held(1), held(2))
    assert [[item["id"] for item in items] for items in reporting.items()] == [["t1", "t2"], ["t2"]]


@pytest.mark.parametrize("code", ["lease-lost", "not-found", "forbidden", "wrong-state"])
async def test_what_is_refused_for_good_is_over(reporting: Reporting, script: list[wire.Script], code: str) -> None:
    script.append(lambda asked, number: verdicts(asked, t1=(409, code)))
    await reporting.report(held(1), held(2))
    assert sorted(reporting.settled) == ["t1", "t2"]
    assert len(reporting.server.asked) == 1


async def test_a_result_that_is_refused_fails_its_task(reporting: Reporting, script: list[wire.Script]) -> None:
    def judge(asked: Asked, number: int) -> Response:
        (item,) = asked.body["items"]
        return verdicts(asked, t1=(422, "payload-mismatch")) if item["action"] == "complete" else verdicts(asked)

    script.append(judge)
    await reporting.report(held(1))
    ((item,),) = reporting.items()[1:]
    assert (item["action"], item["retryable"], item["error"]["type"]) == ("fail", False, "ResultRefused")


async def test_a_result_that_is_too_large_does_not_take_others_with_it(
    reporting: Reporting, script: list[wire.Script]
) -> None:
    def limited(asked: Asked, number: int) -> Response:
        return wire.problem(413, "too-large") if b"huge" in repr(asked.body).encode() else verdicts(asked)

    script.append(limited)
    ends = [held(n) for n in range(8)]
    ends[5].ending = Ending(action="complete", result="huge")
    await reporting.report(*ends)
    assert sorted(reporting.settled) == [f"t{n}" for n in range(8)]
    failed = [item for items in reporting.items() for item in items if item["action"] == "fail"]
    assert [(item["id"], item["error"]["type"]) for item in failed] == [("t5", "ResultRefused")]


async def test_an_end_that_nobody_can_want_any_more_is_given_up(
    reporting: Reporting, script: list[wire.Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.work.settler._PATIENCE", 0.0)
    script.append(lambda asked, number: wire.answer("proxy", 502))
    await reporting.report(held(1, lease=0.0))
    assert reporting.settled == ["t1"]
