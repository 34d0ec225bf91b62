"""Hot routes are answered without the framework when a request is good, and by it when it is not."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Query
from starlette.types import ASGIApp, Receive, Scope, Send

from api import lean
from tests.support import api as support
from tests.support.api import QUEUE, Api

NOTHING = "/api/v1/tasks/01890000-0000-7000-8000-000000000000"


@pytest.fixture
def passed_on(api: Api) -> Iterator[list[str]]:
    """The paths of requests that went on to FastAPI."""
    envelope: Any = api.app.middleware_stack
    paths: list[str] = []
    inner: ASGIApp = envelope._app

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await inner(scope, receive, send)

    envelope._app = noting
    yield paths
    envelope._app = inner


async def test_the_life_of_a_task_never_meets_the_framework(api: Api, queue: str, passed_on: list[str]) -> None:
    passed_on.clear()
    key = {"Idempotency-Key": "lean-1"}
    made = await api("sub").post(f"{QUEUE}/tasks", json={"name": "x"}, headers=key)
    again = await api("sub").post(f"{QUEUE}/tasks", json={"name": "x"}, headers=key)
    assert (made.status_code, again.status_code, again.json()["id"]) == (201, 200, made.json()["id"])
    assert (await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": [{"name": "y"}]})).status_code == 200
    held = (await api("wim").post(f"{QUEUE}/claims", json={"max": 2})).json()["tasks"]
    fences = [{"id": task["id"], "execId": task["execId"], "action": "complete"} for task in held]
    assert (await api("wim").post("/api/v1/tasks/settle", json={"items": fences})).status_code == 200
    refused = await api("wim").post(f"{NOTHING}/complete", json={"execId": "e"})
    assert (refused.status_code, support.code(refused)) == (404, "not-found")
    assert passed_on == []


async def test_a_page_elsewhere_is_answered_alike(api: Api, queue: str, passed_on: list[str]) -> None:
    """Through the layers that it concerns."""
    origin = {"Origin": "https://tasks.example"}
    made = await api("sub").post(f"{QUEUE}/tasks", json={"name": "x"}, headers=origin)
    assert (made.status_code, made.json()["name"]) == (201, "x")
    refused = await api("sub").post(f"{QUEUE}/tasks", json={"name": 7}, headers=origin)
    assert (refused.status_code, support.fields(refused)) == (400, ["name"])
    assert passed_on == [f"{QUEUE}/tasks"] * 2


UNFIT: list[tuple[str, Any, dict[str, str], str]] = [
    (f"{QUEUE}/tasks", {"name": 7}, {}, "name"),
    (f"{QUEUE}/tasks", [], {}, ""),
    (f"{QUEUE}/tasks", {}, {"Idempotency-Key": ""}, "Idempotency-Key"),
    (f"{QUEUE}/claims", {"max": 0}, {}, "max"),
    (f"/api/v1/queues/{'x' * 60}/y/tasks", {}, {}, "namespace"),
]


@pytest.mark.parametrize(
    ("path", "body", "header", "place"),
    UNFIT,
)
async def test_what_does_not_fit_is_refused_by_the_framework(
    api: Api, queue: str, passed_on: list[str], *, path: str, body: object, header: dict[str, str], place: str
) -> None:
    answer = await api("wim" if path.endswith("claims") else "sub").request("POST", path, json=body, headers=header)
    assert (answer.status_code, support.code(answer)) == (400, "invalid"), answer.text
    assert passed_on == [path]
    assert any(place.lower() in field.lower() for field in [*support.fields(answer), answer.json()["detail"]])


def test_a_handler_that_needs_more_is_no_lean_one() -> None:
    async def handler(page: Annotated[int, Query()]) -> None:
        del page

    with pytest.raises(TypeError, match="page"):
        lean.Lean("/x", handler)
