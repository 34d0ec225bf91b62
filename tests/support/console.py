"""The console in a real browser: Debian's Chromium, and people who log in there as they would."""

import contextlib
import shutil
from collections.abc import AsyncGenerator

from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import TimeoutError as Late

PATIENCE = 60_000
"""Milliseconds: a browser that starts beside all other tests takes its time."""


@contextlib.asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """A browser, closed at the end with all that is open in it."""
    found = shutil.which("chromium")
    assert found is not None, "apt-get install chromium (make test does it)"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield started
        await started.close()


async def new_page(
    browser: Browser, *, width: int = 1440, height: int = 900, dark: bool = False, locale: str = "en-CA"
) -> Page:
    """A page of a person that nobody knows yet, in a window of this size."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        locale=locale,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    return await context.new_page()


async def log_in(page: Page, api: str, user: str, path: str = "", *, realm: str = "demo") -> None:
    """Go to a path of an organisation's console, and log in on the way, by keyboard."""
    await page.goto(f"{api}/console/{realm}/{path}")
    try:
        await page.get_by_label("Username").fill(user)
        await page.get_by_label("Password").fill(user)
        await page.keyboard.press("Enter")
        await page.get_by_role("banner").wait_for()
    except Late as error:
        shown = await page.locator("body").inner_text()
        raise AssertionError(f"{user} is not logged in but at {page.url}: {shown!r}") from error
