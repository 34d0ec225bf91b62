"""How a route of the jobs API begins and refuses: our guards, FastAPI's error bodies."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from api import described, routing
from api.faces import jobs_answers as answers
from api.schemas import job_views as views
from core import errors

_REFUSALS = {
    401: "The caller is not known.",
    403: "The caller may not do this.",
    404: "There is no such thing for this caller.",
    409: "It does not fit the present state, or an id or key that is taken.",
    429: "A limit was reached; see Retry-After.",
    503: "A store is away; see Retry-After.",
}


def _responses() -> described.Responses:
    found: described.Responses = {}
    for status, text in _REFUSALS.items():
        found |= described.answers(views.JobRefusalView, text, status=status)
    return found | described.answers(views.JobFaultsView, "The request is malformed.", status=422)


class Route(routing.Guarded):
    """A route for callers with a token, whose refusals are `{"detail": ...}`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's."""
        kwargs["responses"] = _responses() | (kwargs.get("responses") or {})
        super().__init__(path, endpoint, **kwargs)
        self.responses.pop(400, None)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The guarded handler, its refusals in FastAPI's shape."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except errors.PenstockError as error:
                return answers.refusal(error)
            except RequestValidationError as error:
                return answers.malformed(error)

        return handler


def router() -> APIRouter:
    """A group of routes at the root of the API's host."""
    return APIRouter(route_class=Route, tags=["jobs API"])
