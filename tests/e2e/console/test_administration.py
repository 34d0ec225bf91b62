"""What admins and operators do: webhooks with their deliveries, the audit trail, tenants; numbers as a table, too."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.async_api import expect
from starlette.requests import Request
from starlette.responses import Response

from tests.e2e.console.conftest import Visit
from tests.support import target
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]


async def test_a_webhook_is_made_delivers_and_is_replayed(caller: Callers, visit: Visit) -> None:
    name = f"hook-{uuid.uuid4().hex[:8]}"

    async def take(_: Request) -> Response:
        return Response(status_code=200)

    async with caller("ada") as ada, target.listening(take) as told:
        was = await ada.get("/tenants/demo")
        allowed = [*was["httpTargets"].get("allow", []), told.url]
        await ada.call("PATCH", "/tenants/demo", {"httpTargets": {"allow": allowed}})
        await ada.put(f"/queues/console/{name}", {"bindings": {"submitters": ["task-writer"]}})
        page = await visit("ada", "webhooks")
        await page.get_by_role("button", name="New webhook").click()
        await page.get_by_role("dialog").get_by_role("textbox", name="Name").fill(name)
        await page.get_by_role("dialog").get_by_label("Address").fill(f"{told.url}/x")
        await page.get_by_role("button", name="Create the webhook").click()
        await expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name=name).click()
        await ada.post(f"/queues/console/{name}/tasks", {"name": "told"})
        delivered = page.get_by_role("row").filter(has_text="Delivered")
        await expect(delivered.first).to_contain_text("Created")
        before = len(told.bodies)
        await delivered.first.get_by_role("button", name="Send again").click()
        await wait_until(lambda: len(told.bodies) > before, what="the replay to arrive")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("main").locator(".state", has_text="Paused")).to_be_visible()


async def test_changes_are_found_in_the_audit_trail(caller: Callers, visit: Visit) -> None:
    name = f"seen-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"displayName": "First"})
        await ada.put(f"/queues/console/{name}", {"displayName": "Second"})
    page = await visit("ada", "audit")
    change = page.get_by_role("row").filter(has_text=f"console:{name}")
    await expect(change.first).to_contain_text("Ada Admin")
    await change.first.get_by_role("button").click()
    await expect(page.get_by_role("region", name="Before")).to_contain_text("First")
    await expect(page.get_by_role("region", name="After")).to_contain_text("Second")


async def test_an_operator_makes_and_suspends_a_tenant(stack: LocalStack, visit: Visit) -> None:
    name = f"t{uuid.uuid4().hex[:8]}"
    page = await visit("root", realm="core")
    await page.get_by_role("button", name="New organisation").click()
    await page.get_by_role("dialog").get_by_label("Short name").fill(name)
    await page.get_by_role("dialog").get_by_role("textbox", name="Issuer").fill(f"{stack.local['auth']}/realms/{name}")
    await page.get_by_role("button", name="Create the organisation").click()
    row = page.get_by_role("row").filter(has_text=name)
    await expect(row).to_contain_text("Active")
    await row.get_by_role("button", name=f"Actions for {name}").click()
    await page.get_by_role("menuitem", name="Suspend").click()
    await expect(row).to_contain_text("Suspended")


async def test_numbers_are_shown_as_lines_and_as_a_table(caller: Callers, visit: Visit) -> None:
    name = f"lived-{uuid.uuid4().hex[:8]}"
    path = f"/queues/console/{name}"
    async with caller("ada") as ada, caller("wim") as wim:
        await ada.put(path, {"bindings": {"workers": ["reviewer"]}})
        await ada.post(f"{path}/tasks/batch", {"tasks": [{"name": "x"}] * 3})
        for held in (await wim.post(f"{path}/claims", {"max": 3}))["tasks"]:
            body = {"execId": held["execId"], "error": {"message": "thick fog"}, "retryable": False}
            await wim.post(f"/tasks/{held['id']}/fail", body)

        async def counted() -> bool:
            return (await ada.get(f"{path}/metrics"))["rates"]["lastHour"]["failed"] == 3

        await wait_until(counted, what="the statistics to be written")
    page = await visit("ada", f"dashboard?queue=console:{name}")
    await expect(page.get_by_text("thick fog")).to_be_visible()
    await expect(page.get_by_text("3 tasks ·")).to_be_visible()
    shape = page.get_by_role("radiogroup", name="How to show Throughput")
    await shape.get_by_text("Table").click()
    region = page.get_by_role("region", name="Throughput")
    await expect(region.get_by_role("row").last).to_contain_text("3")
