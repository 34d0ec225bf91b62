"""The XFSC task service (contract xfsc-and-jobs 1): tasks and task lists from templates, their results and states.

A task template is a definition with an HTTP target, a list template a flow template of the driver groups. Bodies and
codes are upstream's; the templates, which upstream keeps in a collection, have calls of their own.
"""

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, flow_guards, guards, problems, routing
from api.context import Catalogues, Flowed, Lives, Reads, Recording, Templating
from api.faces import xfsc_answers as answers
from api.faces import xfsc_templates as templates
from api.faces.xfsc_answers import XfscError
from api.schemas.common import storable
from auth import policy
from auth.policy import Action, Ties
from core import errors
from core.creation import Submission
from core.flow_life import Launch
from core.task import Outcome, State

_NAMESPACE, _SCOPE = "x-cache-namespace", "x-cache-scope"


class Route(routing.Guarded):
    """A route for callers with a token, whose refusals are upstream's."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's."""
        kwargs["responses"] = answers.RESPONSES | (kwargs.get("responses") or {})
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The guarded handler, its refusals in upstream's shape."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except errors.PenstockError as error:
                return answers.refusal(error)
            except RequestValidationError as error:
                return answers.refusal(problems.invalid_of(error))

        return handler


router = APIRouter(prefix="/v1", route_class=Route, tags=["XFSC tasks"])

Cache = Annotated[str | None, Header(max_length=200)]


@router.post("/task/{task_name:path}", responses=answers.ok("The task is taken."))
async def xfsc_create_task(
    *,
    request: Request,
    at: guards.Member,
    task_name: str,
    lifecycle: Lives,
    x_cache_namespace: Cache = None,
    x_cache_scope: Cache = None,
) -> Response:
    """Take a task of a template."""
    params = await _payload(request)
    directory = context.of(request).parts.directory
    try:
        definition = await directory.definition(at.tenant, task_name)
    except errors.NotFound:
        raise XfscError(404, 5, "task template not found") from None
    queue = await directory.queue(at.tenant, definition.queue)
    policy.require(at.who, Action.SUBMIT, queue.bindings)
    usual = templates.cache_of(definition)
    submission = Submission(
        definition=definition.name,
        params=params,
        context=_cached(x_cache_namespace or usual.get("cacheNamespace"), x_cache_scope or usual.get("cacheScope")),
    )
    done = await lifecycle.submit_one(queue, submission, by=at.by)
    return answers.reply({"taskID": done.task.id})


@router.get("/taskResult/{task_id}", responses=answers.ok("The result, as it is."))
async def xfsc_get_task_result(request: Request, at: guards.Member, task_id: str, record: Reads) -> Response:
    """Read the result of a task that is done; where it is cached is in the headers."""
    task = await record.tasks.get(at.tenant, task_id)
    if task is None or (task.state is State.DONE and task.outcome is not Outcome.SUCCEEDED):
        raise XfscError(404, 5, "task is not found")
    bindings = await flow_guards.bindings_of(request, at.tenant, task.queue)
    policy.require(at.who, Action.READ, bindings, policy.ties_of(task))
    if task.state is not State.DONE:
        raise XfscError(404, 5, "no result, task is not completed")
    cached = {_NAMESPACE: task.context.get("cacheNamespace"), _SCOPE: task.context.get("cacheScope")}
    return answers.reply(task.result, headers={name: value for name, value in cached.items() if isinstance(value, str)})


@router.post("/taskList/{list_name:path}", responses=answers.ok("The list is taken."))
async def xfsc_create_task_list(
    *,
    request: Request,
    at: guards.Member,
    list_name: str,
    flows: Flowed,
    templating: Templating,
    x_cache_namespace: Cache = None,
    x_cache_scope: Cache = None,
) -> Response:
    """Take a list of tasks in groups."""
    params = await _payload(request)
    try:
        template = await templating.get(at.tenant, list_name)
    except errors.NotFound:
        raise XfscError(404, 5, "taskList template not found") from None
    bindings = await flow_guards.bindings_of(request, at.tenant, template.content.queue)
    policy.require(at.who, Action.SUBMIT, bindings)
    directory = context.of(request).parts.directory
    for name in {name for group in template.content.groups for name in group.tasks}:
        try:
            await directory.definition(at.tenant, name)
        except errors.NotFound:
            raise XfscError(404, 5, "failed to create tasks for taskList") from None
    launch = Launch(params=params, context=_cached(x_cache_namespace, x_cache_scope))
    flow, _ = await flows.start(template, launch, by=at.by)
    return answers.reply({"taskListID": flow.id})


@router.get("/taskListStatus/{list_id}", responses=answers.STATUSES)
async def xfsc_get_task_list_status(
    request: Request, at: guards.Member, list_id: str, record: Reads, templating: Templating
) -> Response:
    """Say how far a list is: 200 done, 201 created, 202 pending, 207 failed."""
    flow = await record.flows.get(at.tenant, list_id)
    if flow is None:
        raise XfscError(404, 5, "taskList is not found")
    bindings = await flow_guards.bindings_of(request, at.tenant, flow.queue)
    policy.require(at.who, Action.READ, bindings, Ties(creator=flow.created_by.id))
    template = await templating.version(at.tenant, flow.template, flow.version)
    tasks = await record.flows.child_tasks(at.tenant, answers.children(template.content, flow))
    return answers.list_status(template.content, flow, tasks)


# --- templates ---


