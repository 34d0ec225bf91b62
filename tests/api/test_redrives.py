"""Dead letters over HTTP: queried, run again by filter or by name, and taken back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import api as support
from tests.support import serving
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

OTHER = "/api/v1/queues/intake/other"


@pytest.fixture
async def dead(api: Api, queue: str) -> AsyncIterator[list[str]]:
    """Six dead letters, the even ones labelled red; an engine runs."""
    tasks = [{"name": str(n), "labels": ["red"] if n % 2 == 0 else [], "retry": {"maxAttempts": 1}} for n in range(6)]
    await api("sub").post(f"{queue}/tasks/batch", json={"tasks": tasks})
    held = await support.claim(api("wim"), max=6)
    items = [{"id": task["id"], "execId": task["execId"], "action": "fail", "error": "x"} for task in held]
    await api("wim").post("/api/v1/tasks/settle", json={"items": items})
    async with serving.working(api.parts):
        yield [task["id"] for task in held]


async def redrive(api: Api, body: dict[str, Any] | None, path: str = QUEUE) -> dict[str, Any]:
    """What a redrive came to."""
    answer = await api("ada").post(f"{path}/redrive", json=body)
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]

    async def ended() -> dict[str, Any] | None:
        now = (await api("ada").get(location)).json()
        return now if now["state"] == "done" else None

    found = await wait_until(ended, what="the redrive to end")
    assert found is not None
    return found | {"matched": answer.json()["matched"]}


async def test_all_dead_letters_run_again(api: Api, dead: list[str]) -> None:
    assert len((await api("wim").get(f"{QUEUE}/tasks", params={"dead": "true"})).json()["items"]) == 6
    done = await redrive(api, None)
    assert (done["matched"], done["moved"], done["ratePerSecond"]) == (6, 6, None)
    assert (await api("wim").get(f"{QUEUE}/tasks", params={"dead": "true"})).json()["items"] == []
    again = await support.claim(api("wim"), max=10)
    assert {task["id"] for task in again} == set(dead)
    assert {(task["attemptsLeft"], task["attempt"]) for task in again} == {(1, 2)}


async def test_some_by_a_filter(api: Api, dead: list[str]) -> None:
    done = await redrive(api, {"filter": {"label": "red"}, "ratePerSecond": 1000})
    assert (done["matched"], done["moved"]) == (3, 3)
    assert {task["id"] for task in await support.claim(api("wim"), max=10)} == set(dead[::2])


async def test_some_by_their_ids(api: Api, dead: list[str]) -> None:
    alive = await support.submit(api("sub"))
    done = await redrive(api, {"ids": [dead[1], dead[4], "none", alive["id"]]})
    assert (done["matched"], done["moved"]) == (2, 2)
    listed = (await api("ada").get(f"{QUEUE}/tasks", params={"redrive": done["id"]})).json()["items"]
    assert {task["id"] for task in listed} == {dead[1], dead[4]}


async def test_an_undo_puts_back_what_nobody_took(api: Api, dead: list[str]) -> None:
    done = await redrive(api, {})
    (taken,) = await support.claim(api("wim"))
    path = f"{QUEUE}/redrives/{done['id']}"
    asked = await api("ada").post(f"{path}/undo")
    assert (asked.status_code, asked.json()["undoneBy"]["name"]) == (202, "Ada Admin")

    async def undone() -> bool:
        return (await api("ada").get(path)).json()["state"] == "undone"

    await wait_until(undone, what="the undo to end")
    assert (await api("ada").get(path)).json()["undone"] == 5
    back = (await api("ada").get(f"{QUEUE}/tasks", params={"dead": "true"})).json()["items"]
    assert {task["id"] for task in back} == set(dead) - {taken["id"]}
    assert [each["id"] for each in (await api("ada").get(f"{QUEUE}/redrives")).json()["items"]] == [done["id"]]


async def test_a_redrive_belongs_to_its_queue(api: Api, dead: list[str]) -> None:
    await support.make_queue(api("ada"), OTHER)
    elsewhere = await redrive(api, {}, OTHER)
    assert elsewhere["matched"] == 0
    assert (await api("ada").get(f"{QUEUE}/redrives/{elsewhere['id']}")).status_code == 404
    assert (await api("ada").post(f"{QUEUE}/redrives/{elsewhere['id']}/undo")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {"color": "red"}}, "filter.color"),
        ({"ids": []}, "ids"),
        ({"ids": ["x"], "filter": {}}, ""),
        ({"ratePerSecond": 0}, "ratePerSecond"),
        ({"ratePerSecond": "fast"}, "ratePerSecond"),
    ],
)
async def test_an_order_that_says_something_wrong_names_it(
    api: Api, queue: str, body: dict[str, Any], field: str
) -> None:
    answer = await api("ada").post(f"{queue}/redrive", json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field])
    assert (await api("ada").get(f"{queue}/redrives")).json()["items"] == []
