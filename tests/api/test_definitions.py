"""Definitions over HTTP: made, read, changed, removed; each refusal with its place; every version readable."""

import asyncio
from typing import Any

import pytest

from tests.support import api as support
from tests.support.api import QUEUE, Api

SCAN = "/api/v1/definitions/reports/scan"
KEY = "intake:strike-reports"


async def test_a_definition_has_aidboxs_limits_unless_it_says_otherwise(api: Api, queue: str) -> None:
    made = await api("ada").put(SCAN, json={"queue": KEY})
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, SCAN, '"1"')
    body = made.json()
    assert (body["name"], body["queue"], body["version"]) == ("reports/scan", KEY, 1)
    assert (body["startTimeoutSeconds"], body["leaseSeconds"], body["overallTimeoutSeconds"]) == (10, 120, None)
    assert body["retry"]["maxAttempts"] == 2
    assert body["retry"]["backoff"]["initialSeconds"] == 10
    assert body["target"] == {"kind": "worker"}
    assert (await api("ada").get(SCAN)).json() == body


async def test_a_put_gives_exactly_these_settings(api: Api, queue: str) -> None:
    full = {
        "queue": KEY,
        "description": "Look it over",
        "paramsSchema": {"type": "object", "required": ["airport"]},
        "resultSchema": {"type": "object"},
        "errorSchema": {"type": "string"},
        "priority": "high",
        "leaseSeconds": None,
        "startTimeoutSeconds": 2.5,
        "overallTimeoutSeconds": 60,
        "retry": {"maxAttempts": 4, "backoff": {"kind": "exponential", "initialSeconds": 1, "maxSeconds": 9}},
        "target": {"kind": "http", "url": "https://example.org/scan", "headers": {"X-Key": "k"}, "secretRef": "scan"},
    }
    body = (await api("ada").put(SCAN, json=full)).json()
    for name in ("description", "paramsSchema", "resultSchema", "errorSchema", "priority", "leaseSeconds"):
        assert body[name] == full[name]
    assert (body["target"]["url"], body["target"]["headers"]) == ("https://example.org/scan", {"X-Key": "k"})
    bare = await api("ada").put(SCAN, json={"queue": KEY})
    assert (bare.status_code, bare.json()["version"], bare.json()["priority"]) == (200, 2, None)
    assert "description" not in bare.json()


async def test_a_patch_changes_what_it_names(api: Api, queue: str) -> None:
    await api("ada").put(SCAN, json={"queue": KEY, "description": "one", "retry": {"maxAttempts": 7}})
    answer = await api("ada").patch(SCAN, json={"description": None, "retry": {"backoff": {"initialSeconds": 3}}})
    body = answer.json()
    assert "description" not in body
    assert (body["retry"]["maxAttempts"], body["retry"]["backoff"]["initialSeconds"]) == (7, 3)


async def test_every_version_stays_readable(api: Api, queue: str) -> None:
    ada = api("ada")
    for number in range(3):
        await ada.put(SCAN, json={"queue": KEY, "description": f"number {number}"})
    assert (await ada.get(SCAN, params={"version": 2})).json()["description"] == "number 1"
    gone = await ada.get(SCAN, params={"version": 9})
    assert (gone.status_code, support.code(gone)) == (404, "not-found")
    page = (await ada.get("/api/v1/definition-versions/reports/scan", params={"limit": 1})).json()
    assert ([each["version"] for each in page["items"]], page["next"]) == ([2], "2")
    rest = (await ada.get("/api/v1/definition-versions/reports/scan", params={"before": page["next"]})).json()
    assert ([each["version"] for each in rest["items"]], rest["next"]) == ([1], None)
    await ada.delete(SCAN)
    assert (await ada.put(SCAN, json={"queue": KEY})).json()["version"] == 4


async def test_changes_are_conditional(api: Api, queue: str) -> None:
    ada = api("ada")
    await ada.put(SCAN, json={"queue": KEY}, headers={"If-None-Match": "*"})
    assert (await ada.put(SCAN, json={"queue": KEY}, headers={"If-None-Match": "*"})).status_code == 412
    assert (await ada.get(SCAN, headers={"If-None-Match": '"1"'})).status_code == 304
    assert (await ada.put(SCAN, json={"queue": KEY}, headers={"If-Match": '"1"'})).json()["version"] == 2
    for call in (
        ada.put(SCAN, json={"queue": KEY}, headers={"If-Match": '"1"'}),
        ada.patch(SCAN, json={"description": "late"}, headers={"If-Match": '"1"'}),
        ada.delete(SCAN, headers={"If-Match": '"1"'}),
    ):
        assert (await call).status_code == 412
    assert (await ada.get(SCAN)).json()["version"] == 2


