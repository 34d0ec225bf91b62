"""Every journey again by keyboard alone: nothing here points or clicks; what is pressed was reached by Tab or a key."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.async_api import Locator, Page, expect
from starlette.requests import Request
from starlette.responses import Response

from tests.e2e.console.conftest import Visit
from tests.support import target
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
FORM = {
    "type": "object",
    "required": ["remarks"],
    "properties": {
        "decision": {"title": "Decision", "enum": ["repair", "ignore"]},
        "remarks": {"title": "Remarks", "type": "string"},
    },
}
FARTHEST = 150
"""Steps by Tab that lead somewhere on any page."""


async def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until this has the focus."""
    await expect(wanted.first).to_be_visible()
    for _ in range(FARTHEST):
        if await wanted.first.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")


async def press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    """Reach it and press a key there."""
    await reach(page, wanted)
    await page.keyboard.press(key)


async def write(page: Page, wanted: Locator, text: str) -> None:
    """Reach a field and type."""
    await reach(page, wanted)
    await page.keyboard.insert_text(text)


async def choose(page: Page, wanted: Locator, text: str, option: str) -> None:
    """Reach a list that can be searched, type, and take the option; what is found late may move the others."""
    await write(page, wanted, text)
    found = page.get_by_role("option", name=option)
    for _ in range(20):
        await expect(found).to_be_visible()
        await page.keyboard.press("ArrowDown")
        if await found.get_attribute("data-combobox-selected"):
            await page.keyboard.press("Enter")
            return await expect(wanted).to_have_value(option)
    raise AssertionError(f"no arrow leads to {option}")


async def pick(page: Page, wanted: Locator) -> None:
    """Go down an open menu to this item, and press it."""
    await expect(wanted).to_be_visible()
    for _ in range(20):
        await page.keyboard.press("ArrowDown")
        if await wanted.evaluate("element => element === document.activeElement"):
            return await page.keyboard.press("Enter")
    raise AssertionError(f"no arrow leads to {wanted}")


async def go(page: Page, letter: str, heading: str) -> None:
    """Go to an area by its keys."""
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.keyboard.press("g")
    await page.keyboard.press(letter)
    await expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()


