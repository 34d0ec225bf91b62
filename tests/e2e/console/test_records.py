"""What comes from outside: files whose lines become tasks, and records that start tasks by triggers."""

import gzip
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.console.conftest import Visit
from tests.support.people import Caller

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"]}
SCHEMA = {"type": "object", "required": ["bird"], "properties": {"bird": {"type": "string"}}}


async def test_a_file_becomes_tasks_and_its_bad_lines_are_shown(caller: Callers, visit: Visit, tmp_path: Path) -> None:
    name = f"file-{uuid.uuid4().hex[:8]}"
    birds = tmp_path / f"{name}.ndjson.gz"
    birds.write_bytes(gzip.compress(b'{"bird": "owl"}\n{"bird": "gull"}\n{"bird": 7}\n{oops\n'))
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS, "paramsSchema": SCHEMA})
        page = await visit("sub", f"imports?queue=console:{name}")
        await page.get_by_role("button", name="New import").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("combobox", name="Queue")).to_have_value(f"console:{name}")
        await expect(dialog.get_by_role("button", name="Begin the import")).to_be_disabled()
        await dialog.locator("input[type=file]").set_input_files(birds)
        await dialog.get_by_role("button", name="Begin the import").click()
        await expect(page.get_by_role("heading", name=birds.name)).to_be_visible()
        await expect(page.get_by_role("main").locator(".state", has_text="Succeeded")).to_be_visible()
        refused = page.get_by_role("region", name="Refused lines").get_by_role("row")
        await expect(refused.nth(1)).to_contain_text("3")
        await expect(refused.nth(2)).to_contain_text("4")
        assert (await ada.get(f"/queues/console/{name}/metrics"))["open"] == 2
    await page.get_by_role("main").get_by_role("link", name="Imports").click()
    await expect(page.get_by_role("row").filter(has_text=birds.name)).to_contain_text("Succeeded")


async def test_what_is_imported_from_an_address_says_why_it_cannot(caller: Callers, visit: Visit) -> None:
    name = f"link-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
    page = await visit("ada", f"imports?queue=console:{name}")
    await page.get_by_role("button", name="New import").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("At an address").click()
    await dialog.get_by_role("textbox", name="Address").fill("http://127.0.0.1:9/private.ndjson")
    await dialog.get_by_role("button", name="Begin the import").click()
    await expect(page.get_by_role("main").locator(".state", has_text="Failed")).to_be_visible()
    await expect(page.get_by_text("127.0.0.1 is not a public address")).to_be_visible()


async def test_a_record_that_fits_starts_a_task(caller: Callers, visit: Visit) -> None:
    name = f"trigger-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        page = await visit("ada", "triggers")
        await page.get_by_role("button", name="New trigger").click()
        await page.get_by_role("textbox", name="Id", exact=True).fill(name)
        await page.get_by_label("Value of condition 1").fill(name)
        await page.get_by_role("button", name="Add a condition").click()
        await page.get_by_label("Path of condition 2").fill("damage.cost")
        await page.get_by_label("Comparison of condition 2").select_option("≥")
        await page.get_by_label("Value of condition 2").fill("1000")
        await page.get_by_role("combobox", name="Queue").fill(name)
        await page.get_by_role("option", name=f"console:{name}").click()
        await page.get_by_label("Data").fill(json.dumps({"cost": {"$from": "record.damage.cost"}}))
        await page.get_by_role("button", name="Create the trigger").click()
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
        await expect(page.get_by_text("damage.cost ≥ 1000")).to_be_visible()

        runs = page.get_by_role("region", name="Runs").get_by_role("row")
        small, large = [
            (await ada.post("/records", {"resourceType": name, "damage": {"cost": cost}}))["id"] for cost in (5, 5000)
        ]
        await expect(runs.filter(has_text=large)).to_contain_text("Submitted")
        await expect(runs.filter(has_text=small)).to_have_count(0)

        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("main").locator(".state", has_text="Paused")).to_be_visible()
        await page.get_by_role("button", name="Run now").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("textbox", name="Record", exact=True).fill("{}")
        await dialog.get_by_role("button", name="Run now").click()
        await expect(runs.filter(has_text="Submitted")).to_have_count(2)

        await page.get_by_role("tab", name="Settings").click()
        await page.get_by_label("Name for people").fill("Large damage")
        await page.get_by_role("button", name="Without condition 1").click()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Large damage")).to_be_visible()
        changed = await ada.get(f"/triggers/{name}")
        assert [each["getIn"] for each in changed["selectBy"]] == [["damage", "cost"]]
        assert changed["task"]["params"] == {"cost": {"$from": "record.damage.cost"}}
    await runs.filter(has_text=large).get_by_role("link", name="Task").click()
    await expect(page.get_by_text("5000")).to_be_visible()
