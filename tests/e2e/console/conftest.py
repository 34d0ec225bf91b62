"""A real browser that looks at the console of the shared stack."""

import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from playwright.async_api import TimeoutError as Late

from tests.support.stack import LocalStack

PATIENCE = 60_000
"""Milliseconds: a browser that starts beside all other tests takes its time."""
expect.set_options(timeout=PATIENCE)

Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    """Debian's Chromium."""
    found = shutil.which("chromium")
    assert found is not None, "apt-get install chromium (make test does it)"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield started
        await started.close()


@pytest.fixture
async def visit(stack: LocalStack, browser: Browser) -> AsyncGenerator[Visit]:
    """Pages for people who log in there; an error in a script of theirs fails the test."""
    faults: list[str] = []

    async def open_page(
        user: str, path: str = "", *, realm: str = "demo", width: int = 1440, dark: bool = False, locale: str = "en-CA"
    ) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            locale=locale,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        await page.goto(f"{stack.local['api']}/console/{realm}/{path}")
        try:
            await page.get_by_label("Username").fill(user)
            await page.get_by_label("Password").fill(user)
            await page.get_by_role("button", name="Sign In").click()
            await page.get_by_role("navigation").wait_for()
        except Late as error:
            shown = await page.locator("body").inner_text()
            raise AssertionError(f"{user} is not logged in but at {page.url}: {shown!r} {faults}") from error
        return page

    yield open_page
    for context in browser.contexts:
        await context.close()
    assert not faults
