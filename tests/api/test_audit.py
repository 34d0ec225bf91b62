"""The audit trail over HTTP: every change of settings is in it, sealed; and nothing can be taken out unnoticed."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api import audited
from store import __main__ as command
from store.audit_check import AuditCheck
from tests.api.test_access import routes
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

UNTRAILED = frozenset(
    {
        ("POST", f"{audited.NATIVE}/schedules/preview"),
        ("POST", f"{audited.NATIVE}/bulk-actions"),
        ("POST", f"{audited.NATIVE}/filters"),
        ("PUT", f"{audited.NATIVE}/filters/{{filter_id}}"),
        ("DELETE", f"{audited.NATIVE}/filters/{{filter_id}}"),
        ("POST", f"{audited.NATIVE}/worklist/next"),
        ("POST", f"{audited.NATIVE}/flows"),
        ("POST", f"{audited.NATIVE}/flows/{{flow_id}}/cancel"),
        ("POST", f"{audited.NATIVE}/flows/{{flow_id}}/retry"),
        ("POST", f"{audited.NATIVE}/records"),
        ("POST", f"{audited.WEBHOOK}/test"),
        ("POST", f"{audited.WEBHOOK}/deliveries/{{delivery_id}}/replay"),
        ("POST", f"{audited.QUEUE}/tasks"),
        ("POST", f"{audited.QUEUE}/tasks/batch"),
        ("POST", f"{audited.QUEUE}/claims"),
        ("POST", "/rpc"),
        ("POST", "/rpc/{tenant}"),
        ("POST", "/execution/{definition}"),
        ("POST", "/v2/$import"),
        ("POST", "/v2/fhir/$import"),
        ("POST", "/v1/task/{task_name}"),
        ("POST", "/v1/taskList/{list_name}"),
    }
)
"""Operations that change no settings: they look, or their traces are in the histories of tasks and flows."""

HISTORIES = (f"{audited.NATIVE}/tasks", "/tasks", "/task/v1/", "/comment/v1/", "/execution/")
"""Below these paths everything is about single tasks."""

_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def test_every_operation_that_changes_something_is_trailed_or_said_not_to_be() -> None:
    known = {(method, path.replace(":path}", "}")) for method, path in routes()}
    for method, path in known:
        if method in _CHANGING and not path.startswith(HISTORIES):
            entries = ((method, path) in audited.TRAILS) + ((method, path) in UNTRAILED)
            assert entries == 1, (
                f"say in api/audited.py what {method} {path} leaves in the trail, or here that it is none"
            )
    assert set(audited.TRAILS) | UNTRAILED <= known


async def rows(api: Api, user: str = "ada", **asked: Any) -> list[dict[str, Any]]:
    """The trail, the oldest first."""
    answer = await api(user).get("/api/v1/audit", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"][::-1]


async def test_who_changed_what_before_and_after(api: Api) -> None:
    await support.make_queue(api("ada"), description="one")
    await api("ada").patch(QUEUE, json={"description": "two"}, headers={"X-Request-Id": "mine"})
    await api("ada").post(f"{QUEUE}/pause")
    await api("ada").post(f"{QUEUE}/purge")
    assert (await api("wim").patch(QUEUE, json={"description": "three"})).status_code == 403
    assert (await api("ada").patch(QUEUE, json={"description": 3})).status_code == 400
    await api("ada").delete(QUEUE)
    trail = await rows(api)
    assert [row["action"] for row in trail] == [
        f"queue.{verb}" for verb in ("put", "patch", "pause", "purge", "delete")
    ]
    assert [row["n"] for row in trail] == [1, 2, 3, 4, 5]
    put, patch, pause, purge, delete = trail
    assert (put["target"], put["by"]["name"], put["realm"]) == ("intake:strike-reports", "Ada Admin", "demo")
    assert (put["before"], put["after"]["description"]) == (None, "one")
    assert (patch["before"]["description"], patch["after"]["description"]) == ("one", "two")
    assert patch["requestId"] == "mine"
    assert pause["after"]["paused"] is True
    assert (purge["before"], purge["after"]) == (None, None)
    assert (delete["before"]["description"], delete["after"]) == ("two", None)


async def test_every_kind_of_settings_leaves_its_row_and_no_secret(api: Api) -> None:
    await support.make_queue(api("ada"))
    ada = api("ada")
    hourly = {"trigger": {"kind": "cron", "expression": "0 * * * *"}, "task": {"queue": "intake:strike-reports"}}
    schedule = (await ada.post("/api/v1/schedules", json=hourly)).json()["id"]
    await ada.delete(f"/api/v1/schedules/{schedule}")
    await ada.put("/api/v1/definitions/reports/scan", json={"queue": "intake:strike-reports"})
    await ada.delete("/api/v1/definitions/reports/scan")
    template = {"driver": "decisions", "queue": "intake:strike-reports"}
    await ada.put("/api/v1/flow-templates/reports/review", json=template)
    for value in ("never-shown-1", "never-shown-2"):
        await ada.put("/api/v1/secrets/key", json={"value": value})
    redrive = (await ada.post(f"{QUEUE}/redrive")).json()["id"]
    hook = await ada.post("/api/v1/webhooks", json={"name": "x", "url": "https://hooks.example/", "payload": "native"})
    assert hook.status_code == 201, hook.text
    job = {"id": "nightly", "name": "n", "task": "reports/scan", "trigger": "interval", "hours": 1}
    await ada.post("/scheduler/jobs", json=job)
    await ada.patch("/api/v1/tenants/demo", json={"displayName": "Demo"})
    await ada.get("/api/v1/tenants/demo/export")
    trail = await rows(api)
    by_action = {row["action"]: row for row in trail}
    assert set(by_action) >= {
        "schedule.post", "schedule.delete", "definition.put", "definition.delete", "template.put", "secret.put",
        "redrive.begin", "webhook.post", "tenant.patch", "tenant.export",
    }  # fmt: skip
    assert by_action["schedule.post"]["target"] == schedule
    assert by_action["schedule.post"]["after"]["tenant"] == "demo"
    assert by_action["redrive.begin"]["target"] == redrive
    assert by_action["secret.put"]["before"]["updatedBy"]["name"] == "Ada Admin"
    shown = msgspec.json.encode(trail).decode()
    assert "never-shown" not in shown
    assert hook.json()["secret"] not in shown
    assert await rows(api, action="webhook.") == [by_action["webhook.post"]]
    assert await rows(api, target=schedule, action="schedule.delete") == [by_action["schedule.delete"]]
    page = (await ada.get("/api/v1/audit", params={"limit": 2})).json()
    older = (await ada.get("/api/v1/audit", params={"limit": 1000, "before": page["next"]})).json()
    assert [*page["items"], *older["items"]][::-1] == trail
    assert await rows(api, since="2100-01-01T00:00:00Z") == []
    assert await rows(api, by="nobody") == []


async def test_what_operators_do_is_in_their_own_trail_and_the_tenants(api: Api) -> None:
    await api("root").patch("/api/v1/tenants/demo", json={"state": "suspended"})
    (mine,), (theirs,) = await rows(api), await rows(api, "root")
    assert (mine["action"], mine["realm"], mine["by"]["name"]) == ("tenant.patch", "core", "Root Operator")
    assert (theirs["action"], theirs["target"]) == ("tenant.patch", "demo")
    assert await rows(api, "root", target="acme") == []
    chosen = await api("root").get("/api/v1/audit", headers={"Penstock-Tenant": "demo"})
    assert chosen.json()["items"] == [mine]
    acme = await api("ada", "acme").get("/api/v1/audit")
    assert acme.json()["items"] == []


async def test_an_erased_tenant_leaves_its_deletion_with_the_operators(api: Api) -> None:
    await support.make_queue(api("ada"))
    await api("root").delete("/api/v1/tenants/demo", params={"graceSeconds": 0})

    async def gone() -> bool:
        return (await api("root").get("/api/v1/tenants/demo")).status_code == 404

    await wait_until(gone, what="the tenant is erased")
    assert [row["action"] for row in await rows(api, "root")] == ["tenant.delete"]
    assert await AuditCheck(api.parts.record.database).verify("demo") == (0, [])


@pytest.fixture
async def trail(api: Api) -> Any:
    """The collection, with eight rows of demo's and one of acme's."""
    await support.make_queue(api("ada"))
    for number in range(7):
        await api("ada").patch(QUEUE, json={"description": str(number)})
    await support.make_queue(api("ada", "acme"))
    return api.parts.record.database["audit"]


def _attacks() -> Iterator[tuple[str, list[dict[str, Any]], int]]:
    third, fourth = "demo/000000000003", "demo/000000000004"
    yield "altered", [{"update": third, "set": {"after.description": "forged"}}], 3
    yield "another's name", [{"update": third, "set": {"by.name": "Somebody Else"}}], 3
    yield "another time", [{"update": third, "set": {"requestId": "x"}}], 3
    yield "removed", [{"remove": third}], 3
    yield "the first removed", [{"remove": "demo/000000000001"}], 1
    yield "the last removed", [{"remove": "demo/000000000008"}], 8
    yield "swapped", [{"swap": (third, fourth)}], 3
    yield "doubled", [{"copy": third, "to": "demo/000000000009", "n": 9}], 9


@pytest.mark.parametrize(("attack", "n"), [pytest.param(steps, n, id=name) for name, steps, n in _attacks()])
async def test_a_row_that_was_tampered_with_is_found(
    api: Api, trail: Any, attack: list[dict[str, Any]], n: int
) -> None:
    """Criterion 7."""
    check = AuditCheck(api.parts.record.database)
    assert await check.verify("demo") == (8, [])
    for step in attack:
        await _tamper(trail, step)
    _, faults = await check.verify("demo")
    assert faults
    assert faults[0].n == n
    assert await check.verify("acme") == (1, [])


async def test_rows_sealed_with_a_key_are_not_made_anew_without_it(api: Api, trail: Any) -> None:
    """Who has the database computes every plain hash anew; the seal of a key it cannot."""
    keyed = AuditCheck(api.parts.record.database, b"a key of sixteen!")
    _, faults = await keyed.verify("demo")
    assert len(faults) == 8


async def test_the_command_says_what_is_broken(api: Api, trail: Any, capsys: pytest.CaptureFixture[str]) -> None:
    database = api.parts.record.database
    assert await command.verify(database, None, None)
    assert "demo: 8 rows, whole" in capsys.readouterr().out
    await _tamper(trail, {"remove": "demo/000000000003"})
    assert not await command.verify(database, None, None)
    said = capsys.readouterr().out
    assert "demo: 7 rows, BROKEN\n  row 3 is missing" in said
    assert "acme: 1 rows, whole" in said
    assert await command.verify(database, None, "acme")


async def _tamper(trail: Any, step: dict[str, Any]) -> None:
    if "update" in step:
        await trail.update_one({"_id": step["update"]}, {"$set": step["set"]})
    elif "remove" in step:
        await trail.delete_one({"_id": step["remove"]})
    elif "copy" in step:
        row = await trail.find_one({"_id": step["copy"]})
        await trail.insert_one(row | {"_id": step["to"], "n": step["n"]})
    else:
        one, other = [await trail.find_one({"_id": key}) for key in step["swap"]]
        await trail.replace_one({"_id": one["_id"]}, other | {"_id": one["_id"], "n": one["n"]})
        await trail.replace_one({"_id": other["_id"]}, one | {"_id": other["_id"], "n": other["n"]})
