"""A tenant goes and comes back: exported, deleted with all that it owns, made again, imported, and equal."""

import asyncio
import json
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from broker.timekeeper import Timekeeper
from core import ids
from core.tenant import TenantState
from store import estate
from store.arrivals import LASTS, Arrival, Arrivals
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

DEMO = "/api/v1/tenants/demo"


async def furnish(api: Api) -> None:
    """Something in many collections, of `demo`."""
    await support.make_queue(api("ada"))
    task = await support.submit(api("sub"), params={"b": 1, "a": [1.5, None, "ü"]}, executeAt="2100-01-01T00:00:00Z")
    await support.submit(api("sub"), name="done", priority="urgent")
    (held,) = await support.claim(api("wim"))
    await api("wim").post(f"/api/v1/tasks/{held['id']}/complete", json={"execId": held["execId"], "result": {"x": 1}})
    await support.submit(api("sub"), name="held", priority="high")
    assert await support.claim(api("wim"))
    await support.submit(api("sub"), name="ready")
    hourly = {"trigger": {"kind": "cron", "expression": "0 * * * *"}, "task": {"queue": "intake:strike-reports"}}
    assert (await api("ada").post("/api/v1/schedules", json=hourly)).status_code == 201
    for changed in ("one", "other"):
        body = {"queue": "intake:strike-reports", "description": changed}
        await api("ada").put("/api/v1/definitions/reports/scan", json=body)
    await api("ada").put("/api/v1/secrets/strike-reports", json={"value": "never-to-be-seen"})
    content = {"driver": "decisions", "queue": "intake:strike-reports"}
    await api("ada").put("/api/v1/flow-templates/reports/review", json=content)
    assert (await api("sub").post("/api/v1/flows", json={"template": "reports/review"})).status_code == 201
    await api("ada").post(f"{QUEUE}/redrive")
    await api("ada").post("/api/v1/scheduler/pause")
    await api("ada").patch(DEMO, json={"policyUrl": "https://policy.example/", "displayName": "Demo"})
    await api("sub").get(f"/api/v1/tasks/{task['id']}")
    # What is noted behind the answers is noted now.
    await api.parts.flows.flush()
    await api.parts.desk.flush()


