"""Aidbox's bulk import (contract aidbox 6.2): one task for a file, and a workflow of one such task for each of many.

A tenant binds both names to a queue, into which the lines go: a definition with the target `{"kind": "builtin", "name":
"aidbox.bulk/import-resource-task"}`, and a flow template of the workflow's name with the driver `decisions`. What the
definition's `options` say holds for all its files; whoever submits names files only, and of those only the allowed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from core import addresses, errors
from core.definition import Target, TargetKind
from core.errors import Fault
from core.flow import Flow
from core.flow_decisions import ACTIVITIES
from core.imports import Encoding, Import, LineOrder, Source, SourceKind
from core.priority import BY_LABEL
from core.task import Outcome

TASK = "aidbox.bulk/import-resource-task"
WORKFLOW = "aidbox.bulk/import-resources-workflow"

_MOST_LABEL = 200
_INIT = "awf.workflow.event/workflow-init"
_ACTION = "awf.workflow.action/"
_KINDS = {"http": SourceKind.LINK, "https": SourceKind.LINK, "s3": SourceKind.S3, "gs": SourceKind.GCS}
_RETRIED = frozenset({"source-unreachable", "unavailable"})

_INPUT: dict[str, Any] = {
    "type": "object",
    "required": ["url", "resourceType"],
    "properties": {
        "url": {"type": "string", "pattern": r"^(https?|s3|gs)://\S+$", "maxLength": 4000},
        "resourceType": {"type": "string", "minLength": 1, "maxLength": 100},
    },
}
_SHARED: dict[str, Any] = {
    "contentEncoding": {"enum": [each.value for each in Encoding]},
    "type": {"enum": ["fhir", "aidbox"]},
    "id": {"type": "string"},
}
TASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "properties": {"input": _INPUT} | _SHARED,
}
WORKFLOW_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {"inputs": {"type": "array", "items": _INPUT, "maxItems": 10_000}} | _SHARED,
}


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a definition says of all its files. `allow` holds prefixes of addresses; None allows every link."""

    allow: tuple[str, ...] | None = None
    secret_ref: str | None = None
    endpoint: str | None = None
    region: str | None = None
    lines: Literal["params", "tasks"] = "params"
    definition: str | None = None
    priority: str | None = None
    labels: tuple[str, ...] = ()
    record_id_field: str | None = None


def with_schema(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a definition, with the params schema of the bulk import where that is its target."""
    target: Target = fields["target"]
    if target.kind is not TargetKind.BUILTIN or target.name != TASK or fields.get("params_schema") is not None:
        return fields
    return {**fields, "params_schema": TASK_SCHEMA}


def source(params: Mapping[str, Any], options: Options) -> Source:
    """The file that a task's params name; raises `Invalid` where the definition does not allow it."""
    url = str(params["input"]["url"])
    if options.allow is not None and not addresses.is_listed(url, options.allow):
        fault = Fault(field="params.input.url", message="is not below one of the definition's options.allow")
        raise errors.Invalid("The definition does not allow this address.", faults=[fault])
    kind = _KINDS[urlsplit(url).scheme]
    encoding = Encoding(params.get("contentEncoding", Encoding.AUTO))
    if kind is SourceKind.LINK:
        return Source(kind=kind, url=url, encoding=encoding)
    return Source(
        kind=kind, url=url, endpoint=options.endpoint, region=options.region, secret_ref=options.secret_ref,
        encoding=encoding,
    )  # fmt: skip


def order(params: Mapping[str, Any], options: Options, *, definition: str | None) -> LineOrder:
    """What the lines become: tasks with the resource type as a label, of that `definition` or of the options' own."""
    labels = dict.fromkeys((*options.labels, str(params["input"]["resourceType"])))
    return LineOrder(
        lines=options.lines,
        definition=definition or options.definition,
        priority=None if options.priority is None else BY_LABEL[options.priority],
        labels=tuple(labels),
        record_id_field=options.record_id_field,
    )


def result(job: Import) -> dict[str, Any]:
    """The result of an import's task."""
    return {"imported-resources": job.accepted, "refused-lines": job.refused, "import": job.id}


def error(job: Import) -> tuple[dict[str, Any], bool]:
    """The error of the task of an import that did not succeed, and whether another attempt may help."""
    if job.reason is None:
        return {"type": "canceled", "message": "The import was canceled.", "import": job.id}, False
    said = {"type": job.reason.type, "message": job.reason.message, "import": job.id}
    return said, job.reason.type in _RETRIED


# --- the workflow ---


def schedule(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first decision: a task for each input, labelled by its type and address."""
    shared = {name: params[name] for name in ("contentEncoding", "type") if name in params}
    inputs: Sequence[Mapping[str, Any]] = params.get("inputs") or ()
    if not inputs:
        return [complete(0, ())]
    named = labels(inputs)
    return [
        {
            "action": f"{_ACTION}schedule-task",
            "task-request": {"definition": TASK, "label": label, "params": {"input": dict(each)} | shared},
        }
        for each, label in zip(inputs, named, strict=True)
    ]


def is_over(flow: Flow) -> bool:
    """Whether all its files have been dealt with."""
    state = flow.steps.get(ACTIVITIES)
    return state is not None and state.done == state.total


def begins(params: Mapping[str, Any]) -> bool:
    """Whether it is the first decision of its flow that is asked for."""
    return params.get("event") == _INIT


def complete(files: int, ended: Iterable[tuple[Outcome | None, Any]]) -> dict[str, Any]:
    """The last decision: the totals, or an error where a file was not imported."""
    lines = failed = 0
    for outcome, found in ended:
        if outcome is Outcome.SUCCEEDED and isinstance(found, Mapping):
            lines += int(found.get("imported-resources", 0))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        else:
            failed += 1
    totals = {"total-files": files, "total-imported-resources": lines}
    if failed:
        message = f"{failed} of {files} files could not be imported."
        return {"action": f"{_ACTION}fail", "error": {"message": message, "failed-files": failed} | totals}
    said = {"message": f"All {files} files were imported."} | totals
    return {"action": f"{_ACTION}complete-workflow", "result": said}


def labels(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A label for each input, told apart by a number where two are the same."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for each in inputs:
        label = f"{each['resourceType']} {each['url']}"[: _MOST_LABEL - 8]
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