async def test_racing_changes_lose_none(api: Api, queue: str) -> None:
    ada = api("ada")
    answers = await asyncio.gather(*(ada.put(SCAN, json={"queue": KEY, "description": str(n)}) for n in range(10)))
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 11))
    assert sum(answer.status_code == 201 for answer in answers) == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "queue"),
        ({"queue": "nowhere"}, "queue"),
        ({"queue": "intake:nothing"}, "queue"),
        ({"queue": KEY, "paramsSchema": {"type": "objekt"}}, "paramsSchema"),
        ({"queue": KEY, "resultSchema": {"$ref": "https://example.org/x"}}, "resultSchema"),
        ({"queue": KEY, "retry": {"maxAttempts": 0}}, "retry.maxAttempts"),
        ({"queue": KEY, "leaseSeconds": -1}, "leaseSeconds"),
        ({"queue": KEY, "concurrency": {"limit": 0}}, "concurrency.limit"),
        ({"queue": KEY, "concurrency": {"limit": 1, "key": [""]}}, "concurrency.key.0"),
        ({"queue": KEY, "concurrency": {"limit": 1}, "leaseSeconds": None}, ""),
        ({"queue": KEY, "target": {"kind": "http"}}, "target.http.url"),
        ({"queue": KEY, "target": {"kind": "pigeon"}}, "target"),
        ({"queue": KEY, "retries": 3}, "retries"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(api: Api, queue: str, body: Any, place: str) -> None:
    answer = await api("ada").put(SCAN, json=body)
    assert answer.status_code == 400
    assert place in support.fields(answer)
    assert (await api("ada").get(SCAN)).status_code == 404


async def test_a_patch_is_refused_with_its_place_too(api: Api, queue: str) -> None:
    await api("ada").put(SCAN, json={"queue": KEY})
    nul = await api("ada").patch(SCAN, json={"\0": 1})
    assert (nul.status_code, support.code(nul)) == (400, "invalid")
    answer = await api("ada").patch(SCAN, json={"retry": {"maxAttempts": "many"}})
    assert (answer.status_code, support.fields(answer)) == (400, ["retry.maxAttempts"])


async def test_names_of_built_in_tasks_are_for_these(api: Api, queue: str) -> None:
    path = "/api/v1/definitions/awf.task/wait"
    answer = await api("ada").put(path, json={"queue": KEY})
    assert (answer.status_code, support.fields(answer)) == (400, ["name"])
    built_in = {"queue": KEY, "target": {"kind": "builtin", "name": "awf.task/wait"}}
    assert (await api("ada").put(path, json=built_in)).status_code == 201


async def test_a_definition_stays_with_its_queue(api: Api, queue: str) -> None:
    ada = api("ada")
    await support.make_queue(ada, "/api/v1/queues/intake/other")
    await ada.put(SCAN, json={"queue": KEY})
    answer = await ada.put(SCAN, json={"queue": "intake:other"})
    assert (answer.status_code, support.code(answer)) == (409, "conflict")


async def test_open_tasks_keep_their_definition(api: Api, queue: str) -> None:
    ada = api("ada")
    await ada.put(SCAN, json={"queue": KEY, "paramsSchema": {"type": "object", "required": ["airport"]}})
    refused = await api("sub").post(f"{QUEUE}/tasks", json={"definition": "reports/scan", "params": {}})
    assert (refused.status_code, support.code(refused)) == (422, "payload-mismatch")
    task = await support.submit(api("sub"), definition="reports/scan", params={"airport": "YEG"})
    kept = await ada.delete(SCAN)
    assert (kept.status_code, support.code(kept), kept.json()["open"]) == (409, "queue-not-empty", 1)
    await ada.post(f"/api/v1/tasks/{task['id']}/cancel", json={"mode": "now"})
    assert (await ada.delete(SCAN)).status_code == 204
    unknown = await api("sub").post(f"{QUEUE}/tasks", json={"definition": "reports/scan"})
    assert unknown.status_code == 404


async def test_a_list_shows_what_concerns_the_caller(api: Api, queue: str) -> None:
    ada = api("ada")
    await ada.put("/api/v1/queues/back/office", json={})
    for name, key in (("a", KEY), ("b", "back:office"), ("c/d", KEY)):
        await ada.put(f"/api/v1/definitions/{name}", json={"queue": key})

    async def names(user: str, **query: str) -> list[str]:
        page = (await api(user).get("/api/v1/definitions", params=query)).json()
        return [each["name"] for each in page["items"]]

    assert await names("ada") == ["a", "b", "c/d"]
    assert await names("wim") == ["a", "c/d"]
    assert await names("nil") == []
    assert await names("ada", queue="back:office") == ["b"]
    first = (await ada.get("/api/v1/definitions", params={"limit": 2})).json()
    assert first["next"] == "b"
    assert await names("ada", after=first["next"]) == ["c/d"]


async def test_a_concurrency_limit_holds_for_each_value_and_shows_how_it_stands(api: Api, queue: str) -> None:
    ada, wim = api("ada"), api("wim")
    await ada.put(SCAN, json={"queue": KEY, "concurrency": {"limit": 2, "key": ["airport"]}})
    for airport in ("KBOS", "KBOS", "KBOS", "KJFK"):
        await support.submit(api("sub"), definition="reports/scan", params={"airport": airport})
    first, second = [task for task in await support.claim(wim, max=10) if task["params"]["airport"] == "KBOS"]
    assert await support.claim(wim, max=10) == []
    shown = (await api("sub").get("/api/v1/definition-places/reports/scan")).json()
    assert shown == {
        "limit": 2,
        "key": ["airport"],
        "total": 2,
        "items": [{"value": "KBOS", "held": 2, "waiting": 1}, {"value": "KJFK", "held": 1, "waiting": 0}],
    }
    waiting = (await ada.get(f"{QUEUE}/tasks?state=ready")).json()["items"]
    refused = await wim.post(f"/api/v1/tasks/{waiting[0]['id']}/start", json={})
    assert (refused.status_code, support.code(refused), refused.json()["limit"]) == (409, "limit-reached", 2)
    await wim.post(f"/api/v1/tasks/{first['id']}/complete", json={"execId": first["execId"]})
    (third,) = await support.claim(wim, max=10)
    assert third["params"]["airport"] == "KBOS"
    answer = await wim.post(f"/api/v1/tasks/{second['id']}/fail", json={"execId": second["execId"], "error": "no"})
    assert answer.status_code == 200
    places = (await ada.get("/api/v1/definition-places/reports/scan?limit=1")).json()
    assert [(each["value"], each["held"]) for each in places["items"]] == [("KBOS", 1)]


async def test_a_definition_without_a_limit_has_no_places(api: Api, queue: str) -> None:
    await api("ada").put(SCAN, json={"queue": KEY})
    shown = (await api("ada").get("/api/v1/definition-places/reports/scan")).json()
    assert shown == {"limit": None, "key": [], "total": 0, "items": []}
    assert (await api("ada").get("/api/v1/definition-places/no/such")).status_code == 404


async def test_many_claimers_at_once_never_hold_more_than_the_limit(api: Api, queue: str) -> None:
    await api("ada").put(SCAN, json={"queue": KEY, "concurrency": {"limit": 2, "key": ["airport"]}})
    items = [{"definition": "reports/scan", "params": {"airport": f"K{n % 3}"}} for n in range(60)]
    await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": items})
    held: dict[str, set[str]] = {"K0": set(), "K1": set(), "K2": set()}
    done: set[str] = set()

    async def work() -> None:
        while len(done) < 60:
            for task in await support.claim(api("wim"), max=3, waitSeconds=1):
                mine = held[task["params"]["airport"]]
                mine.add(task["id"])
                assert len(mine) <= 2
                assert task["id"] not in done
                await asyncio.sleep(0)
                mine.discard(task["id"])
                done.add(task["id"])
                await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json={"execId": task["execId"]})

    await asyncio.gather(*(work() for _ in range(8)))
    assert len(done) == 60
