"""Flows followed to their end, schedules that fire, definitions with their forms: made and steered in the console."""

import json
import uuid
from collections.abc import Callable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Visit
from tests.support.people import Caller

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}


async def make_queue(ada: Caller) -> str:
    """A queue for one test; answers the name that it shares with everything else of the test."""
    name = f"auto-{uuid.uuid4().hex[:8]}"
    await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
    return name


async def make_flow_template(ada: Caller, name: str) -> None:
    """First one step, then two beside each other, then one."""
    for step in ("scan", "left", "right", "join"):
        await ada.put(f"/definitions/{name}/{step}", {"queue": f"console:{name}", "retry": {"maxAttempts": 1}})
    steps = {
        "scan": {"definition": f"{name}/scan"},
        "left": {"definition": f"{name}/left", "dependsOn": ["scan"]},
        "right": {"definition": f"{name}/right", "dependsOn": ["scan"]},
        "join": {"definition": f"{name}/join", "dependsOn": ["left", "right"]},
    }
    await ada.put(f"/flow-templates/{name}", {"driver": "dag", "queue": f"console:{name}", "steps": steps})


async def work(wim: Caller, name: str, count: int = 1, *, ends: str = "complete") -> None:
    """Claim and end so many tasks of a queue, one after the other."""
    for _ in range(count):
        (held,) = (await wim.post(f"/queues/console/{name}/claims", {"waitSeconds": 30}))["tasks"]
        body = {"execId": held["execId"]} | ({"error": {"message": "fog"}} if ends == "fail" else {})
        await wim.post(f"/tasks/{held['id']}/{ends}", body)


def step(page: Page, name: str) -> Locator:
    """A step in the graph."""
    return page.get_by_role("group", name="Graph").get_by_role("button", name=name)


