"""Takes the pictures of the console that the guides use: every screen, in a window and on a phone.

    make pictures          or: python -m tests.pictures.run [name ...]

A stack of its own with a scene in it. Pictures are in docs/images as console-NAME.png and console-NAME-390.png; where
`pngquant` is installed they are made small.
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page, expect

from tests.pictures import scene
from tests.support import console
from tests.support.people import Caller
from tests.support.stack import LocalStack, started

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE, NARROW = (1440, 900), (390, 844)
COLOURS = 200


async def _nothing(_: Page) -> None: ...


async def _choose_three(page: Page) -> None:
    for n in (1, 2, 4):
        await page.get_by_role("row").nth(n).get_by_role("checkbox").check()


async def _preview(page: Page) -> None:
    await page.get_by_role("checkbox", name="Choose all rows").check()
    await page.get_by_role("button", name="Choose all that match").click()
    await page.get_by_role("button", name="Priority", exact=True).click()
    await page.get_by_role("radio", name="High").check()
    await page.get_by_role("button", name="Set the priority").click()
    await expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()


async def _new_import(page: Page) -> None:
    await page.get_by_role("button", name="New import").click()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Begin the import")).to_be_visible()


async def _limits(page: Page) -> None:
    await page.get_by_role("button", name="Actions for demo").click()
    await page.get_by_role("menuitem", name="Change the limits").click()
    await expect(page.get_by_role("dialog").get_by_role("textbox", name="Open tasks")).to_be_visible()


async def _to_the_deadlines(page: Page) -> None:
    await page.get_by_role("heading", name="Due dates and what is late").scroll_into_view_if_needed()
    await page.get_by_role("heading", name="JSON Schema").or_(page.get_by_label("JSON Schema")).first.wait_for()
    await page.get_by_role("heading", name="Due dates and what is late").evaluate("e => e.scrollIntoView()")
    await page.evaluate("window.scrollBy(0, -70)")


class Screen(NamedTuple):
    """Who looks at what; what is done there first; on a phone, too, or only in a window."""

    name: str
    path: str
    user: str = "ada"
    does: Callable[[Page], Awaitable[None]] = _nothing
    phone: bool = True
    dark: bool = False


SCREENS = (
    Screen("worklist", "tasks?queue=airfield:desk", "ann", _choose_three),
    Screen("worklist-dark", "tasks?queue=airfield:desk", "wim", dark=True, phone=False),
    Screen("bulk", "tasks?queue=airfield:desk", "ann", _preview, phone=False),
    Screen("task", "tasks/{task}", "wim"),
    Screen("queues", "queues"),
    Screen("queue", "queues/airfield:desk"),
    Screen("queue-settings", "queues/airfield:desk?tab=settings"),
    Screen("queue-deadlines", "queues/airfield:desk?tab=settings", does=_to_the_deadlines),
    Screen("dead-letters", "queues/airfield:desk?tab=dead"),
    Screen("dashboard", "dashboard?queue=airfield:desk"),
    Screen("imports", "imports"),
    Screen("import", "imports/{import}"),
    Screen("import-new", "imports", does=_new_import),
    Screen("flows", "flows"),
    Screen("flow", "flows/{flow}"),
    Screen("flow-timeline", "flows/{flow}?view=timeline"),
    Screen("flow-template", "flows/templates/reports"),
    Screen("schedules", "schedules"),
    Screen("schedule", "schedules/{schedule}"),
    Screen("schedule-new", "schedules/new"),
    Screen("triggers", "triggers"),
    Screen("trigger", "triggers/{trigger}"),
    Screen("trigger-settings", "triggers/{trigger}?tab=settings"),
    Screen("definitions", "definitions"),
    Screen("definition", "definitions/reports%2Fweather"),
    Screen("webhooks", "webhooks"),
    Screen("webhook", "webhooks/{webhook}"),
    Screen("audit", "audit"),
    Screen("settings", "settings"),
    Screen("tenants", "tenants", "root"),
    Screen("tenant-limits", "tenants", "root", _limits),
)


class Photographer:
    """People who are logged in, and what their windows show."""

    def __init__(self, browser: Browser, api: str, ids: Mapping[str, str]) -> None:
        self._browser = browser
        self._api = api
        self._ids = ids
        self._pages: dict[tuple[str, bool], Page] = {}

    async def take(self, screen: Screen, *, phone: bool) -> None:
        """One picture."""
        page = await self._page(screen)
        width, height = NARROW if phone else WIDE
        await page.set_viewport_size({"width": width, "height": height})
        realm = "core" if screen.user == "root" else "demo"
        await page.goto(f"{self._api}/console/{realm}/{screen.path.format(**self._ids)}")
        await self._settled(page)
        await screen.does(page)
        await self._settled(page)
        file = IMAGES / f"console-{screen.name}{'-390' if phone else ''}.png"
        await page.screenshot(path=file, animations="disabled", caret="hide")
        shrink(file)

    async def _page(self, screen: Screen) -> Page:
        key = (screen.user, screen.dark)
        if key not in self._pages:
            page = await console.new_page(self._browser, dark=screen.dark)
            await console.log_in(page, self._api, screen.user, realm="core" if screen.user == "root" else "demo")
            self._pages[key] = page
        return self._pages[key]

    async def _settled(self, page: Page) -> None:
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
        await expect(page.locator("[aria-busy=true], .mantine-Skeleton-root")).to_have_count(0)
        await page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shrink(file: Path) -> None:
    """As few colours as nobody misses, and nothing about the machine."""
    if pngquant := shutil.which("pngquant"):
        told = [pngquant, "--force", "--strip", "--nofs", "--speed", "1", "--ext", ".png", str(COLOURS), str(file)]
        subprocess.run(told, check=True)


async def run(names: list[str]) -> None:
    """Take those of these names, or all."""
    expect.set_options(timeout=console.PATIENCE)
    with started("pictures") as stack:
        await _all(stack, names)


async def _all(stack: LocalStack, names: list[str]) -> None:
    local = stack.local

    def caller(name: str, realm: str = "demo") -> Caller:
        return Caller(local["api"], local["auth"], realm, name)

    async with AsyncExitStack() as still_open:
        ids = await scene.set_up(stack, caller, still_open)
        browser = await still_open.enter_async_context(console.chromium())
        photographer = Photographer(browser, local["api"], ids)
        for screen in SCREENS:
            if names and screen.name not in names:
                continue
            await photographer.take(screen, phone=False)
            if screen.phone:
                await photographer.take(screen, phone=True)
            sys.stdout.write(f"{screen.name}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:]))
