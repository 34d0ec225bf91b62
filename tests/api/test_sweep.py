"""Every operation of the document as nobody, another tenant, without roles, expired, forged and re-signed."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import Response

from api import described, replies, routing
from tests.api import test_access
from tests.api.test_tenant_moves import export, owned
from tests.support import api as support
from tests.support import sweep
from tests.support.access import World
from tests.support.api import Api

world = test_access.world

MARK = "leak-7f3a91"
"""In everything of demo's that a caller could see: no answer to a stranger may hold it."""

OPEN = ("GET /task/v1/queues: 200", "GET /task/v1/queues/{namespace}/{name}: 200")
"""ADSP shows queues' names and roles to everybody of the tenant (contract adsp 4.2)."""


@pytest.fixture
async def things(api: Api, world: World) -> dict[str, str]:
    """What paths may be about, each really there in `demo`, with the mark in it."""
    ada = api("ada")
    await ada.patch(support.QUEUE, json={"description": MARK, "displayName": MARK})
    marked = await support.submit(api("sub"), name=MARK, params={"mark": MARK}, labels=[MARK])
    await ada.patch(f"/api/v1/definitions/{world.definition}", json={"description": MARK})
    await ada.patch(f"/api/v1/schedules/{world.schedule}", json={"description": MARK, "name": MARK})
    await ada.patch("/api/v1/tenants/demo", json={"displayName": MARK})
    job = {"id": "nightly", "name": MARK, "task": world.definition, "trigger": "interval", "hours": 1}
    await ada.post("/scheduler/jobs", json=job)
    return {
        "namespace": "intake",
        "name": "strike-reports",
        "task_id": marked["id"],
        "redrive_id": world.redrive,
        "schedule_id": world.schedule,
        "job_id": "nightly",
        "tenant": "demo",
        "definition": world.definition,
        "template": world.template,
        "flow_id": world.flow,
        "step": "decisions",
        "task_name": world.definition,
        "list_name": world.template,
        "list_id": world.flow,
        "event_name": "event",
        "stream": "tasks",
        "webhook_id": world.webhook,
        "delivery_id": world.delivery,
        "import_id": world.job,
        "trigger_id": world.trigger,
        **dict.fromkeys(("topic_id", "comment_id", "number"), "1"),
        "resource_id": marked["id"],
        "execution": f"{world.definition}/{marked['id']}",
        "filter_id": world.saved,
        "token": world.bulk,
    }


async def test_no_operation_answers_a_token_that_is_none(api: Api, things: dict[str, str]) -> None:
    before = await at_rest(api)
    assert await sweep.refused(api, support.document(), things) == []
    assert await at_rest(api) == before


@pytest.mark.parametrize("user", ["ada", "wim", "nil", "intake"])
async def test_no_operation_shows_or_changes_anything_of_another_tenant(
    api: Api, things: dict[str, str], user: str
) -> None:
    before = await at_rest(api)
    shown = await sweep.leaks(api(user, "acme"), support.document(), things, lambda text: MARK in text)
    assert shown == []
    assert await at_rest(api) == before


async def test_no_operation_shows_anything_to_who_has_no_role(api: Api, things: dict[str, str]) -> None:
    shown = await sweep.leaks(api("nil"), support.document(), things, lambda text: MARK in text)
    assert [each for each in shown if not each.startswith(OPEN)] == []


async def test_an_operator_who_names_no_tenant_sees_tenants_and_nothing_in_them(
    api: Api, things: dict[str, str]
) -> None:
    about = {**things, "tenant": "acme"}
    document: dict[str, Any] = {
        "paths": {path: of for path, of in support.document()["paths"].items() if path != "/api/v1/tenants"}
    }
    shown = await sweep.leaks(api("root"), document, about, lambda text: MARK in text)
    assert [each for each in shown if not each.startswith("GET /api/v1/audit")] == []


async def test_the_sweep_finds_a_route_that_forgets_its_guard(api: Api, things: dict[str, str]) -> None:
    """Criterion 3 says so: a new route without one fails it, whatever else was said about the route."""
    router = _app_with_a_hole(api.app)
    found = await sweep.refused(api, described.document(router), things)
    assert {each.partition(" as ")[0] for each in found} == {"GET /api/v1/forgotten/{task_id}"}
    stranger = api("nil", "acme")
    shown = await sweep.leaks(stranger, described.document(router), things, lambda text: MARK in text)
    assert len(shown) == 1


def _app_with_a_hole(app: FastAPI) -> FastAPI:
    async def forgotten(task_id: str) -> Response:
        """Tell everybody."""
        return replies.reply({"task": task_id, "params": MARK})

    route = routing.Plain(f"{routing.PREFIX}/forgotten/{{task_id}}", forgotten, methods=["GET"])
    app.router.routes.append(route)
    return app


async def at_rest(api: Api) -> list[dict[str, Any]]:
    """All that `demo` owns."""
    await api.parts.flows.flush()
    await api.parts.desk.flush()
    return owned(await export(api("ada")))
