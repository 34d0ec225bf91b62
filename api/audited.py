"""Which operations leave a row in the audit trail, as one table; a test makes sure that it knows every operation.

What an operation changes is read before and after it, so that no handler can forget to say. Tasks have histories of
their own, and are not here but for what is done to many at once. Refusals leave no row.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from auth.principal import CORE, Principal
from core import audit
from core.audit import Change
from core.clock import Clock
from core.task import Actor
from store.audit import Audit

NATIVE = "/api/v1"
QUEUE = f"{NATIVE}/queues/{{namespace}}/{{name}}"
_SCHEDULE = f"{NATIVE}/schedules/{{schedule_id}}"
_TRIGGER = f"{NATIVE}/triggers/{{trigger_id}}"
WEBHOOK = f"{NATIVE}/webhooks/{{webhook_id}}"
_TENANT = f"{NATIVE}/tenants/{{tenant}}"
_JOB = "/scheduler/jobs/{job_id}"
_HIDDEN = frozenset({"_id", "value", "sealed", "secret", "keys"})
"""Members of documents that no trail shows: values of secrets, and what signs."""


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What is noted of an operation."""

    action: str
    collection: str | None = None
    """Where the thing is kept that it changes; None when there is none to show."""
    target: str
    """The name of the thing, of the path's parameters; `@location` and `@id` are those of what was made."""


def _trail(action: str, collection: str | None, target: str) -> Trail:
    return Trail(action=action, collection=collection, target=target)


def _queue(action: str, collection: str | None = "queues") -> Trail:
    return _trail(f"queue.{action}", collection, "{namespace}:{name}")


TRAILS: Mapping[tuple[str, str], Trail] = {
    ("PUT", _TENANT): _trail("tenant.put", "tenants", "{tenant}"),
    ("PATCH", _TENANT): _trail("tenant.patch", "tenants", "{tenant}"),
    ("DELETE", _TENANT): _trail("tenant.delete", "tenants", "{tenant}"),
    ("GET", f"{_TENANT}/export"): _trail("tenant.export", None, "{tenant}"),
    ("POST", f"{_TENANT}/import"): _trail("tenant.import", None, "{tenant}"),
    ("PUT", QUEUE): _queue("put"),
    ("PATCH", QUEUE): _queue("patch"),
    ("DELETE", QUEUE): _queue("delete"),
    ("POST", f"{QUEUE}/pause"): _queue("pause"),
    ("POST", f"{QUEUE}/resume"): _queue("resume"),
    ("POST", f"{QUEUE}/purge"): _queue("purge", None),
    ("POST", f"{QUEUE}/redrive"): _trail("redrive.begin", "redrives", "@location"),
    ("POST", f"{QUEUE}/redrives/{{redrive_id}}/undo"): _trail("redrive.undo", "redrives", "{redrive_id}"),
    ("POST", f"{QUEUE}/imports"): _trail("import.begin", "imports", "@location"),
    ("POST", f"{QUEUE}/imports/upload"): _trail("import.upload", "imports", "@location"),
    ("POST", f"{NATIVE}/imports/{{import_id}}/cancel"): _trail("import.cancel", "imports", "{import_id}"),
    ("POST", f"{NATIVE}/bulk-actions/{{token}}/run"): _trail("bulk.run", "bulks", "{token}"),
    ("POST", f"{NATIVE}/bulk-actions/{{token}}/stop"): _trail("bulk.stop", "bulks", "{token}"),
    ("PUT", f"{NATIVE}/definitions/{{definition}}"): _trail("definition.put", "definitions", "{definition}"),
    ("PATCH", f"{NATIVE}/definitions/{{definition}}"): _trail("definition.patch", "definitions", "{definition}"),
    ("DELETE", f"{NATIVE}/definitions/{{definition}}"): _trail("definition.delete", "definitions", "{definition}"),
    ("PUT", f"{NATIVE}/flow-templates/{{template}}"): _trail("template.put", "flowTemplates", "{template}"),
    ("DELETE", f"{NATIVE}/flow-templates/{{template}}"): _trail("template.delete", "flowTemplates", "{template}"),
    ("POST", f"{NATIVE}/schedules"): _trail("schedule.post", "schedules", "@location"),
    ("PUT", _SCHEDULE): _trail("schedule.put", "schedules", "{schedule_id}"),
    ("PATCH", _SCHEDULE): _trail("schedule.patch", "schedules", "{schedule_id}"),
    ("DELETE", _SCHEDULE): _trail("schedule.delete", "schedules", "{schedule_id}"),
    ("POST", f"{_SCHEDULE}/pause"): _trail("schedule.pause", "schedules", "{schedule_id}"),
    ("POST", f"{_SCHEDULE}/resume"): _trail("schedule.resume", "schedules", "{schedule_id}"),
    ("POST", f"{_SCHEDULE}/run"): _trail("schedule.run", None, "{schedule_id}"),
    ("PUT", f"{NATIVE}/aidbox/scheduler-rules/{{schedule_id}}"): _trail("schedule.put", "schedules", "{schedule_id}"),
    ("PUT", f"{NATIVE}/aidbox/subscription-rules/{{trigger_id}}"): _trail("trigger.put", "triggers", "{trigger_id}"),
    ("POST", f"{NATIVE}/triggers"): _trail("trigger.post", "triggers", "@location"),
    ("PUT", _TRIGGER): _trail("trigger.put", "triggers", "{trigger_id}"),
    ("PATCH", _TRIGGER): _trail("trigger.patch", "triggers", "{trigger_id}"),
    ("DELETE", _TRIGGER): _trail("trigger.delete", "triggers", "{trigger_id}"),
    ("POST", f"{_TRIGGER}/pause"): _trail("trigger.pause", "triggers", "{trigger_id}"),
    ("POST", f"{_TRIGGER}/resume"): _trail("trigger.resume", "triggers", "{trigger_id}"),
    ("POST", f"{_TRIGGER}/run"): _trail("trigger.run", None, "{trigger_id}"),
    ("POST", f"{NATIVE}/scheduler/pause"): _trail("scheduler.pause", None, ""),
    ("POST", f"{NATIVE}/scheduler/resume"): _trail("scheduler.resume", None, ""),
    ("PUT", f"{NATIVE}/secrets/{{name}}"): _trail("secret.put", "secrets", "{name}"),
    ("DELETE", f"{NATIVE}/secrets/{{name}}"): _trail("secret.delete", "secrets", "{name}"),
    ("POST", f"{NATIVE}/webhooks"): _trail("webhook.post", "webhooks", "@location"),
    ("PATCH", WEBHOOK): _trail("webhook.patch", "webhooks", "{webhook_id}"),
    ("DELETE", WEBHOOK): _trail("webhook.delete", "webhooks", "{webhook_id}"),
    ("POST", f"{WEBHOOK}/rotate-secret"): _trail("webhook.rotate", "webhooks", "{webhook_id}"),
    ("POST", f"{WEBHOOK}/replay"): _trail("webhook.replay", None, "{webhook_id}"),
    ("PUT", "/v1/taskTemplates/{task_name}"): _trail("definition.put", "definitions", "{task_name}"),
    ("DELETE", "/v1/taskTemplates/{task_name}"): _trail("definition.delete", "definitions", "{task_name}"),
    ("PUT", "/v1/taskListTemplates/{list_name}"): _trail("template.put", "flowTemplates", "{list_name}"),
    ("DELETE", "/v1/taskListTemplates/{list_name}"): _trail("template.delete", "flowTemplates", "{list_name}"),
    ("PUT", "/v1/eventTasks/{event_name}"): _trail("event-task.put", "eventTasks", "{event_name}"),
    ("DELETE", "/v1/eventTasks/{event_name}"): _trail("event-task.delete", "eventTasks", "{event_name}"),
    ("POST", "/scheduler/jobs"): _trail("schedule.post", "schedules", "@id"),
    ("PATCH", _JOB): _trail("schedule.patch", "schedules", "{job_id}"),
    ("DELETE", _JOB): _trail("schedule.delete", "schedules", "{job_id}"),
    ("POST", f"{_JOB}/pause"): _trail("schedule.pause", "schedules", "{job_id}"),
    ("POST", f"{_JOB}/resume"): _trail("schedule.resume", "schedules", "{job_id}"),
    ("POST", f"{_JOB}/run"): _trail("schedule.run", None, "{job_id}"),
    ("POST", "/scheduler/pause"): _trail("scheduler.pause", None, ""),
    ("POST", "/scheduler/resume"): _trail("scheduler.resume", None, ""),
}
"""By method and path, as the OpenAPI document names it."""


