"""Every page can be used by everybody: axe finds nothing serious, in light and dark; long lists stay light."""

import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Visit
from tests.support.people import Caller

pytestmark = [pytest.mark.xdist_group("console")]

Callers = Callable[..., Caller]
AXE = Path(__file__).parents[3] / "admin_ui" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
SCHEMA = {"type": "object", "properties": {"decision": {"title": "Decision", "enum": ["repair", "ignore"]}}}


@pytest.fixture
async def shown(caller: Callers) -> AsyncGenerator[Mapping[str, str]]:
    """One of each thing, and where it is shown."""
    name = f"axe-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada, caller("wim") as wim:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS, "paramsSchema": SCHEMA})
        kind = {"queue": f"console:{name}", "resultSchema": SCHEMA, "concurrency": {"limit": 2}}
        await ada.put(f"/definitions/{name}", kind)
        await ada.put(
            f"/flow-templates/{name}",
            {"driver": "dag", "queue": f"console:{name}", "steps": {"only": {"definition": name}}},
        )
        flow = await ada.post("/flows", {"template": name})
        trigger = {"kind": "cron", "expression": "0 3 * * *"}
        await ada.put(f"/schedules/{name}", {"trigger": trigger, "task": {"queue": f"console:{name}", "params": {}}})
        hook = await ada.post("/webhooks", {"name": name, "url": "https://example.org/hook", "paused": True})
        task = await ada.post(f"/queues/console/{name}/tasks", {"definition": name, "priority": "urgent", "params": {}})
        await wim.post(f"/tasks/{task['id']}/start", {})
        select = [{"getIn": ["kind"], "comparator": "eq", "value": name}]
        await ada.put(f"/triggers/{name}", {"selectBy": select, "task": {"definition": name, "params": {}}})
        link = {"url": "https://example.invalid/birds.ndjson"}
        job = await ada.post(f"/queues/console/{name}/imports", link)
        yield {"name": name, "flow": flow["id"], "task": task["id"], "webhook": hook["id"], "import": job["id"]}


PAGES = (
    "tasks",
    "tasks?show=running",
    "tasks/{task}",
    "queues",
    "queues/new",
    "queues/console:{name}",
    "queues/console:{name}?tab=dead",
    "queues/console:{name}?tab=settings",
    "dashboard",
    "flows",
    "flows?tab=templates",
    "flows/{flow}",
    "flows/{flow}?view=timeline",
    "flows/templates/{name}",
    "schedules",
    "schedules/new",
    "schedules/{name}",
    "triggers",
    "triggers/new",
    "triggers/{name}",
    "imports",
    "imports/{import}",
    "definitions",
    "definitions/{name}",
    "webhooks",
    "webhooks/{webhook}",
    "audit",
    "settings",
)


async def faults_of(page: Page, options: Mapping[str, Any]) -> list[str]:
    """What axe finds that is serious or critical, with where it is."""
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{fault['id']}: {node['html'][:160]}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


ALL = {"runOnly": TAGS}
COLOURS = {"runOnly": ["color-contrast"]}


@pytest.mark.parametrize(("dark", "rules"), [(False, ALL), (True, COLOURS)], ids=["light", "dark"])
async def test_axe_finds_nothing_on_any_page(
    shown: Mapping[str, str], visit: Visit, *, dark: bool, rules: Mapping[str, Any]
) -> None:
    page = await visit("ada", "tasks", dark=dark)
    home = page.url.removesuffix("tasks")
    faults: dict[str, list[str]] = {}
    for path in PAGES:
        await page.goto(home + path.format(**shown))
        if found := await faults_of(page, rules):
            faults[path] = found
    assert not faults


async def test_axe_finds_nothing_on_a_phone_or_at_an_operators(shown: Mapping[str, str], visit: Visit) -> None:
    page = await visit("wim", f"tasks/{shown['task']}", width=390)
    await expect(page.get_by_role("button", name="Complete")).to_be_visible()
    assert not await faults_of(page, ALL)
    admin = await visit("ada", "triggers", width=390)
    await expect(admin.get_by_role("row").filter(has_text=shown["name"]).first).to_be_visible()
    assert not await faults_of(admin, ALL)
    assert await admin.evaluate("document.documentElement.scrollWidth") <= 390
    operator = await visit("root", realm="core")
    assert not await faults_of(operator, ALL)


async def test_a_long_list_has_few_rows_in_the_page_and_is_fetched_as_it_is_read(caller: Callers, visit: Visit) -> None:
    """What keeps 100,000 tasks without a stall (`python -m tests.bench.console` measures it)."""
    name = f"long-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        await ada.put(f"/queues/console/{name}", {"bindings": BINDINGS})
        for start in range(0, 5000, 1000):
            tasks = [{"name": f"row {n}"} for n in range(start, start + 1000)]
            await ada.post(f"/queues/console/{name}/tasks/batch", {"tasks": tasks})
    page = await visit("rex", f"tasks?queue=console:{name}")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/api/v1/tasks?" in request.url else None)
    table = page.get_by_role("table", name="Tasks")
    await expect(table.get_by_role("link", name="row 0", exact=True)).to_be_visible()
    for reached in (100, 400, 700, 1000):
        await table.evaluate("element => element.scrollTo(0, element.scrollHeight)")
        await expect(table.get_by_role("link", name=f"row {reached}", exact=True)).to_be_attached()
        assert await table.get_by_role("row").count() < 80
    assert len(fetched) <= 7, fetched
    await page.get_by_role("searchbox", name="Search").fill("4711")
    await expect(table.get_by_role("link", name="row 4711")).to_be_visible()
    await expect(table.get_by_role("row")).to_have_count(2)
