"""Who asks, at which queue and about which task, on ADSP's face: its order of checks, and its error bodies."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, replies, routing
from api.context import Context
from api.faces import adsp_answers as answers
from api.faces import adsp_input as given
from api.faces import adsp_rights as rights
from api.schemas.common import storable
from auth.principal import CORE, Principal
from core import adsp as shapes
from core import errors, ids
from core.queue import Bindings, Queue
from core.task import Actor, Task

_BODY, _CALLER = "adsp.body", "adsp.caller"
_NO_TENANT = "Cannot retrieve task without tenant context."

_JSON: dict[str, Any] = {"application/json": {"schema": {}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "As ADSP's task service answers.", "content": _JSON},
    **{
        status: {"description": text, "content": _JSON}
        for status, text in {
            400: "The request or the state does not allow it (`errorMessage`).",
            403: "Not permitted.",
            404: "No such queue or task.",
            409: "Changed by others at the same moment.",
            422: "The data does not fit the queue's schema.",
            429: "A limit was reached.",
            503: "A store is away.",
        }.items()
    },
    304: {"description": "What the caller has (`If-None-Match`) is as it is now."},
    401: {"description": "No acceptable token.", "content": {"text/plain; charset=utf-8": {}}},
    413: {"description": "The body is too large.", "content": {"application/problem+json": {}}},
}


class Route(routing.Plain):
    """Reads the body, then the caller, then the rest, and answers every refusal in ADSP's shape."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's, with the answers that every path of this face may give."""
        kwargs["responses"] = _RESPONSES | (kwargs.get("responses") or {})
        kwargs["openapi_extra"] = {"security": [{described.BEARER: []}]}
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler between ADSP's order of checks and its error bodies."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                request.scope[_BODY] = await _read_body(request)
                request.scope[_CALLER] = await _identify(request)
                return answers.tagged(request, await handle(request))
            except errors.PenstockError as error:
                return answers.refusal(error)

        return handler


class Asked(msgspec.Struct, frozen=True):
    """A caller in a tenant, at a queue or not, about a task or not."""

    who: Principal
    tenant: str
    parts: Context
    queue: Queue | None = None
    task: Task | None = None

    @property
    def by(self) -> Actor:
        """The caller as records name it."""
        return Actor(id=self.who.subject, name=self.who.name, email=self.who.email)

    @property
    def bindings(self) -> Bindings:
        """The queue's roles; a task whose queue is gone has none, so that only admins and readers reach it."""
        return Bindings() if self.queue is None else self.queue.bindings

    @property
    def known(self) -> Task:
        """The task."""
        assert self.task is not None
        return self.task

    @property
    def home(self) -> Queue:
        """The queue; raises when it was removed."""
        if self.queue is None:
            raise answers.missing("queue", self.known.queue)
        return self.queue

    def need(self, allowed: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence: need(may, "to do")
        """Raise ADSP's 403 unless allowed."""
        if not allowed:
            raise answers.Refused(403, f"User {self.who.name} (ID: {self.who.subject}) not permitted to {what}.")

    def view(self, task: Task) -> Response:
        """The task as the answer."""
        return replies.reply(shapes.task_view(task, has_queue=self.queue is not None))


async def _read_body(request: Request) -> Any:
    """The body before anything else, as upstream does; objects and arrays only."""
    raw = await request.body()
    if not raw or request.method not in {"POST", "PATCH"}:
        return None
    try:
        value: object = storable(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise answers.Refused(400, f"Malformed request body: {error}") from None
    if not isinstance(value, dict | list):
        raise answers.Refused(400, "Malformed request body: an object or an array is needed.")
    return cast("Any", value)


async def _identify(request: Request) -> Principal:
    return await context.of(request).callers.identify(request.scope["headers"], request.method)


def asked_of(request: Request) -> Asked:
    """The caller and its tenant: its own, or for a core account the one that `tenantId` names."""
    who = caller(request)
    return Asked(who, tenant_of(who, request.query_params.get("tenantId")), context.of(request))


def body_of(request: Request) -> Any:
    """The JSON that `Route` read."""
    return request.scope[_BODY]


def caller(request: Request) -> Principal:
    """Who `Route` found."""
    return request.scope[_CALLER]


def tenant_of(who: Principal, named: str | None) -> str:
    """The caller's own tenant; for a core account the one that it named."""
    if who.tenant != CORE:
        return who.tenant
    tenant = (named or "").removeprefix(shapes.TENANT_URN)
    if ids.TENANT.fullmatch(tenant) is None or tenant == CORE:
        raise answers.Refused(400, _NO_TENANT)
    return tenant


async def at_queue(request: Request, namespace: str, name: str) -> Asked:
    """The caller at a queue; raises ADSP's 404."""
    key = given.names(namespace, name)
    asked = asked_of(request)
    try:
        queue = await asked.parts.parts.directory.queue(asked.tenant, key)
    except errors.NotFound:
        raise answers.missing("queue", key) from None
    return msgspec.structs.replace(asked, queue=queue)


async def about_task(request: Request, task_id: str) -> Asked:
    """The task and its queue, if that still is."""
    wanted = given.task_id(task_id)
    asked = asked_of(request)
    task = await asked.parts.parts.record.tasks.get(asked.tenant, wanted)
    if task is None:
        raise answers.missing("task", wanted)
    try:
        queue = await asked.parts.parts.directory.queue(asked.tenant, task.queue)
    except errors.NotFound:
        queue = None
    return msgspec.structs.replace(asked, queue=queue, task=task)


async def accessed(request: Request, task_id: str, at: tuple[str, str] | None = None) -> Asked:
    """The task, to which the caller has access, in the queue of the path where that names one."""
    key = None if at is None else (await at_queue(request, *at)).home.key
    asked = await about_task(request, task_id)
    asked.need(rights.access(asked.who, asked.bindings), "access task")
    if key is not None and asked.known.queue != key:
        raise answers.missing("task", asked.known.id)
    return asked
