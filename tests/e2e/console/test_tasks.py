"""The task app: people find work, take it, do it by a form, and see what others do meanwhile."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Visit
from tests.support.people import Caller

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
RESULT = {
    "type": "object",
    "required": ["decision"],
    "properties": {
        "decision": {"title": "Decision", "enum": ["repair", "ignore"]},
        "remarks": {"title": "Remarks", "type": "string", "maxLength": 500},
    },
}


async def make_queue(ada: Caller, *names: str, **task: Any) -> str:
    """A queue with these tasks, in this order; answers its key."""
    name = f"tasks-{uuid.uuid4().hex[:8]}"
    await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
    if task.pop("by_form", False):
        task["definition"] = f"console/{name}"
        await ada.put(f"/definitions/console/{name}", {"queue": f"console:{name}", "resultSchema": RESULT})
    tasks = [{"name": each} | task for each in names]
    if tasks:
        assert (await ada.post(f"/queues/console/{name}/tasks/batch", {"tasks": tasks}))["refused"] == 0
    return f"console:{name}"


def row(page: Page, name: str) -> Locator:
    """The row of a task."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


async def test_the_next_task_is_taken_filled_in_and_completed(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "Owl on the wing", by_form=True)
    page = await visit("wim", f"tasks?queue={queue}")
    await page.get_by_role("button", name="Take next").click()
    await expect(page.get_by_role("heading", name="Owl on the wing")).to_be_visible()
    await page.get_by_role("button", name="Complete").click()
    await expect(page.get_by_text("This is needed.")).to_be_visible()
    await page.get_by_label("Remarks").fill("Left wing, two feathers")
    await expect(page.get_by_text("Draft kept in this browser")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Remarks")).to_have_value("Left wing, two feathers")
    await page.get_by_role("radio", name="repair").check()
    await page.get_by_role("button", name="Complete").click()
    await expect(page.locator(".state", has_text="Succeeded")).to_be_visible()
    await expect(page.get_by_text("Left wing, two feathers")).to_be_visible()
    history = page.get_by_role("list", name="History")
    await expect(history.get_by_role("listitem").first).to_contain_text("Completed")
    await expect(history).to_contain_text("Started · Wim Reviewer")
    await expect(page.get_by_role("button", name="Complete")).to_have_count(0)


async def test_many_are_given_a_priority_and_a_person_at_once(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "one", "two", "three")
    page = await visit("ann", f"tasks?queue={queue}")
    await page.get_by_role("checkbox", name="Choose one").check()
    await page.get_by_role("checkbox", name="Choose three").check()
    tools = page.get_by_role("toolbar", name="For the chosen tasks")
    await expect(tools).to_contain_text("2 chosen")
    await tools.get_by_role("button", name="Priority").click()
    await page.get_by_role("radio", name="Urgent").check()
    await page.get_by_role("button", name="Set the priority").click()
    await expect(row(page, "one").get_by_role("img", name="Urgent")).to_be_visible()
    await expect(row(page, "three").get_by_role("img", name="Urgent")).to_be_visible()
    await expect(row(page, "two").get_by_role("img", name="Normal")).to_be_visible()
    await tools.get_by_role("button", name="Assign").click()
    await page.get_by_role("combobox", name="Assigned to").click()
    await page.get_by_role("option", name="Ann Supervisor (me)").click()
    await page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    await expect(row(page, "one")).to_contain_text("Ann Supervisor")
    await expect(row(page, "two")).to_contain_text("Nobody")
    await page.get_by_role("button", name="Mine").click()
    await expect(page).to_have_url(re.compile("show=mine"))
    await expect(row(page, "three")).to_be_visible()
    await expect(row(page, "two")).to_have_count(0)


async def test_all_that_match_are_changed_after_a_look_at_what_that_touches(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, *(f"owl {n}" for n in range(120)), *(f"stork {n}" for n in range(5)))
        page = await visit("ann", f"tasks?queue={queue}&text=owl")
        await page.get_by_role("checkbox", name="Choose all rows").check()
        tools = page.get_by_role("toolbar", name="For the chosen tasks")
        await tools.get_by_role("button", name="Choose all that match").click()
        await expect(tools).to_contain_text("All that match are chosen")
        await tools.get_by_role("button", name="Priority").click()
        await page.get_by_role("radio", name="High").check()
        await page.get_by_role("button", name="Set the priority").click()
        dialog = page.get_by_role("dialog", name="Set the priority of all that match")
        await expect(dialog).to_contain_text("The priority of 120 tasks is set:")
        await expect(dialog.get_by_role("listitem")).to_have_count(6)
        path = f"/queues/{queue.replace(':', '/')}/metrics"
        assert (await ada.get(path))["byPriority"]["high"] == 0
        await dialog.get_by_role("button", name="Set it for 120 tasks").click()
        await expect(page.get_by_text("Priority of 120 tasks set.")).to_be_visible()
        await expect(row(page, "owl 0").get_by_role("img", name="High")).to_be_visible()
        by = (await ada.get(path))["byPriority"]
        assert (by["high"], by["normal"]) == (120, 5)


async def test_what_others_do_shows_without_moving_what_one_reads(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada, caller("wim") as wim:
        queue = await make_queue(ada, "first", "second")
        page = await visit("ann", f"tasks?queue={queue}")
        await expect(page.get_by_role("img", name="Live", exact=True)).to_be_visible()
        await expect(row(page, "second")).to_contain_text("Ready")
        path = f"/queues/{queue.replace(':', '/')}"
        (held,) = (await wim.post(f"{path}/claims"))["tasks"]
        await expect(row(page, "first")).to_contain_text("In progress")
        await ada.post(f"{path}/tasks", {"name": "urgent one", "priority": "urgent"})
        await expect(page.get_by_role("button", name="1 new task")).to_be_visible()
        await expect(row(page, "urgent one")).to_have_count(0)
        await wim.post(f"/tasks/{held['id']}/complete", {"execId": held["execId"]})
        await expect(row(page, "first")).to_contain_text("Succeeded")
        await page.get_by_role("button", name="1 new task").click()
        await expect(row(page, "urgent one")).to_be_visible()
        await expect(row(page, "first")).to_have_count(0)


async def test_the_address_holds_the_view(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "barn owl", "mallard", labels=["night"])
    page = await visit("rex", f"tasks?queue={queue}")
    await page.get_by_role("searchbox", name="Search").fill("owl")
    await expect(row(page, "mallard")).to_have_count(0)
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("checkbox", name="Labels").uncheck()
    await expect(page.get_by_role("columnheader", name="Labels")).to_have_count(0)
    await page.keyboard.press("Escape")
    await row(page, "barn owl").get_by_role("link").click()
    await expect(page.get_by_role("heading", name="barn owl")).to_be_visible()
    await page.get_by_role("main").get_by_role("link", name="Tasks").click()
    await expect(page.get_by_role("searchbox", name="Search")).to_have_value("owl")
    await page.reload()
    await expect(row(page, "barn owl")).to_be_visible()
    await expect(page.get_by_role("columnheader", name="Labels")).to_have_count(0)


async def test_people_talk_about_a_task_and_keep_their_view(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "barn owl", "mallard")
    page = await visit("ann", f"tasks?queue={queue}&text=owl")
    view = f"Owls of {queue}"
    await page.get_by_role("button", name="Saved views").click()
    await page.get_by_role("menuitem", name="Save this view").click()
    await page.get_by_role("dialog").get_by_label("Name").fill(view)
    await page.get_by_role("dialog").get_by_role("checkbox", name="For everybody here").check()
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_text("View saved.")).to_be_visible()
    await row(page, "barn owl").get_by_role("link").click()
    await page.get_by_label("Add a comment").fill("Which wing?")
    await page.get_by_role("button", name="Comment", exact=True).click()

    other = await visit("wim", "tasks")
    await other.get_by_role("button", name="Saved views").click()
    await other.get_by_role("menuitem", name=view).click()
    await expect(row(other, "mallard")).to_have_count(0)
    await row(other, "barn owl").get_by_role("link").click()
    comments = other.get_by_role("list", name="Comments")
    await expect(comments).to_contain_text("Ann Supervisor")
    await expect(comments).to_contain_text("Which wing?")
    await other.get_by_label("Add a comment").fill("The left one.")
    await other.get_by_role("button", name="Comment", exact=True).click()
    await expect(comments.get_by_role("listitem")).to_have_count(2)
    await other.get_by_role("button", name="Remove the comment").click()
    await expect(comments.get_by_role("listitem")).to_have_count(1)


async def test_work_goes_by_keyboard_alone(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "first", "second", "third")
    page = await visit("ann", f"tasks?queue={queue}")
    keys = page.keyboard
    await expect(row(page, "third")).to_be_visible()
    for key in ("j", "x", "j", "x", "p"):
        await keys.press(key)
    await expect(page.get_by_role("dialog")).to_contain_text("Set the priority of 2 tasks")
    await keys.press("ArrowUp")
    await keys.press("Enter")
    await expect(row(page, "second").get_by_role("img", name="High")).to_be_visible()
    await keys.press("Escape")
    await expect(page.get_by_role("toolbar", name="For the chosen tasks")).to_have_count(0)
    await keys.press("/")
    await keys.type("third")
    await expect(row(page, "first")).to_have_count(0)
    await keys.press("Escape")
    await keys.press("j")
    await expect(row(page, "third").get_by_role("link")).to_be_focused()
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="third")).to_be_visible()
    await keys.press("Escape")
    await expect(row(page, "third")).to_be_visible()


async def test_a_task_is_done_on_a_phone(caller: Callers, visit: Visit) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "on the way")
    page = await visit("wim", f"tasks?queue={queue}", width=390)
    await page.get_by_role("link", name="on the way").click()
    await page.get_by_role("button", name="Start").click()
    await page.get_by_label("Note").fill("done at the gate")
    await page.get_by_role("button", name="Complete").click()
    await expect(page.locator(".state", has_text="Succeeded")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_the_first_load_is_small(visit: Visit) -> None:
    """Scripts and styles of the worklist, as they are sent: packed."""
    page = await visit("wim", "tasks")
    await expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    sent = await page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/assets/'))"
        ".reduce((sum, e) => sum + e.encodedBodySize, 0)"
    )
    assert 100_000 < sent < 280_000
