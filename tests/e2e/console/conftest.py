"""A real browser that looks at the console of the shared stack."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support import console
from tests.support.stack import LocalStack

expect.set_options(timeout=console.PATIENCE)

Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    """Debian's Chromium."""
    async with console.chromium() as started:
        yield started


@pytest.fixture
async def visit(stack: LocalStack, browser: Browser) -> AsyncGenerator[Visit]:
    """Pages for people who log in there; an error in a script of theirs fails the test."""
    faults: list[str] = []

    async def open_page(
        user: str, path: str = "", *, realm: str = "demo", width: int = 1440, dark: bool = False, locale: str = "en-CA"
    ) -> Page:
        page = await console.new_page(browser, width=width, dark=dark, locale=locale)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        await console.log_in(page, stack.local["api"], user, path, realm=realm)
        return page

    yield open_page
    for context in browser.contexts:
        await context.close()
    assert not faults
