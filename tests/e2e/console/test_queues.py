"""Queues: made with roles and a schema, watched, paused, purged, deleted; dead letters run again, and that undone."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.console.conftest import Visit
from tests.support.people import Caller
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
SCHEMA = {"type": "object", "required": ["airport"], "properties": {"airport": {"title": "Airport", "type": "string"}}}


def _name(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:8]}"


async def test_a_queue_is_made_with_roles_and_a_schema_and_takes_a_task(caller: Callers, visit: Visit) -> None:
    name = _name("made")
    page = await visit("ada", "queues")
    await page.get_by_role("button", name="New queue").click()
    await page.get_by_role("combobox", name="Namespace").fill("console")
    await page.get_by_role("textbox", name="Name", exact=True).fill(name)
    await page.get_by_label("Name for people").fill("Made by hand")
    await page.get_by_role("checkbox", name="reviewer: Work").check()
    await page.get_by_role("checkbox", name="supervisor: Assign").check()
    await page.get_by_label("Add a role").first.fill("clerk")
    await page.get_by_role("button", name="Add a role").click()
    await page.get_by_role("checkbox", name="clerk: Read").check()
    await page.get_by_label("JSON Schema").fill(json.dumps(SCHEMA))
    await expect(page.get_by_label("Airport")).to_be_visible()
    await page.get_by_role("button", name="Create the queue").click()
    await expect(page.get_by_role("heading", name="Made by hand")).to_be_visible()
    async with caller("ada") as ada:
        made = await ada.get(f"/queues/console/{name}")
    assert (made["bindings"]["workers"], made["bindings"]["readers"]) == (["reviewer"], ["clerk"])
    assert made["paramsSchema"] == SCHEMA

    await page.get_by_role("button", name="Tasks", exact=True).click()
    await page.get_by_role("button", name="New task").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("By hand, too")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_text("This is needed.")).to_be_visible()
    await page.get_by_label("Airport").fill("Lihue")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_role("heading", name="By hand, too")).to_be_visible()


async def test_settings_are_changed_and_a_change_of_others_is_not_lost(caller: Callers, visit: Visit) -> None:
    name = _name("set")
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        page = await visit("ada", f"queues/console:{name}?tab=settings")
        await page.get_by_label("Name for people").fill("Renamed")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Renamed")).to_be_visible()
        await expect(page.get_by_role("button", name="Save")).to_be_disabled()
        await page.get_by_label("Description").fill("Typed")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("button", name="Resume")).to_be_visible()
        await expect(page.get_by_label("Description")).to_have_value("Typed")
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS, "displayName": "By somebody else"})
        await page.get_by_label("Description").fill("Mine")
        await page.get_by_role("button", name="Save").click()
        await expect(
            page.get_by_role("alert").filter(has_text=re.compile("version|changed", re.IGNORECASE))
        ).to_be_visible()
        assert (await ada.get(f"/queues/console/{name}"))["displayName"] == "By somebody else"


async def test_counts_change_live_and_a_queue_is_paused_emptied_and_deleted(caller: Callers, visit: Visit) -> None:
    name = _name("live")
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        page = await visit("ada", f"queues?text={name}")
        card = page.get_by_role("article", name=f"console:{name}")
        await expect(card).to_contain_text("0Ready")
        await ada.post(f"/queues/console/{name}/tasks/batch", {"tasks": [{"name": "x"}] * 3})
        await expect(card).to_contain_text("3Ready")
        await card.get_by_role("link").click()
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("button", name="Resume")).to_be_visible()
        await page.get_by_role("button", name="More actions").click()
        await page.get_by_role("menuitem", name="Cancel all open tasks").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("3 open tasks are canceled")
        await expect(dialog.get_by_role("button", name="Cancel all open tasks")).to_be_disabled()
        await dialog.get_by_role("textbox").fill(f"console:{name}")
        await dialog.get_by_role("button", name="Cancel all open tasks").click()
        await expect(page.get_by_text("All open tasks are canceled.")).to_be_visible()
        assert (await ada.get(f"/queues/console/{name}/metrics"))["open"] == 0
        await page.get_by_role("button", name="More actions").click()
        await page.get_by_role("menuitem", name="Delete the queue").click()
        await dialog.get_by_role("textbox").fill(f"console:{name}")
        await dialog.get_by_role("button", name="Delete").click()
        await expect(page).to_have_url(re.compile(r"/queues$"))
        assert (await ada.call("GET", f"/queues/console/{name}")).status_code == 404


async def _die(wim: Caller, path: str, count: int) -> None:
    for held in (await wim.post(f"{path}/claims", {"max": count}))["tasks"]:
        body: dict[str, Any] = {"execId": held["execId"], "error": {"message": "no such bird"}, "retryable": False}
        await wim.post(f"/tasks/{held['id']}/fail", body)


async def test_dead_letters_are_run_again_and_that_is_undone(caller: Callers, visit: Visit) -> None:
    name = _name("dead")
    path = f"/queues/console/{name}"
    async with caller("ada") as ada, caller("wim") as wim:
        await ada.put(path, {"bindings": BINDINGS})
        tasks = [{"name": "stork", "labels": ["white"]}, {"name": "heron"}]
        await ada.post(f"{path}/tasks/batch", {"tasks": tasks})
        await _die(wim, path, 2)
        page = await visit("ada", f"queues/console:{name}?tab=dead")
        rows = page.get_by_role("main").get_by_role("row")
        await expect(rows.filter(has_text="stork")).to_contain_text("no such bird")
        await page.get_by_label("Label").fill("white")
        await expect(rows.filter(has_text="heron")).to_have_count(0)
        await page.get_by_role("button", name="Run what is shown again").click()
        await expect(rows.filter(has_text="stork")).to_have_count(0)

        async def ready() -> bool:
            return (await ada.get(f"{path}/metrics"))["byState"]["ready"] == 1

        await wait_until(ready, what="the dead letter to be ready again")
        await page.get_by_role("button", name="Undo").click()
        await expect(rows.filter(has_text="stork")).to_be_visible()