@router.put("/taskTemplates/{task_name:path}", responses=answers.ok("The template is kept."))
async def xfsc_put_task_template(
    request: Request, at: guards.Founding, task_name: str, catalogue: Catalogues
) -> Response:
    """Keep a task template as upstream's collection has it; `queue` says where its tasks go, else `xfsc:tasks`."""
    body = templates.read_task(task_name, await _payload(request))
    parts = context.of(request).parts
    await templates.queue_ready(parts, at, body.queue)
    made, _ = await catalogue.put(at.tenant, task_name, body.fields(parts.settings), by=at.by, match=None)
    return answers.reply(templates.task_json(made))


@router.get("/taskTemplates/{task_name:path}", responses=answers.ok("The template."))
async def xfsc_get_task_template(at: guards.Founding, task_name: str, record: Reads) -> Response:
    """Read a task template."""
    found = await record.definitions.get(at.tenant, task_name)
    if found is None:
        raise XfscError(404, 5, "task template not found")
    return answers.reply(templates.task_json(found))


@router.delete("/taskTemplates/{task_name:path}", status_code=204, responses=described.empty(204, "It is gone."))
async def xfsc_delete_task_template(
    at: guards.Founding, task_name: str, record: Reads, catalogue: Catalogues
) -> Response:
    """Remove a task template."""
    found = await record.definitions.get(at.tenant, task_name)
    if found is None:
        raise XfscError(404, 5, "task template not found")
    await catalogue.remove(found, match=None)
    return Response(status_code=204)


@router.put("/taskListTemplates/{list_name:path}", responses=answers.ok("The template is kept."))
async def xfsc_put_list_template(
    request: Request, at: guards.Founding, list_name: str, templating: Templating
) -> Response:
    """Keep a list template as upstream's collection has it."""
    queue, body = templates.read_list(list_name, await _payload(request))
    await templates.queue_ready(context.of(request).parts, at, queue)
    made, _ = await templating.put(at.tenant, list_name, body, by=at.by, match=None)
    return answers.reply(templates.list_json(made))


@router.get("/taskListTemplates/{list_name:path}", responses=answers.ok("The template."))
async def xfsc_get_list_template(at: guards.Founding, list_name: str, templating: Templating) -> Response:
    """Read a list template."""
    try:
        return answers.reply(templates.list_json(await templating.get(at.tenant, list_name)))
    except errors.NotFound:
        raise XfscError(404, 5, "taskList template not found") from None


@router.delete("/taskListTemplates/{list_name:path}", status_code=204, responses=described.empty(204, "It is gone."))
async def xfsc_delete_list_template(at: guards.Founding, list_name: str, templating: Templating) -> Response:
    """Remove a list template; lists that run go on."""
    try:
        found = await templating.get(at.tenant, list_name)
    except errors.NotFound:
        raise XfscError(404, 5, "taskList template not found") from None
    await templating.remove(found, match=None)
    return Response(status_code=204)


@router.put("/eventTasks/{event_name}", responses=answers.ok("The event task is kept."))
async def xfsc_put_event_task(request: Request, at: guards.Founding, event_name: str, records: Recording) -> Response:
    """Say which task an event sets off that `POST /api/v1/records` reports; its template needs a `requestPolicy`."""
    found = templates.read_event(at.tenant, event_name, await _payload(request))
    try:
        definition = await context.of(request).parts.directory.definition(at.tenant, found.task_name)
    except errors.NotFound:
        raise XfscError(404, 5, "task template not found") from None
    if not definition.target.options.get("requestPolicy"):
        raise XfscError(400, 1, f"taskName: the template {found.task_name} has no requestPolicy")
    await records.put_event_task(found)
    return answers.reply(templates.event_json(found))


@router.get("/eventTasks/{event_name}", responses=answers.ok("The event task."))
async def xfsc_get_event_task(at: guards.Founding, event_name: str, records: Recording) -> Response:
    """Read an event task."""
    found = await records.event_task(at.tenant, event_name)
    if found is None:
        raise XfscError(404, 5, "event task not found")
    return answers.reply(templates.event_json(found))


@router.delete("/eventTasks/{event_name}", status_code=204, responses=described.empty(204, "It is gone."))
async def xfsc_delete_event_task(at: guards.Founding, event_name: str, records: Recording) -> Response:
    """Remove an event task."""
    if not await records.remove_event_task(at.tenant, event_name):
        raise XfscError(404, 5, "event task not found")
    return Response(status_code=204)


# --- for everybody ---

probes = APIRouter(route_class=routing.Plain, tags=["XFSC tasks"])


@probes.get("/liveness", responses=answers.ok("It is up."))
async def xfsc_liveness() -> Response:
    """Say that the service is up, in upstream's words; `/health/ready` knows more."""
    return answers.reply(answers.UP)


@probes.get("/readiness", responses=answers.ok("It is up."))
async def xfsc_readiness() -> Response:
    """The same."""
    return answers.reply(answers.UP)


# --- shared ---


async def _payload(request: Request) -> Any:
    """The first JSON value of the body, whatever its content type says (contract 1.1)."""
    raw = await request.body()
    if not raw.strip():
        raise XfscError(400, 1, "missing required payload")
    try:
        text = raw.decode().lstrip()
        value, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)
        return storable(value)
    except (ValueError, RecursionError) as error:
        raise XfscError(400, 1, str(error)) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _cached(namespace: object, scope: object) -> dict[str, Any]:
    """Where upstream would cache the result; empty is absent."""
    return {name: cast("str", value) for name, value in (("cacheNamespace", namespace), ("cacheScope", scope)) if value}
