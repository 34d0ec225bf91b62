"""A refusal says what to do: the field that was meant, those that there are, what a body must be."""

from typing import Any

import pytest

from tests.support.api import QUEUE, Api

TASKS = f"{QUEUE}/tasks"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (TASKS, {"parms": {}}, "parms: there is no such field; did you mean 'params'?"),
        (TASKS, {"Priority": "high"}, "Priority: there is no such field; did you mean 'priority'?"),
        (TASKS, {"retry": {"maxAttemps": 2}}, "retry.maxAttemps: there is no such field; did you mean 'maxAttempts'?"),
        (TASKS, {"retry": {"x": 2}}, "retry.x: there is no such field; there are backoff, maxAttempts"),
        (TASKS, {"state": "done"}, "state: there is no such field"),
        (TASKS, None, "a body is needed: a JSON object"),
        (TASKS, [], "must be a JSON object"),
        (f"{TASKS}/batch", {}, "tasks: is required"),
        (TASKS, {"labels": "a", "priority": "top"}, "labels: Input should be a valid list (and 1 more)"),
    ],
)
async def test_a_wrong_body_is_told_what_was_meant(api: Api, queue: str, path: str, body: Any, says: str) -> None:
    answer = await api("sub").post(path, content=b"") if body is None else await api("sub").post(path, json=body)
    assert (answer.status_code, answer.json()["detail"]) == (400, says)


async def test_a_wrong_item_of_a_batch_is_told_too(api: Api, queue: str) -> None:
    answer = await api("sub").post(f"{TASKS}/batch", json={"tasks": [{"nmae": "x"}]})
    assert answer.json()["results"][0]["problem"]["detail"] == "nmae: there is no such field"


async def test_a_wrong_patch_is_told_what_was_meant(api: Api, queue: str) -> None:
    answer = await api("ada").patch(QUEUE, json={"defaults": {"leaseSecond": 5}})
    assert answer.json()["detail"] == "defaults.leaseSecond: there is no such field; did you mean 'leaseSeconds'?"


async def test_a_wrong_parameter_is_told_what_was_meant(api: Api, queue: str) -> None:
    answer = await api("ada").get("/api/v1/tasks?recordid=7")
    assert answer.json()["detail"] == "recordid: there is no such parameter; did you mean 'recordId'?"


async def test_an_unknown_path_is_told_where_the_known_ones_are(api: Api) -> None:
    answer = await api("ada").get("/api/v1/que")
    assert (answer.status_code, answer.json()["detail"].rpartition("; ")[2]) == (
        404,
        "/api/v1/openapi.json has those that there are.",
    )
