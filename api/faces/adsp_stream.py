"""ADSP's stream of task events (contract adsp 5) as server-sent events, which here can be taken up where it broke off.

Each frame is an `id` and a line of `data`, without a name: so a browser's `onmessage` gets it, as it gets upstream's.
"""

from collections.abc import Sequence

import msgspec
from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from api import context, streams
from api.faces import adsp_answers as answers
from api.faces import adsp_asked, adsp_rights
from api.feed import Item
from api.frames import Frames
from auth.principal import Principal
from core import adsp_events
from core.adsp_events import Criteria

PREFIX = "/stream/v1"
_TYPES = frozenset(adsp_events.NAMES)
_MOST = 2**63

router = APIRouter(prefix=PREFIX, route_class=adsp_asked.Route, tags=["ADSP task service"])


class Teller:
    """What one listener is told."""

    def __init__(self, frames: Frames, tenant: str, criteria: Criteria) -> None:
        self._frames = frames
        self._tenant = tenant
        self._criteria = criteria

    async def __call__(self, items: Sequence[Item]) -> bytes:
        """The frames of those that fit."""
        wanted = [item.event for item in items if item.event.type in _TYPES and self._criteria.may_fit(item.event)]
        frames = await self._frames.of(self._tenant, wanted) if wanted else []
        return b"".join(frame.data for frame in frames if self._criteria.fits(frame.told))


@router.get(
    "/streams/{stream}",
    responses={200: {"description": "Events as they happen.", "content": {streams.EventStream.media_type: {}}}},
)
async def adsp_follow_stream(request: Request, stream: str) -> Response:
    """Follow the task events of a tenant as server-sent events.

    `criteria` (JSON: `correlationId`, `context`) narrows them, `tenant` names the tenant for a core account. After
    `Last-Event-ID` (or the query parameter `lastEventId`) it begins with everything since that event.
    """
    who = adsp_asked.caller(request)
    tenant = adsp_asked.tenant_of(who, request.query_params.get("tenant"))
    criteria, after = _criteria(request.query_params), _after(request)
    if stream != adsp_events.STREAM:
        raise answers.missing("stream", stream)
    _need(who)
    here = context.of(request)
    await here.feed.events.newest(tenant)
    following = streams.Stream(
        here.feed,
        who,
        streams.Wanted(types=_TYPES),
        after=after,
        clock=here.parts.clock,
        tenant=tenant,
        telling=Teller(here.frames, tenant, criteria),
    )
    quotas = here.parts.quotas
    limits = await quotas.limits(following.tenant)
    return streams.EventStream(following, here.measures.waiting.labels("stream"), quotas, limits)


def _need(who: Principal) -> None:
    if not adsp_rights.subscribes(who):
        raise answers.Refused(403, f"User {who.name} (ID: {who.subject}) not permitted to subscribe to stream.")


def _criteria(params: QueryParams) -> Criteria:
    text = params.get("criteria")
    if not text:
        return Criteria()
    try:
        return Criteria.read(msgspec.json.decode(text))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise answers.invalid([("criteria", "query")]) from None


def _after(request: Request) -> int | None:
    text = request.headers.get("last-event-id") or request.query_params.get("lastEventId")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < _MOST):
        raise answers.invalid([("lastEventId", "query")])
    return int(text)
