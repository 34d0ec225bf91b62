"""XFSC's template JSON (contract xfsc-and-jobs 1.3) as definitions and flow templates, and back."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from api.faces.xfsc_answers import XfscError
from api.guards import InTenant
from broker.assembly import Parts
from core import errors, ids
from core.definition import Definition, Target, TargetKind
from core.flow_template import StoredTemplate
from core.retry import Backoff, BackoffKind, Retry
from core.settings import Settings
from core.task import Limits
from store.records import EventTask

DEFAULT_QUEUE = "xfsc:tasks"
_LEASE_SECONDS = 60.0
_TIMEOUT_SECONDS = 20.0

Short = Annotated[str, Meta(max_length=2000)]
T = TypeVar("T", bound=msgspec.Struct)


class TaskTemplate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A task template; `queue` is ours. Empty texts are absent, as upstream's."""

    name: Short = ""
    url: Short = ""
    method: Short = ""
    request_policy: Short = ""
    response_policy: Short = ""
    final_policy: Short = ""
    cache_namespace: Short = ""
    cache_scope: Short = ""
    queue: Short = DEFAULT_QUEUE

    def fields(self, settings: Settings) -> dict[str, Any]:
        """As attributes of a definition, executed as often and as many at once as upstream's variables say."""
        named = {
            "requestPolicy": self.request_policy,
            "responsePolicy": self.response_policy,
            "finalPolicy": self.final_policy,
            "cacheNamespace": self.cache_namespace,
            "cacheScope": self.cache_scope,
        }
        options = {name: value for name, value in named.items() if value}
        backoff = Backoff(kind=BackoffKind.EXPONENTIAL, initial_seconds=0.5, max_seconds=60.0)
        retry = Retry(max_attempts=settings.executor_max_task_retries, backoff=backoff)
        return {
            "queue": self.queue,
            "limits": Limits(lease_seconds=_LEASE_SECONDS, retry=retry),
            "target": Target(
                kind=TargetKind.HTTP,
                url=self.url or None,
                method=self.method.upper() or None,
                options=options
                | {
                    "raw": True,
                    "timeoutSeconds": _TIMEOUT_SECONDS,
                    "success": list(_ANY_STATUS),
                    "concurrency": settings.executor_workers,
                },
            ),
        }


class GroupTemplate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A group of a list template."""

    execution: Literal["sequential", "parallel"]
    tasks: tuple[Short, ...]
    final_policy: Short = ""


class ListTemplate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A list template; `queue` is ours: whose roles count."""

    name: Short = ""
    cache_namespace: Short = ""
    cache_scope: Short = ""
    groups: tuple[GroupTemplate, ...] = ()
    queue: Short = DEFAULT_QUEUE


class EventTemplate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An event task."""

    key: Annotated[str, Meta(min_length=1, max_length=2000)]
    task_name: Short
    namespace: Short = ""
    scope: Short = ""


_ANY_STATUS = ("1xx", "2xx", "3xx", "4xx", "5xx")


def read_task(name: str, body: Any) -> TaskTemplate:
    """A task template of a request; raises `XfscError` with the place of what does not fit."""
    return _read(name, body, TaskTemplate)


def read_list(name: str, body: Any) -> tuple[str, dict[str, Any]]:
    """The queue of a list template, and its content as a flow template's; raises `XfscError`."""
    found = _read(name, body, ListTemplate)
    context = {
        field: value
        for field, value in (("cacheNamespace", found.cache_namespace), ("cacheScope", found.cache_scope))
        if value
    }
    groups = [msgspec.to_builtins(group) for group in found.groups]
    return found.queue, {"driver": "groups", "queue": found.queue, "context": context, "groups": groups}


def read_event(tenant: str, name: str, body: Any) -> EventTask:
    """An event task of a request; raises `XfscError`."""
    found = _read(name, body, EventTemplate)
    return EventTask(
        tenant=tenant,
        name=name,
        key=found.key,
        task_name=found.task_name,
        namespace=found.namespace,
        scope=found.scope,
    )


def event_json(found: EventTask) -> dict[str, str]:
    """An event task as upstream's collection has it."""
    return {"key": found.key, "namespace": found.namespace, "scope": found.scope, "taskName": found.task_name}


def task_json(definition: Definition) -> dict[str, Any]:
    """A definition as upstream's template."""
    target = definition.target
    said = {"name": definition.name, "url": target.url, "method": target.method, "queue": definition.queue}
    names = ("requestPolicy", "responsePolicy", "finalPolicy", "cacheNamespace", "cacheScope")
    said |= {name: target.options.get(name) for name in names}
    return {name: value for name, value in said.items() if value}


def list_json(template: StoredTemplate) -> dict[str, Any]:
    """A flow template as upstream's list template."""
    content = template.content
    said = {"name": template.name, "queue": content.queue, "groups": msgspec.to_builtins(content.groups)}
    said |= {name: content.context.get(name) for name in ("cacheNamespace", "cacheScope")}
    return {name: value for name, value in said.items() if value}


def cache_of(definition: Definition) -> dict[str, Any]:
    """Where a template wants its results cached."""
    return {name: definition.target.options.get(name) for name in ("cacheNamespace", "cacheScope")}


async def queue_ready(parts: Parts, at: InTenant, key: str) -> None:
    """Make the face's own queue when it is first needed; any other must be there."""
    try:
        await parts.directory.queue(at.tenant, key)
    except errors.NotFound:
        if key != DEFAULT_QUEUE:
            return
        namespace, _, name = key.partition(":")
        fields = {"display_name": "XFSC tasks"}
        await parts.administration.put(at.tenant, namespace, name, fields, by=at.by, match=None)


def _read(name: str, body: Any, kind: type[T]) -> T:
    if ids.DEFINITION.fullmatch(name) is None:
        raise XfscError(400, 1, f"name: must match {ids.DEFINITION.pattern}")
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise XfscError(400, 1, str(error)) from None
