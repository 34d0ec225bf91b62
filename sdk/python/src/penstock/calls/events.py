"""What happens, as it happens: server-sent events that are taken up again where the connection broke."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import httpx
from pydantic import ValidationError

from penstock import errors
from penstock.calls import paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page
from penstock.models.platform import Event
from penstock.transport import Call, Query, Retries

_PATH = f"{paths.ROOT}/events"
_SILENCE_SECONDS = 45.0
"""The server says something every 15 s; after three times that the connection is taken for dead."""
_RETRIES = Retries(most=10.0)


class EventCalls(Calls):
    """Calls on events."""

    @operation
    async def page(
        self,
        *,
        queue: str | Sequence[str] | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002 - the name on the wire
        task: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[Event]:
        """One page of what happened."""
        query: Query = {"queue": queue, "type": type, "task": task, "after": after, "limit": limit}
        return await self._transport.answer(Call(method="GET", path=_PATH, query=query, repeatable=True), Page[Event])

    @stream
    async def follow(
        self,
        *,
        queue: str | Sequence[str] | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002 - the name on the wire
        task: str | None = None,
        last_event_id: str | None = None,
        on_open: Callable[[], None] | None = None,
    ) -> AsyncIterator[Event]:
        """Everything from now on (or after `last_event_id`), for ever; nothing is missed while the connection is away.

        `on_open` is called each time the server follows: what happens from then on is heard. Raises what the server
        refuses, never a lost connection.
        """
        query: Query = {"queue": queue, "type": type, "task": task}
        last, failures = last_event_id, 0
        while True:
            headers = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
            call = Call(method="GET", path=_PATH, query=query, headers=headers, read_seconds=_SILENCE_SECONDS)
            retry_after = None
            try:
                async with self._transport.stream(call) as response:
                    failures = 0
                    if on_open is not None:
                        on_open()
                    async for number, event in _events(response):
                        last = number or last
                        if event is not None:
                            yield event
            except (errors.ConnectionLost, errors.Unavailable, errors.TooManyRequests) as lost:
                retry_after = lost.retry_after if isinstance(lost, errors.ApiError) else None
            failures += 1
            await asyncio.sleep(_RETRIES.rest(failures, retry_after))


async def _events(response: httpx.Response) -> AsyncIterator[tuple[str, Event | None]]:
    """The events of a stream with their ids (WHATWG HTML, 9.2.6); None where only the id is told, or is not ours."""
    number, data = "", list[str]()
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            number = value
        elif name == "data":
            data.append(value)
        elif line == "":
            yield number, _parsed("\n".join(data)) if data else None
            data.clear()


def _parsed(data: str) -> Event | None:
    try:
        return Event.model_validate_json(data)
    except ValidationError:
        return None
