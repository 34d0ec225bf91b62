"""What happened: a task's history, and the tenant's feed of events as a stream or by the page."""

from typing import Annotated

from fastapi import Header, Query
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, guards, replies, routing, shown, streams
from api.context import Feeds
from api.feed import Feed
from api.schemas import views
from api.schemas.events import EventParams, HistoryParams, Number
from auth import policy
from auth.policy import Action
from core.events import Event

router = routing.router("events")

_STREAM = "text/event-stream"
_PAGE = described.answers(views.EventPageView, "A page of events.")
_EITHER: described.Responses = {
    200: {"description": "The stream, or a page of it.", "content": {_STREAM: {}, **_PAGE[200]["content"]}}
}

LastEventId = Annotated[Number | None, Header(description="The number of the last event that the caller has")]


@router.get("/tasks/{task_id}/history", responses=_PAGE)
async def get_history(at: guards.ReadingTask, asked: Annotated[HistoryParams, Query()], feed: Feeds) -> Response:
    """List what happened to a task, the oldest first."""
    events = await feed.events.history(at.tenant, at.task.id, after_seq=asked.after, limit=asked.limit)
    return _page(events, following=str(events[-1].seq) if len(events) == asked.limit else None)


@router.get("/events", responses=_EITHER)
async def follow_events(
    at: guards.Member,
    asked: Annotated[EventParams, Query()],
    request: Request,
    feed: Feeds,
    last_event_id: LastEventId = None,
) -> Response:
    """Follow events as they happen (server-sent events).

    After `Last-Event-ID` it begins with everything since that event, else with what happens next; each event comes
    once, in order, as far as the caller may read its queue. With `task`, those of a task that it may read. A comment
    comes at once and every 15 seconds, with an `id`: all up to that number was sent. The stream ends with the caller's
    token. With `Accept: application/json` it answers a page.
    """
    await _admit(request, at, asked)
    wanted = streams.Wanted(queues=frozenset(asked.queue) or None, types=frozenset(asked.type) or None, task=asked.task)
    if _wants_page(request):
        return await _events_page(feed, at, asked, wanted)
    await feed.events.newest(at.tenant)
    after = asked.last_event_id if last_event_id is None else last_event_id
    here = context.of(request)
    stream = streams.Stream(feed, at.who, wanted, after=after, clock=here.parts.clock)
    quotas = here.parts.quotas
    limits = await quotas.limits(stream.tenant)
    return streams.EventStream(stream, here.measures.waiting.labels("stream"), quotas, limits)


async def _admit(request: Request, at: guards.InTenant, asked: EventParams) -> None:
    """Raise unless what was named is there (404) and the caller may read it (403)."""
    if asked.task is not None:
        (await guards.on_task(request, asked.task)).require(Action.READ)
    directory = context.of(request).parts.directory
    for key in asked.queue:
        queue = await directory.queue(at.tenant, key)
        if asked.task is None:
            policy.require(at.who, Action.READ, queue.bindings)


def _wants_page(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return replies.JSON in accept and _STREAM not in accept


async def _events_page(feed: Feed, at: guards.InTenant, asked: EventParams, wanted: streams.Wanted) -> Response:
    sieve = streams.Sieve(at.who, wanted)
    if asked.task is not None:
        found = await feed.events.history(at.tenant, asked.task, after_seq=asked.after or 0, limit=asked.limit)
        following = found[-1].seq if len(found) == asked.limit else None
    else:
        queues, types = asked.queue or None, asked.type or None
        part = await feed.events.since(at.tenant, asked.after or 0, limit=asked.limit, queues=queues, types=types)
        found, following = part.events, part.reached if len(part.events) == asked.limit else None
    events = [event for event in found if sieve.passes(await feed.resolved(event))]
    return _page(events, following=None if following is None else str(following))


def _page(events: list[Event], *, following: str | None) -> Response:
    return replies.reply(views.EventPageView(items=tuple(shown.event_view(event) for event in events), next=following))