async def export(client: httpx.AsyncClient, tenant: str = "demo") -> list[dict[str, Any]]:
    """The lines of an export."""
    answer = await client.get(f"/api/v1/tenants/{tenant}/export")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def owned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents of an export, but for the trail of the export itself."""
    return [line for line in lines[1:-1] if line["collection"] not in estate.TRAIL]


async def put_back(client: httpx.AsyncClient, lines: list[dict[str, Any]], tenant: str = "demo") -> httpx.Response:
    """Import these lines, written otherwise: with a closing line that has no digest, therefore."""
    if "end" in lines[-1]:
        lines = lines[:-1]
    counts = Counter(line["collection"] for line in lines[1:] if "collection" in line)
    return await post(client, [*lines, {"end": {"documents": counts}}], tenant)


async def post(client: httpx.AsyncClient, lines: list[dict[str, Any]], tenant: str = "new") -> httpx.Response:
    """Import these lines as they are."""
    body = "".join(json.dumps(line) + "\n" for line in lines)
    return await client.post(f"/api/v1/tenants/{tenant}/import", content=body)


async def gone(api: Api, tenant: str = "demo") -> None:
    """Return when the tenant is erased."""

    async def missing() -> bool:
        return (await api("root").get(f"/api/v1/tenants/{tenant}")).status_code == 404

    await wait_until(missing, what=f"tenant {tenant} is erased")


async def test_exported_deleted_imported_again_and_equal(api: Api) -> None:
    await furnish(api)
    lines = await export(api("ada"))
    assert (lines[0]["tenant"], lines[0]["settings"]["displayName"]) == ("demo", "Demo")
    held = {line["collection"] for line in lines[1:-1]}
    assert lines[-1]["end"]["documents"] == Counter(line["collection"] for line in lines[1:-1])
    assert held >= {"queues", "tasks", "schedules", "definitions", "definitionVersions", "flowTemplates", "flows"}
    assert held >= {"redrives", "halts"}
    assert "never-to-be-seen" not in json.dumps(lines)

    assert (await api("root").delete(DEMO, params={"graceSeconds": 0})).status_code == 202
    assert (await api("ada").get("/api/v1/me")).status_code in {401, 403}
    await gone(api)
    database = api.parts.record.database
    for name in await database.list_collection_names():
        assert await database[name].find_one({"tenant": "demo"}) is None, name

    body = {"issuer": api.tokens.issuer_of("demo")}
    assert (await api("root").put(DEMO, json=body)).status_code == 201
    assert owned(await export(api("root"))) == []
    answer = await put_back(api("root"), lines)
    assert answer.status_code == 200, answer.text
    assert answer.json()["documents"]["tasks"] == len([1 for line in lines if line.get("collection") == "tasks"])
    again = await export(api("ada"))
    assert owned(again) == owned(lines)
    assert again[0]["settings"] == lines[0]["settings"]
    # The one that was ready has a ticket due at once, so nobody has to notice that RabbitMQ lost its lanes.
    ready = await database["tasks"].find_one({"tenant": "demo", "name": "ready"})
    assert ready is not None
    assert "ticketDue" in ready
    assert (await put_back(api("root"), lines)).status_code == 409


async def test_only_the_deleted_tenant_is_erased(api: Api) -> None:
    await furnish(api)
    await support.make_queue(api("ada", "acme"))
    await support.submit(api("sub", "acme"), name="mine")
    await api("root").put("/api/v1/tenants/demo-2", json={"issuer": "http://127.0.0.1:1/realms/demo-2"})
    before = await export(api("ada", "acme"), "acme")
    await api("root").delete(DEMO, params={"graceSeconds": 0})
    await gone(api)
    assert owned(await export(api("ada", "acme"), "acme")) == owned(before)
    assert (await api("root").get("/api/v1/tenants/demo-2")).status_code == 200


async def test_a_deletion_can_be_taken_back_until_its_grace_is_over(api: Api) -> None:
    await furnish(api)
    before = await export(api("ada"))
    deleted = await api("root").delete(DEMO)
    assert (deleted.status_code, deleted.json()["state"]) == (202, "deleting")
    assert "eraseAt" in deleted.json()
    for method, path in (("GET", "/api/v1/me"), ("GET", QUEUE), ("POST", f"{QUEUE}/claims"), ("GET", f"{DEMO}/export")):
        answer = await api("ada").request(method, path)
        assert (answer.status_code, support.code(answer)) == (403, "forbidden"), path
        assert answer.json()["tenantState"] == "deleting"
    assert owned(await export(api("root"))) == owned(before)
    back = await api("root").patch(DEMO, json={"state": "active"})
    assert (back.json()["state"], "eraseAt" in back.json()) == ("active", False)
    assert (await api("ada").get(QUEUE)).status_code == 200
    assert (await api("root").patch(DEMO, json={"state": "deleting"})).status_code == 400
    assert (await api("root").delete("/api/v1/tenants/core")).status_code == 409
    assert (await api("root").delete("/api/v1/tenants/none")).status_code == 404
    assert (await api("root").delete(DEMO, headers={"If-Match": '"1"'})).status_code == 412


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"penstock": 3, "tenant": "new"}], "version 3"),
        ([{"penstock": 1, "tenant": "acme"}], "tenant acme"),
        ([{"tenant": "new"}], "Line 1"),
        ([{"penstock": 1, "tenant": "new"}, {"collection": "queues"}], "Line 2"),
        ([{"penstock": 1, "tenant": "new"}, {"collection": "tenants", "document": {"_id": "new/x"}}], "tenants"),
        ([{"penstock": 1, "tenant": "new"}, {"collection": "secrets", "document": {"_id": "new/x"}}], "secrets"),
        (
            [
                {"penstock": 1, "tenant": "new"},
                {"collection": "queues", "document": {"_id": "new/a:b", "tenant": "new"}},
                {"collection": "queues", "document": {"_id": "demo/a:b", "tenant": "demo"}},
            ],
            "not of the tenant",
        ),
        (
            [
                {"penstock": 1, "tenant": "new"},
                {"collection": "queues", "document": {"_id": "demo/a:b", "tenant": "new"}},
            ],
            "not of the tenant",
        ),
        (
            [
                {"penstock": 1, "tenant": "new", "settings": {"displayName": "New"}},
                {"collection": "tasks", "document": {"_id": "new/1", "tenant": "new", "state": "nowhere"}},
            ],
            "a task that is none",
        ),
        ([{"penstock": 1, "tenant": "new", "settings": {"policyUrl": "x"}}], "settings"),
    ],
)
async def test_what_is_no_export_of_the_tenant_is_refused_and_leaves_nothing(
    api: Api, lines: list[dict[str, Any]], said: str
) -> None:
    await api("root").put("/api/v1/tenants/new", json={"issuer": "http://127.0.0.1:1/realms/new"})
    answer = await put_back(api("root"), lines, "new")
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["detail"]
    assert await estate.Estate(api.parts.record.database).is_empty("new")


async def test_every_document_names_its_tenant_in_field_and_id(api: Api) -> None:
    """What the erasure and the export go by, whatever collections there will be."""
    await furnish(api)
    database = api.parts.record.database
    for name in await database.list_collection_names():
        if name in estate.PLATFORM:
            continue
        async for row in database[name].find({}):
            tenant = row.get("tenant")
            assert tenant in {"demo", "core"}, (name, row)
            assert row["_id"] == tenant or row["_id"].startswith(f"{tenant}/"), (name, row["_id"])


async def test_a_suspended_tenant_can_be_read_and_exported_not_changed(api: Api) -> None:
    await furnish(api)
    await api("root").patch(DEMO, json={"state": "suspended"})
    assert owned(await export(api("ada")))
    assert (await api("ada").get(QUEUE)).status_code == 200
    refused = await api("sub").post(f"{QUEUE}/tasks", json={})
    assert (refused.status_code, support.code(refused)) == (403, "forbidden")


async def test_what_was_held_when_its_tenant_was_suspended_comes_back_with_no_attempt_spent(
    api: Api, queue: str
) -> None:
    parts = api.parts
    keeper = Timekeeper(
        parts.record.sweeps, parts.desk, parts.directory, parts.places, clock=parts.clock, dice=random.Random(1)
    )
    task = await support.submit(api("sub"), queue, leaseSeconds=1, retry={"maxAttempts": 1})
    (held,) = await support.claim(api("wim"), queue)
    await api("root").patch(DEMO, json={"state": "suspended"})
    for end in ("heartbeat", "complete"):
        refused = await api("wim").post(f"/api/v1/tasks/{task['id']}/{end}", json={"execId": held["execId"]})
        assert (refused.status_code, refused.json()["tenantState"]) == (403, "suspended"), end

    async def told() -> bool:
        return await parts.directory.tenant_state("demo") is TenantState.SUSPENDED

    await wait_until(told, what="the directory knows")

    async def back() -> bool:
        await keeper.step()
        return (await api("wim").get(f"/api/v1/tasks/{task['id']}")).json()["state"] != "in-progress"

    await wait_until(back, what="the lease has run out")
    await keeper.close()
    assert (await api("wim").get(f"/api/v1/tasks/{task['id']}")).json()["state"] == "ready"
    row = await parts.record.database["tasks"].find_one({"_id": f"demo/{task['id']}"})
    assert row is not None
    assert "tenant-suspended" in repr(row["lastEvent"])
    await api("root").patch(DEMO, json={"state": "active"})
    (again,) = await support.claim(api("wim"), queue, waitSeconds=20)
    assert again["id"] == task["id"]
    done = await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json={"execId": again["execId"]})
    assert done.status_code == 200, done.text


async def test_a_worker_that_waited_while_its_tenant_was_suspended_gets_nothing(api: Api, queue: str) -> None:
    waiting = asyncio.create_task(api("wim").post(f"{queue}/claims", json={"waitSeconds": 20}))
    await support.somebody_waits(api)
    await api("root").patch(DEMO, json={"state": "suspended"})
    as_operator = {"Penstock-Tenant": "demo"}
    made = await api("root").post(f"{queue}/tasks", json={"name": "late"}, headers=as_operator)
    assert made.status_code == 201, made.text
    refused = await waiting
    assert (refused.status_code, support.code(refused)) == (403, "forbidden")
    assert refused.json()["tenantState"] == "suspended"
    task = (await api("root").get(f"/api/v1/tasks/{made.json()['id']}", headers=as_operator)).json()
    assert task["state"] == "ready", "it was given back"


async def test_a_file_that_was_cut_off_is_refused_wherever_it_ends_and_leaves_nothing(api: Api) -> None:
    await furnish(api)
    whole = (await api("ada").get(f"{DEMO}/export")).content
    lines = whole.splitlines(keepends=True)
    await api("root").delete(DEMO, params={"graceSeconds": 0})
    await gone(api)
    await api("root").put(DEMO, json={"issuer": api.tokens.issuer_of("demo")})
    database = api.parts.record.database
    cuts = {
        b"".join(lines[:1]): "closing line is missing",
        b"".join(lines[: len(lines) // 2]): "closing line is missing",
        b"".join(lines[:-1]): "closing line is missing",
        whole[: -len(lines[-1]) - 5]: "cut off",
        whole[:-5]: "cut off",
        b"".join([*lines[:3], *lines[4:]]): "closing line says",
        b"".join([*lines[:-1], lines[-2], lines[-1]]): "closing line says",
        whole.replace(b'"Demo"', b'"Demi"'): "SHA-256",
        whole + lines[1]: "nothing may follow",
        b"": "Line 1",
    }
    for body, said in cuts.items():
        answer = await api("root").post(f"{DEMO}/import", content=body)
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True), (said, answer.text)
        for name in set(await database.list_collection_names()) - estate.PLATFORM - estate.TRAIL:
            assert await database[name].find_one({"tenant": "demo"}) is None, (said, name)
    answer = await api("root").post(f"{DEMO}/import", content=whole)
    assert answer.status_code == 200, answer.text
    assert (await api("ada").get(f"{DEMO}/export")).content.splitlines()[0].startswith(b'{"penstock":2')


async def test_a_file_without_a_closing_line_of_an_earlier_version_says_how_to_get_one(api: Api) -> None:
    await api("root").put("/api/v1/tenants/new", json={"issuer": "http://127.0.0.1:1/realms/new"})
    lines: list[dict[str, Any]] = [{"penstock": 1, "tenant": "new"}]
    lines.append({"collection": "comments", "document": {"_id": "new/b", "tenant": "new"}})
    refused = await post(api("root"), lines)
    assert refused.status_code == 400
    assert "earlier version" in refused.json()["detail"]
    assert "export the tenant again" in refused.json()["detail"]
    # Somebody who knows that it is whole, and cannot export it again, adds the line.
    assert (await put_back(api("root"), lines, "new")).status_code == 200


async def test_an_import_that_fails_in_the_middle_leaves_nothing_but_the_trail(api: Api) -> None:
    await api("root").put("/api/v1/tenants/new", json={"issuer": "http://127.0.0.1:1/realms/new"})
    row = {"collection": "comments", "document": {"_id": "new/b", "tenant": "new"}}
    other = {"collection": "filters", "document": {"_id": "new/a", "tenant": "new"}}
    database = api.parts.record.database
    trail = await database["audit"].count_documents({"tenant": "new"})
    assert trail > 0
    refused = await put_back(api("root"), [{"penstock": 2, "tenant": "new"}, other, row, row], "new")
    assert (refused.status_code, support.code(refused)) == (409, "already-exists")
    assert await estate.Estate(database).is_empty("new")
    assert await database["filters"].find_one({"tenant": "new"}) is None
    assert await database["audit"].count_documents({"tenant": "new"}) == trail
    assert (await put_back(api("root"), [{"penstock": 2, "tenant": "new"}, other, row], "new")).status_code == 200


async def test_what_an_import_left_whose_process_died_is_cleared_away(api: Api) -> None:
    await api("root").put("/api/v1/tenants/new", json={"issuer": "http://127.0.0.1:1/realms/new"})
    database, arrivals = api.parts.record.database, Arrivals(api.parts.record.database)
    died, now = Arrival(tenant="new", holder=ids.new_id()), api.parts.clock()
    assert await arrivals.begin(died, now=now)
    assert not await arrivals.begin(Arrival(tenant="new", holder=ids.new_id()), now=now)
    row = {"collection": "comments", "document": {"_id": "new/b", "tenant": "new"}}
    lines: list[dict[str, Any]] = [{"penstock": 2, "tenant": "new"}, row]
    refused = await put_back(api("root"), lines, "new")
    assert (refused.status_code, "being imported" in refused.text) == (409, True)
    assert await arrivals.renew(died, now=now - LASTS - timedelta(seconds=1))
    await database["comments"].insert_one({"_id": "new/b", "tenant": "new"})

    async def cleared() -> bool:
        return await estate.Estate(database).is_empty("new")

    await wait_until(cleared, what="what the import left is erased")
    assert not await arrivals.renew(died, now=now), "the import knows that it is over"

    async def imported() -> bool:
        return (await put_back(api("root"), lines, "new")).status_code == 200

    await wait_until(imported, what="the tenant can be imported")
