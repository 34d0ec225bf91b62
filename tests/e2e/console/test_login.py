"""People log in at their organisation's issuer, come back to where they were going, and leave again."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.console.conftest import Visit
from tests.support.stack import LocalStack

pytestmark = [pytest.mark.xdist_group("console")]


async def test_one_comes_back_to_where_one_was_going(visit: Visit) -> None:
    page = await visit("ada", "queues")
    await expect(page).to_have_url(re.compile(r"/console/demo/queues$"))
    await expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    await expect(page.get_by_text("Strike reports", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("Strike reports", exact=True)).to_be_visible()


async def test_an_operator_looks_into_a_tenant_and_leaves_it_again(visit: Visit) -> None:
    page = await visit("root", realm="core")
    await page.get_by_role("button", name="Open Demo").click()
    await page.get_by_role("link", name="Queues").click()
    await expect(page.get_by_text("Strike reports", exact=True)).to_be_visible()
    await page.get_by_role("button", name=re.compile("Logged in as Root")).click()
    await page.get_by_role("menuitem", name="Back to the platform").click()
    await expect(page.get_by_role("button", name="Open Demo")).to_be_visible()


async def test_an_organisation_is_chosen_by_its_name(stack: LocalStack, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(stack.local["api"])
    await page.get_by_label("Organisation").fill("nobody")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("There is no organisation “nobody” here.")).to_be_visible()
    await page.get_by_label("Organisation").fill("Demo")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_label("Username")).to_be_visible()
    await page.close()


async def test_who_logs_out_is_asked_again(visit: Visit, stack: LocalStack) -> None:
    page = await visit("wim")
    await page.get_by_role("button", name=re.compile("Logged in as")).click()
    await page.get_by_role("menuitem", name="Log out").click()
    await expect(page.get_by_label("Organisation")).to_be_visible()
    await page.goto(f"{stack.local['api']}/console/demo/queues")
    await expect(page.get_by_label("Username")).to_be_visible()


async def test_the_keyboard_goes_everywhere(visit: Visit) -> None:
    page = await visit("ada", "queues")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_it_speaks_french(visit: Visit) -> None:
    page = await visit("ada", "queues", locale="fr-CA")
    await expect(page.get_by_role("heading", name="Files")).to_be_visible()
