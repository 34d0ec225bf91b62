"""Bad input: a problem of its own type that names the field, and nothing changed."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import api as support
from tests.support.api import QUEUE, Api

TASKS = f"{QUEUE}/tasks"
NAMELESS = "/api/v1/tasks/none"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"name": "x"', "truncated"),
        (b'{"name": NaN}', "byte 9"),
        (b'{"a": 1} x', "trailing"),
        (b'{"name": "\\ud800"}', ""),
        (b'{"name": "\xff"}', ""),
        (b"[" * 100_000, "deep"),
        (b'{"params": 1e999}', "range"),
    ],
)
async def test_malformed_json_is_refused_with_its_place(api: Api, queue: str, body: bytes, place: str) -> None:
    answer = await api("sub").post(TASKS, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, support.code(answer)) == (400, "invalid")
    assert place in answer.json()["errors"][0]["message"]
    await nothing_submitted(api)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nmae": "x"}, "nmae"),
        ({"state": "done"}, "state"),
        ({"tenant": "acme"}, "tenant"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "createdAt"),
        ({"name": 1}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"labels": "a"}, "labels"),
        ({"labels": ["x" * 101]}, "labels.0"),
        ({"labels": ["x"] * 51}, "labels"),
        ({"priority": "top"}, "priority"),
        ({"priority": 3}, "priority"),
        ({"delaySeconds": "5"}, "delaySeconds"),
        ({"delaySeconds": -1}, "delaySeconds"),
        ({"delaySeconds": True}, "delaySeconds"),
        ({"delaySeconds": 1e12}, "delaySeconds"),
        ({"leaseSeconds": 0}, "leaseSeconds"),
        ({"retry": {"maxAttempts": 0}}, "retry.maxAttempts"),
        ({"retry": {"maxAttempts": 1.5}}, "retry.maxAttempts"),
        ({"retry": {"backoff": {"kind": "linear"}}}, "retry.backoff.kind"),
        ({"retry": {"backoff": {"jitter": 2}}}, "retry.backoff.jitter"),
        ({"executeAt": "tomorrow"}, "executeAt"),
        ({"executeAt": 1_700_000_000}, "executeAt"),
        ({"executeAt": "1700000000"}, "executeAt"),
        ({"executeAt": "2026-01-01T00:00:00"}, "executeAt"),
        ({"executeAt": "9999-12-31T23:59:59Z"}, "executeAt"),
        ({"executeAt": "2099-01-01T00:00:00Z", "delaySeconds": 1}, ""),
        ({"params": {"n": 2**63}}, "params"),
        ({"params": {"a\0b": 1}}, "params"),
        ({"params": {"$ref": "x", "$id": 1}}, "params"),
        ({"params": {"a": [[[{"$id": 1, "$ref": "x"}]]]}}, "params"),
        ({"context": [1]}, "context"),
        ({"definition": "../x"}, "definition"),
        ({"dedupKey": "x" * 201}, "dedupKey"),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
async def test_a_submit_that_says_something_wrong_names_it(api: Api, queue: str, body: Any, field: str) -> None:
    answer = await api("sub").post(TASKS, json=body)
    assert (answer.status_code, support.code(answer), support.fields(answer)) == (400, "invalid", [field])
    await nothing_submitted(api)


async def test_every_fault_is_named_at_once(api: Api, queue: str) -> None:
    answer = await api("sub").post(TASKS, json={"name": 1, "labels": [""], "x": 1})
    assert support.fields(answer) == ["name", "labels.0", "x"]
    assert "2 more" in answer.json()["detail"]


async def test_json_may_be_64_levels_deep(api: Api, queue: str) -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels - 1):
            value = {"a": value}
        return value

    deep = await api("sub").post(TASKS, json={"params": nested(64)})
    assert deep.status_code == 201
    assert (await api("sub").get(deep.headers["location"])).json()["params"] == nested(64)
    deeper = await api("sub").post(TASKS, json={"params": nested(65)})
    assert (deeper.status_code, support.fields(deeper)) == (400, ["params"])


@pytest.mark.parametrize("name", ["a.b", "a:b", "x" * 51, "ü", "%00", "a\n"])
async def test_a_queue_cannot_have_such_a_name(api: Api, name: str) -> None:
    answer = await api("ada").put(f"/api/v1/queues/intake/{quote(name, safe='%')}", json={})
    assert (answer.status_code, support.fields(answer)) == (400, ["name"])
    assert (await api("ada").get("/api/v1/queues")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max": 0}, "max"),
        ({"max": 1001}, "max"),
        ({"max": "1"}, "max"),
        ({"waitSeconds": 61}, "waitSeconds"),
        ({"worker": "x" * 201}, "worker"),
        ({"start": "yes"}, "start"),
        ({"definitions": []}, "definitions"),
        ({"count": 1}, "count"),
    ],
)
async def test_a_claim_that_says_something_wrong_names_it(api: Api, queue: str, body: Any, field: str) -> None:
    answer = await api("wim").post(f"{queue}/claims", json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field])


@pytest.mark.parametrize(
    ("call", "body", "fields"),
    [
        ("complete", {}, ["execId"]),
        ("complete", {"execId": "x", "error": 1}, ["error"]),
        ("complete", {"execId": 7}, ["execId"]),
        ("fail", {"execId": "x", "retryable": 1}, ["retryable"]),
        ("heartbeat", {"execId": "x", "progress": {"current": "3"}}, ["progress.current"]),
        ("cancel", {"mode": "later"}, ["mode"]),
        ("priority", {}, ["priority"]),
        ("start", {"execId": ""}, ["execId"]),
    ],
)
async def test_a_call_on_a_task_names_what_is_wrong(
    api: Api, queue: str, call: str, body: dict[str, Any], fields: list[str]
) -> None:
    task = await support.submit(api("sub"))
    user = "ann" if call in {"cancel", "priority"} else "wim"
    answer = await api(user).post(f"/api/v1/tasks/{task['id']}/{call}", json=body)
    assert (answer.status_code, support.fields(answer)) == (400, fields)


@pytest.mark.parametrize("body", [{}, {"to": "you"}, {"to": {"id": "x"}}, {"to": {"id": "x", "name": "y", "z": 1}}])
async def test_an_assignment_names_what_is_wrong(api: Api, queue: str, body: dict[str, Any]) -> None:
    task = await support.submit(api("sub"))
    answer = await api("ann").post(f"/api/v1/tasks/{task['id']}/assign", json=body)
    assert answer.status_code == 400
    assert all(field.startswith("to") for field in support.fields(answer))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"state": "open"}, "state.0"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"sort": "name"}, "sort"),
        ({"createdFrom": "1700000000"}, "createdFrom"),
        ({"color": "red"}, "color"),
        ({"dead": "perhaps"}, "dead"),
    ],
)
async def test_a_listing_that_asks_wrongly_names_it(api: Api, queue: str, params: dict[str, str], field: str) -> None:
    for path in (TASKS, "/api/v1/tasks"):
        answer = await api("ada").get(path, params=params)
        assert (answer.status_code, support.fields(answer)) == (400, [field])


@pytest.mark.parametrize("cursor", ["x", "e30", "WyJwbGFjZSJd", "ü", "W10="])
async def test_a_cursor_that_nobody_gave_is_refused(api: Api, queue: str, cursor: str) -> None:
    answer = await api("ada").get(TASKS, params={"after": cursor})
    assert (answer.status_code, support.code(answer), support.fields(answer)) == (400, "bad-cursor", ["after"])


async def test_a_cursor_of_another_order_is_refused(api: Api, queue: str) -> None:
    await api("sub").post(f"{TASKS}/batch", json={"tasks": [{"name": "a"}, {"name": "b"}]})
    cursor = (await api("ada").get(TASKS, params={"limit": 1})).json()["next"]
    answer = await api("ada").get(TASKS, params={"after": cursor, "sort": "-createdAt"})
    assert support.code(answer) == "bad-cursor"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_a_mebibyte_is_too_large(api: Api, queue: str, *, chunked: bool) -> None:
    content = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    answer = await api("sub").post(TASKS, content=pieces() if chunked else content)
    assert (answer.status_code, support.code(answer), answer.json()["limit"]) == (413, "too-large", 1024 * 1024)
    fits = await api("sub").post(TASKS, json={"params": "x" * (1024 * 1024 - 100)})
    assert fits.status_code == 201


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"]
)
async def test_json_is_json_whatever_it_is_called(api: Api, queue: str, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await api("sub").post(TASKS, content=b'{"name": "x"}', headers=headers)
    assert answer.status_code == 201


async def test_what_is_nowhere(api: Api) -> None:
    nowhere = await api("ada").get("/api/v2/queues")
    assert (nowhere.status_code, support.code(nowhere)) == (404, "not-found")
    method = await api("ada").put("/api/v1/tasks/none/complete", json={})
    assert (method.status_code, support.code(method), method.headers["allow"]) == (405, "method-not-allowed", "POST")
    foreign = await api("ada").get(NAMELESS)
    assert (foreign.status_code, support.code(foreign)) == (404, "not-found")
    assert (await api("ada").get("/api/v1/queues/")).status_code == 404


async def nothing_submitted(api: Api) -> None:
    """Nothing is on record, in no state."""
    states = {"state": ["waiting", "ready", "requested", "in-progress", "done"]}
    assert (await api("ada").get(TASKS, params=states)).json()["items"] == []


async def test_numbers_that_no_store_keeps_are_refused_wherever_json_is_free(api: Api, queue: str) -> None:
    """Found by requests made up from the document."""
    template = {"driver": "decisions", "queue": "intake:strike-reports", "description": 2**70}
    for method, path, body in (
        ("PUT", "/api/v1/flow-templates/big", template),
        ("POST", "/api/v1/records", {"what": 2**70}),
    ):
        answer = await api("ada").request(method, path, json=body)
        assert (answer.status_code, support.code(answer)) == (400, "invalid"), path