def row(page: Page, name: str) -> Locator:
    """A row of a table."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


async def test_a_queue_is_made_and_a_task_submitted(caller: Callers, visit: Visit) -> None:
    name = f"keys-{uuid.uuid4().hex[:8]}"
    page = await visit("ada", "tasks")
    await go(page, "q", "Queues")
    await page.keyboard.press("c")
    await write(page, page.get_by_role("combobox", name="Namespace"), "console")
    await write(page, page.get_by_role("textbox", name="Name", exact=True), name)
    await write(page, page.get_by_label("Name for people"), "By keys")
    await press(page, page.get_by_role("checkbox", name="reviewer: Work"), "Space")
    await press(page, page.get_by_role("checkbox", name="supervisor: Assign"), "Space")
    await write(page, page.get_by_label("Add a role").first, "clerk")
    await page.keyboard.press("Enter")
    await press(page, page.get_by_role("checkbox", name="clerk: Read"), "Space")
    await press(page, page.get_by_role("button", name="Create the queue"))
    await expect(page.get_by_role("heading", name="By keys")).to_be_visible()
    async with caller("ada") as ada:
        bound = (await ada.get(f"/queues/console/{name}"))["bindings"]
    assert (bound["workers"], bound["assigners"], bound["readers"]) == (["reviewer"], ["supervisor"], ["clerk"])

    await press(page, page.get_by_role("button", name="Tasks", exact=True))
    await expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    await page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    await write(page, dialog.get_by_label("Name"), "By keys, too")
    await press(page, dialog.get_by_role("button", name="Submit"))
    await expect(page.get_by_role("heading", name="By keys, too")).to_be_visible()


async def test_the_next_task_is_taken_filled_in_and_completed(caller: Callers, visit: Visit) -> None:
    name = f"keys-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        await ada.put(f"/definitions/{name}", {"queue": f"console:{name}", "resultSchema": FORM})
        await ada.post(f"/queues/console/{name}/tasks", {"name": "Barn owl", "definition": name})
    page = await visit("wim", f"tasks?queue=console:{name}")
    await expect(row(page, "Barn owl")).to_be_visible()
    await page.keyboard.press("n")
    await expect(page.get_by_role("heading", name="Barn owl")).to_be_visible()
    await reach(page, page.get_by_role("radio", name=re.compile("repair|ignore")))
    await page.keyboard.press("ArrowDown")
    await write(page, page.get_by_label("Remarks"), "Two feathers")
    await press(page, page.get_by_role("button", name="Complete"))
    await expect(page.locator(".state", has_text="Succeeded")).to_be_visible()
    await expect(page.get_by_role("list", name="History")).to_contain_text("Started · Wim Reviewer")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="Tasks")).to_be_visible()


async def test_many_are_assigned_and_reprioritised(caller: Callers, visit: Visit) -> None:
    name = f"keys-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        await ada.post(f"/queues/console/{name}/tasks/batch", {"tasks": [{"name": n} for n in ("one", "two", "three")]})
    page = await visit("ann", f"tasks?queue=console:{name}")
    await expect(row(page, "three")).to_be_visible()
    for key in ("j", "x", "j", "x", "a"):
        await page.keyboard.press(key)
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Assign 2 tasks")
    await choose(page, dialog.get_by_role("combobox", name="Assigned to"), "Wim", "Wim Reviewer")
    await press(page, dialog.get_by_role("button", name="Assign"))
    await expect(row(page, "one")).to_contain_text("Wim Reviewer")
    await expect(row(page, "two")).to_contain_text("Wim Reviewer")
    await expect(row(page, "three")).to_contain_text("Nobody")
    await page.keyboard.press("p")
    await expect(dialog).to_contain_text("Set the priority of 2 tasks")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(row(page, "two").get_by_role("img", name="High")).to_be_visible()


async def test_a_count_is_watched_and_a_dead_letter_redriven(caller: Callers, visit: Visit) -> None:
    name = f"keys-{uuid.uuid4().hex[:8]}"
    path = f"/queues/console/{name}"
    async with caller("ada") as ada, caller("wim") as wim:
        await ada.put(path, {"bindings": BINDINGS})
        page = await visit("ada", "tasks")
        await go(page, "q", "Queues")
        await page.keyboard.press("/")
        await page.keyboard.insert_text(name)
        card = page.get_by_role("article", name=f"console:{name}")
        await expect(card).to_contain_text("0Ready")
        await ada.post(f"{path}/tasks", {"name": "stork"})
        await expect(card).to_contain_text("1Ready")
        (held,) = (await wim.post(f"{path}/claims"))["tasks"]
        ended = {"execId": held["execId"], "error": {"message": "no such bird"}, "retryable": False}
        await wim.post(f"/tasks/{held['id']}/fail", ended)
        await press(page, card.get_by_role("link"))
        await reach(page, page.get_by_role("tab", name="Overview"))
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("main").get_by_role("row").filter(has_text="stork")).to_be_visible()
        await press(page, page.get_by_role("button", name="Run all again"))

        async def ready() -> bool:
            return (await ada.get(f"{path}/metrics"))["byState"]["ready"] == 1

        await wait_until(ready, what="the dead letter to be ready again")
        await press(page, page.get_by_role("button", name="Undo"))
        await expect(page.get_by_role("main").get_by_role("row").filter(has_text="stork")).to_be_visible()


async def test_a_flow_is_started_and_followed(caller: Callers, visit: Visit) -> None:
    name = f"keys-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada, caller("wim") as wim:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        await ada.put(f"/definitions/{name}", {"queue": f"console:{name}"})
        steps = {"first": {"definition": name}, "last": {"definition": name, "dependsOn": ["first"]}}
        await ada.put(f"/flow-templates/{name}", {"driver": "dag", "queue": f"console:{name}", "steps": steps})
        page = await visit("ada", "tasks")
        await go(page, "f", "Flows")
        await reach(page, page.get_by_role("tab", name="Runs"))
        await page.keyboard.press("ArrowRight")
        await press(page, page.get_by_role("button", name=f"Start a flow by {name}"))
        dialog = page.get_by_role("dialog")
        await write(page, dialog.get_by_label("Label"), "By keys")
        await press(page, dialog.get_by_role("button", name="Start a flow"))
        await expect(page.get_by_role("heading", name="By keys")).to_be_visible()
        graph = page.get_by_role("group", name="Graph")
        for step in ("first", "last"):
            await expect(graph.get_by_role("button", name=step)).to_contain_text("Running")
            (held,) = (await wim.post(f"/queues/console/{name}/claims", {"waitSeconds": 30}))["tasks"]
            await wim.post(f"/tasks/{held['id']}/complete", {"execId": held["execId"]})
        await expect(graph.get_by_role("button", name="last")).to_contain_text("Succeeded")
        await press(page, graph.get_by_role("button", name="last"))
        await press(page, page.get_by_role("list", name="Tasks").get_by_role("link"))
        await expect(page.get_by_role("main").get_by_text(f"console:{name}").first).to_be_visible()


async def test_a_webhook_is_replayed(caller: Callers, visit: Visit) -> None:
    name = f"keys-{uuid.uuid4().hex[:8]}"

    async def take(_: Request) -> Response:
        return Response(status_code=200)

    async with caller("ada") as ada, target.listening(take) as told:
        was = await ada.get("/tenants/demo")
        allowed = [*was["httpTargets"].get("allow", []), told.url]
        await ada.call("PATCH", "/tenants/demo", {"httpTargets": {"allow": allowed}})
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        page = await visit("ada", "tasks")
        await go(page, "w", "Webhooks")
        await press(page, page.get_by_role("button", name="New webhook"))
        dialog = page.get_by_role("dialog")
        await write(page, dialog.get_by_role("textbox", name="Name"), name)
        await write(page, dialog.get_by_label("Address"), f"{told.url}/x")
        await press(page, dialog.get_by_role("button", name="Create the webhook"))
        await expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
        await page.keyboard.press("Escape")
        await press(page, page.get_by_role("link", name=name))
        await ada.post(f"/queues/console/{name}/tasks", {"name": "told"})
        delivered = page.get_by_role("row").filter(has_text="Delivered").filter(has_text="Created")
        await expect(delivered.first).to_be_visible()
        before = len(told.bodies)
        await press(page, delivered.first.get_by_role("button", name="Send again"))
        await wait_until(lambda: len(told.bodies) > before, what="the replay to arrive")


async def test_an_organisation_is_made_and_suspended(stack: LocalStack, visit: Visit) -> None:
    name = f"k{uuid.uuid4().hex[:8]}"
    page = await visit("root", realm="core")
    await press(page, page.get_by_role("button", name="New organisation"))
    dialog = page.get_by_role("dialog")
    await write(page, dialog.get_by_label("Short name"), name)
    await write(page, dialog.get_by_role("textbox", name="Issuer"), f"{stack.local['auth']}/realms/{name}")
    await press(page, dialog.get_by_role("button", name="Create the organisation"))
    made = page.get_by_role("row").filter(has_text=name)
    await expect(made).to_contain_text("Active")
    await press(page, made.get_by_role("button", name=f"Actions for {name}"))
    await pick(page, page.get_by_role("menuitem", name="Suspend"))
    await expect(made).to_contain_text("Suspended")


async def test_menus_that_come_late_open_at_the_first_press_and_give_the_focus_back(visit: Visit) -> None:
    page = await visit("ann", "tasks")
    button = page.get_by_role("button", name="Order")
    await press(page, button)
    await expect(page.get_by_role("menuitem", name="Newest first")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menuitem", name="Newest first")).to_have_count(0)
    await expect(button).to_be_focused()
    button = page.get_by_role("button", name="Columns", exact=True)
    await press(page, button)
    await expect(page.get_by_role("checkbox", name="Labels")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()
