"""Listings, page after page."""

from collections.abc import AsyncIterator
from typing import TypeVar

from penstock.models.base import Page, Record
from penstock.transport import Call, Query, Transport

Item = TypeVar("Item", bound=Record)
_PAGE = 200


async def walk(
    transport: Transport, path: str, page: type[Page[Item]], query: Query | None = None, *, limit: int | None = None
) -> AsyncIterator[Item]:
    """Every item of a listing, at most `limit`; a page is asked for when the one before was looked at."""
    left = limit
    after: str | None = None
    while left is None or left > 0:
        asked = {**(query or {}), "after": after, "limit": min(_PAGE, left or _PAGE)}
        found = await transport.answer(Call(method="GET", path=path, query=asked, repeatable=True), page)
        for item in found.items:
            yield item
        left = None if left is None else left - len(found.items)
        if (after := found.next) is None:
            return