async def test_a_flow_is_started_and_followed_to_its_end(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada, caller("wim") as wim:
        name = await make_queue(ada)
        await make_flow_template(ada, name)
        page = await visit("ada", "flows?tab=templates")
        await page.get_by_role("button", name=f"Start a flow by {name}").click()
        await page.get_by_role("dialog").get_by_label("Label").fill("Report 42")
        await page.get_by_role("dialog").get_by_role("button", name="Start a flow").click()
        await expect(page.get_by_role("heading", name="Report 42")).to_be_visible()
        await expect(step(page, "scan")).to_contain_text("Running")
        await expect(step(page, "join")).to_contain_text("Waiting")
        await work(wim, name)
        await expect(step(page, "scan")).to_contain_text("Succeeded")
        await work(wim, name, 2)
        await expect(step(page, "right")).to_contain_text("Succeeded")
        await work(wim, name)
        await expect(step(page, "join")).to_contain_text("Succeeded")
        await expect(page.get_by_role("main").locator(".state", has_text="Succeeded").first).to_be_visible()
        await step(page, "join").click()
        await expect(page.get_by_role("list", name="Tasks").get_by_role("link")).to_be_visible()
        await page.get_by_text("Timeline", exact=True).click()
        await expect(page.get_by_role("button", name="join")).to_contain_text("waited for")


async def test_a_flow_that_failed_is_begun_again_and_canceled(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada, caller("wim") as wim:
        name = await make_queue(ada)
        await make_flow_template(ada, name)
        flow = await ada.post("/flows", {"template": name, "label": "Doomed"})
        page = await visit("ada", f"flows/{flow['id']}")
        await work(wim, name, ends="fail")
        await page.get_by_role("button", name="Begin again").click()
        await expect(step(page, "scan")).to_contain_text("Running")
        await page.get_by_role("button", name="Cancel the flow").click()
        await page.get_by_role("dialog").get_by_role("button", name="Cancel the flow").click()
        await expect(page.get_by_role("button", name="Begin again")).to_be_visible()


async def test_a_schedule_is_made_previewed_run_and_paused(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        name = await make_queue(ada)
    page = await visit("ada", "schedules/new")
    await page.get_by_role("textbox", name="Id").fill(name)
    await page.get_by_label("Name for people").fill("Every morning")
    await page.get_by_label("Cron expression").fill("0 7 * * MON")
    zone = page.get_by_role("combobox", name="Time zone")
    await zone.fill("Pacific/Auckland")
    await page.get_by_role("option", name="Pacific/Auckland").click()
    await expect(page.get_by_text("At 07:00 on Monday")).to_be_visible()
    await page.get_by_role("combobox", name="Queue").fill(name)
    await page.get_by_role("option", name=f"console:{name}").click()
    await page.get_by_role("button", name="Create the schedule").click()
    await expect(page.get_by_role("heading", name="Every morning")).to_be_visible()
    await expect(page.get_by_text("Next firings")).to_be_visible()
    await expect(page.get_by_text("the schedule goes by Pacific/Auckland")).to_be_visible()
    await page.get_by_role("button", name="Run now").click()
    firing = page.get_by_role("row").filter(has_text="By hand")
    await expect(firing).to_contain_text("Submitted")
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("main").locator(".state", has_text="Paused")).to_be_visible()
    await firing.get_by_role("link", name="Task").click()
    await expect(page.get_by_role("main").get_by_text(f"console:{name}").first).to_be_visible()


async def test_settings_change_what_was_typed_and_leave_the_rest(caller: Callers, visit: Visit) -> None:
    """A pause meanwhile does not take away what is typed; once deleted it is not asked for again."""
    async with caller("ada") as ada:
        name = await make_queue(ada)
        await ada.put(f"/definitions/{name}", {"queue": f"console:{name}"})
        made = {"at": "2199-01-01T00:00:42.000Z", "kind": "date"}
        order = {"definition": name, "name": "Old", "labels": ["kept"], "params": {"n": 1}}
        await ada.put(f"/schedules/{name}", {"description": "Once, far away", "trigger": made, "task": order})
        page = await visit("ada", f"schedules/{name}?tab=settings")
        lost: list[str] = []
        page.on("response", lambda answer: lost.append(answer.url) if answer.status == 404 else None)
        await page.get_by_label("Name for people").fill("Typed")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("main").locator(".state", has_text="Paused")).to_be_visible()
        await expect(page.get_by_label("Name for people")).to_have_value("Typed")
        await page.get_by_role("combobox", name="Definition").click()
        await page.get_by_role("option", name=name, exact=True).click()
        await expect(page.get_by_role("combobox", name="Queue")).to_have_value(f"console:{name}")
        await page.get_by_role("textbox", name="Name", exact=True).fill("")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Typed")).to_be_visible()
        await expect(page.get_by_text("Once, far away")).to_be_visible()
        changed = await ada.get(f"/schedules/{name}")
        assert (changed["trigger"], changed["paused"], changed["displayName"]) == (made, True, "Typed")
        assert changed["task"] == {"queue": f"console:{name}", "params": {"n": 1}, "context": {}, "labels": ["kept"]}
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
        await expect(page.get_by_role("link", name="Typed", exact=True)).to_have_count(0)
        assert not lost


async def test_a_definition_is_made_and_changed(caller: Callers, visit: Visit) -> None:
    schema = {
        "type": "object",
        "required": ["decision"],
        "properties": {"decision": {"title": "Decision", "type": "string"}},
    }
    async with caller("ada") as ada:
        queue = await make_queue(ada)
        page = await visit("ada", "definitions/new")
        await page.get_by_role("textbox", name="Name").fill(f"{queue}/assess")
        await page.get_by_role("combobox", name="Queue").fill(queue)
        await page.get_by_role("option", name=f"console:{queue}").click()
        await page.get_by_role("tab", name="Result").click()
        await page.get_by_label("JSON Schema").fill(json.dumps(schema))
        await expect(page.get_by_role("textbox", name="Decision")).to_be_visible()
        await page.get_by_role("button", name="Create the definition").click()
        await expect(page.get_by_role("heading", name=f"{queue}/assess")).to_be_visible()
        made = await ada.get(f"/definitions/{queue}/assess")
        assert (made["resultSchema"], made["version"]) == (schema, 1)
        await page.get_by_role("textbox", name="Attempts").fill("5")
        await page.get_by_role("tab", name="Result").click()
        other = {"type": "object", "properties": {"remark": {"type": "string"}}}
        await page.get_by_label("JSON Schema").fill(json.dumps(other))
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("v2", exact=False).first).to_be_visible()
        changed = await ada.get(f"/definitions/{queue}/assess")
        assert (changed["retry"]["maxAttempts"], changed["resultSchema"]) == (5, other)
