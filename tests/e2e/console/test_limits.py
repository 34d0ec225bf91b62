"""Limits of all kinds: an organisation's quotas, a queue's due dates, a definition's places."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.e2e.console.conftest import Visit
from tests.support.people import Caller

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}


async def test_an_operator_sets_limits_and_an_admin_sees_what_is_used_of_them(caller: Callers, visit: Visit) -> None:
    page = await visit("root", realm="core")
    await page.get_by_role("button", name="Actions for acme").click()
    await page.get_by_role("menuitem", name="Change the limits").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Open tasks").fill("900000")
    await dialog.get_by_role("textbox", name="Bytes of one task").fill("")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    async with caller("root", "core") as root:
        assert (await root.get("/tenants/acme"))["quotas"] == {"openTasks": 900_000}
        theirs = await visit("ada", "settings", realm="acme")
        limits = theirs.get_by_role("main")
        await expect(limits.get_by_role("progressbar", name="Open tasks")).to_be_attached()
        await expect(limits.get_by_text("of 900,000")).to_be_visible()
        await expect(limits.get_by_role("button", name="Change the limits")).to_have_count(0)
        await root.call("PATCH", "/tenants/acme", {"quotas": None})


async def test_due_dates_rules_for_late_tasks_and_limits_of_a_queue_are_set(caller: Callers, visit: Visit) -> None:
    name = f"due-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        page = await visit("ada", f"queues/console:{name}?tab=settings")
        await page.get_by_role("textbox", name="Due after").fill("2")
        await page.get_by_role("textbox", name="Open tasks").fill("5000")
        await page.get_by_role("checkbox", name="Encrypt data at rest").check()
        await page.get_by_role("button", name="Add a reminder").click()
        await page.get_by_label("Unit of: Reminder 1").select_option("minutes")
        await page.get_by_role("textbox", name="Reminder 1").fill("30")
        await page.get_by_role("button", name="Add a rule for late tasks").click()
        rule = page.get_by_role("group", name="Rule 1")
        await rule.get_by_role("combobox", name="Raise the priority to").click()
        await page.get_by_role("option", name="Urgent").click()
        await rule.get_by_role("combobox", name="Assign to").fill("Wim")
        await page.get_by_role("option", name="Wim Reviewer").click()
        await expect(rule.get_by_role("checkbox", name="Give it back to everybody")).to_be_disabled()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()
        saved = await ada.get(f"/queues/console/{name}")
        assert (saved["quotas"], saved["encryptPayloads"]) == ({"openTasks": 5000}, True)
        rules = saved["deadlines"]
        assert (rules["dueInSeconds"], rules["remindBeforeSeconds"]) == (7200, [1800])
        (late,) = rules["escalations"]
        assert (late["afterSeconds"], late["raiseTo"], late["assignTo"]["name"]) == (0, "urgent", "Wim Reviewer")
        task = await ada.post(f"/queues/console/{name}/tasks", {"name": "x"})
        assert datetime.fromisoformat(task["dueDate"]) - datetime.now(UTC) < timedelta(hours=2)
    await page.reload()
    await expect(page.get_by_role("textbox", name="Due after")).to_have_value("2")
    await expect(page.get_by_label("Unit of: Reminder 1")).to_have_value("minutes")
    await page.get_by_role("button", name="Without rule 1").click()
    await expect(page.get_by_role("group", name="Rule 1")).to_have_count(0)


async def test_places_show_who_is_held_and_who_waits(caller: Callers, visit: Visit) -> None:
    name = f"place-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada, caller("wim") as wim:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        limit = {"limit": 1, "key": ["airport"]}
        await ada.put(f"/definitions/{name}", {"queue": f"console:{name}", "concurrency": limit})
        tasks = [{"definition": name, "params": {"airport": each}} for each in ("YYC", "YYC", "LIH")]
        await ada.post(f"/queues/console/{name}/tasks/batch", {"tasks": tasks})
        await wim.post(f"/queues/console/{name}/claims", {"max": 3})
    page = await visit("ada", f"definitions/{name}")
    places = page.get_by_role("list", name="Places").get_by_role("listitem")
    await expect(places.filter(has_text="YYC")).to_contain_text("1 of 1 held · 1 waits")
    await expect(places.filter(has_text="LIH")).to_contain_text("1 of 1 held · 0 wait")