def of_route(methods: set[str], path: str) -> Trail | None:
    """The trail of a route; `path` is its template without converters."""
    return next((trail for method in methods if (trail := TRAILS.get((method, path))) is not None), None)


class Trailing:
    """Writes the trail of one process's operations."""

    def __init__(self, kept: Audit, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock

    async def around(
        self, trail: Trail, request: Request, who: Principal, handle: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Let the operation happen, and note it when it did; raises `Unavailable` when it cannot be noted.

        It has happened then: whoever repeats it has it noted.
        """
        params: dict[str, str] = request.path_params
        tenant = params["tenant"] if trail.collection == "tenants" or "tenant" in params else who.tenant
        named = "" if trail.target.startswith("@") else trail.target.format(**params)
        before = await self._look(trail, tenant, named)
        response = await handle(request)
        if response.status_code >= 400:
            return response
        target = named or _made(trail, response)
        change = Change(
            tenant=tenant,
            at=self._clock(),
            by=Actor(id=who.subject, name=who.name, email=who.email),
            home=who.home,
            action=trail.action,
            target=target or None,
            request_id=request.scope.get("penstock.request_id"),
            before=before,
            after=await self._look(trail, tenant, target),
        )
        await self._kept.append(change)
        if "tenant" in params and tenant != CORE:
            # The operators' own trail outlives the tenant's.
            await self._kept.append(msgspec.structs.replace(change, tenant=CORE))
        return response

    async def _look(self, trail: Trail, tenant: str, name: str) -> Any:
        if trail.collection is None or not name:
            return None
        found = await self._kept.document(trail.collection, tenant, name)
        return None if found is None else audit.plain(found, _HIDDEN)


def _made(trail: Trail, response: Response) -> str:
    """The id of what a POST made."""
    if trail.target == "@location":
        return response.headers.get("location", "").rpartition("/")[2]
    if trail.target == "@id":
        return str(json.loads(bytes(response.body)).get("id", ""))
    return ""
