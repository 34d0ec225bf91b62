"""Every route, as nobody, as a caller of another tenant, and in the wrong roles: none answers, and nothing changes."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from api import app as applications
from tests.support import access
from tests.support import api as support
from tests.support.access import Case, World
from tests.support.api import QUEUE, Api


def routes() -> Iterator[tuple[str, str]]:
    """All that the application answers to: method and path template."""
    app = applications.build(support.settings("mongodb://x", "amqp://x", "http://x", "x"))
    for route in app.routes:
        assert isinstance(route, APIRoute | Route), f"{route} is of a kind that this test does not know"
        for method in sorted(route.methods or ()):
            yield method, route.path


GUARDED = [route for route in routes() if route not in access.PUBLIC and not route[1].startswith(access.ELSEWHERE)]


@pytest.fixture
async def world(api: Api, queue: str) -> World:
    """What a route may be about, in `demo`."""
    await support.submit(api("sub"), name="held", priority="urgent")
    (held,) = await support.claim(api("wim"))
    redrive = (await api("ada").post(f"{queue}/redrive")).json()["id"]
    hourly = {"trigger": {"kind": "cron", "expression": "0 * * * *"}, "task": {"queue": "intake:strike-reports"}}
    schedule = (await api("ada").post("/api/v1/schedules", json=hourly)).json()["id"]
    ready = await support.submit(api("sub"), name="ready")
    definition = "reports/scan"
    await api("ada").put(f"/api/v1/definitions/{definition}", json={"queue": "intake:strike-reports"})
    await api("ada").put("/api/v1/secrets/strike-reports", json={"value": "x"})
    content = {"driver": "decisions", "queue": "intake:strike-reports"}
    await api("ada").put("/api/v1/flow-templates/reports/review", json=content)
    flow = (await api("sub").post("/api/v1/flows", json={"template": "reports/review"})).json()["id"]
    hook = (await api("ada").post("/api/v1/webhooks", json={"name": "x", "url": "http://127.0.0.1:1"})).json()["id"]
    await api("ada").post(f"/api/v1/webhooks/{hook}/test")
    (delivery,) = (await api("ada").get(f"/api/v1/webhooks/{hook}/deliveries")).json()["items"]
    link = {"url": "https://files.example.org/january.ndjson"}
    job = (await api("sub").post(f"{queue}/imports", json=link)).json()["id"]
    await api("ann").post(f"/api/v1/tasks/{ready['id']}/comments", json={"content": "Mine."})
    shared: dict[str, Any] = {"name": "Open ones", "shared": True, "wanted": {}}
    saved = (await api("ada").post("/api/v1/filters", json=shared)).json()["id"]
    normal = {"action": "priority", "priority": "normal", "ids": [ready["id"]]}
    bulk = (await api("ann").post("/api/v1/bulk-actions", json=normal)).json()["token"]
    selecting = {"selectBy": [{"getIn": ["key"], "value": "x"}], "task": {"queue": "intake:strike-reports"}}
    trigger = (await api("ada").post("/api/v1/triggers", json=selecting)).json()["id"]
    return World(
        saved=saved,
        bulk=bulk,
        ready=ready,
        held=held,
        redrive=redrive,
        schedule=schedule,
        definition=definition,
        template="reports/review",
        flow=flow,
        webhook=hook,
        delivery=delivery["id"],
        job=job,
        trigger=trigger,
    )


def test_no_case_is_of_a_route_that_is_gone() -> None:
    assert set(access.CASES) <= set(GUARDED)


@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
async def test_no_route_answers_the_wrong_caller(api: Api, world: World, route: tuple[str, str]) -> None:
    assert route in access.CASES, f"say in tests/support/access.py who may not {' '.join(route)}"
    case = access.CASES[route]
    before = await _state(api, world)

    nobody = await _call(api(None), route, case, world)
    assert nobody.status_code == 401
    for user in case.refused:
        refused = await _call(api(user), route, case, world)
        assert refused.status_code == 403, f"{user}: {refused.text}"
    for user in case.blind:
        blind = await _call(api(user), route, case, world)
        assert case.shows_nothing is not None
        assert case.shows_nothing(blind.json()), f"{user}: {blind.text}"
    for user in {case.right, "ada"} - {"root"}:
        foreign = await _call(api(user, "acme"), route, case, world)
        assert foreign.status_code in {case.foreign, 403} if case.shows_nothing else foreign.status_code == case.foreign
        if case.shows_nothing is not None and foreign.status_code < 300:
            assert case.shows_nothing(foreign.json()), foreign.text
    assert await _state(api, world) == before

    granted = await _call(api(case.right), route, case, world)
    assert granted.status_code < 300 or granted.status_code == 409, granted.text


@pytest.mark.parametrize("route", [each for each in GUARDED if each[1].startswith(access.NATIVE)], ids=" ".join)
async def test_no_route_looks_at_a_request_before_its_token(api: Api, route: tuple[str, str]) -> None:
    method, template = route
    path = re.sub(r"\{\w+(:path)?\}", "%00", template)
    answer = await api(None).request(method, path, content=b"{" if method in {"POST", "PUT", "PATCH"} else None)
    assert (answer.status_code, support.code(answer)) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def _call(client: httpx.AsyncClient, route: tuple[str, str], case: Case, world: World) -> httpx.Response:
    method, template = route
    path = template.replace(":path}", "}").format(
        namespace="intake",
        name="strike-reports",
        task_id=(world.held if case.held else world.ready)["id"],
        redrive_id=world.redrive,
        schedule_id=world.schedule,
        tenant="demo",
        definition=world.definition,
        template=world.template,
        flow_id=world.flow,
        step="decisions",
        filter_id=world.saved,
        number=1,
        token=world.bulk,
        webhook_id=world.webhook,
        delivery_id=world.delivery,
        import_id=world.job,
        trigger_id=world.trigger,
    )
    return await client.request(method, path + case.query, json=case.body(world), headers=case.headers)


async def _state(api: Api, world: World) -> list[Any]:
    """All that a refused call could have changed in `demo`."""
    ada, root = api("ada"), api("root")
    paths = [QUEUE, f"{QUEUE}/redrives", f"{QUEUE}/tasks?state=ready&state=in-progress&state=done", "/api/v1/queues"]
    paths += ["/api/v1/definitions", f"/api/v1/definition-versions/{world.definition}"]
    paths += ["/api/v1/webhooks", f"/api/v1/webhooks/{world.webhook}/deliveries"]
    paths += ["/api/v1/filters", "/api/v1/secrets", "/api/v1/imports", f"/api/v1/imports/{world.job}"]
    paths += ["/api/v1/triggers", f"/api/v1/triggers/{world.trigger}/runs"]
    paths.append(f"/api/v1/tasks/{world.ready['id']}/comments")
    paths += ["/api/v1/flow-templates", "/api/v1/flows", f"/api/v1/flows/{world.flow}"]
    paths += ["/api/v1/schedules", "/api/v1/scheduler", f"/api/v1/schedules/{world.schedule}/firings"]
    tenants = await root.get("/api/v1/tenants")
    return [tenants.json(), *[(await ada.get(path)).json() for path in paths]]
