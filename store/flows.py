"""The flows collection, and what the executor reads of flows' children; a save holds while `seq` is the same."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo import errors as driver

from core.flow import BORN_WITH, Completion, Flow, Status
from core.task import Actor, Assignment, Outcome, Parent, Progress, Reason, State
from store import documents, mongo, payloads
from store.mongo import Document
from store.payloads import FLOW, TASK, Payloads

_BORN = frozenset(documents.field_names(Flow)[name] for name in BORN_WITH)
_CHANGING = frozenset(documents.field_names(Flow).values()) - _BORN
_END = {"parent": 1, "outcome": 1, "endedAt": 1, "reason": 1}
_RESULT = {"result": 1, "error": 1, "encrypted": 1}
_SHOWN = (
    _RESULT
    | dict.fromkeys(
        (
            "state",
            "createdAt",
            "startedAt",
            "endedAt",
            "definition",
            "name",
            "attempt",
            "holder",
            "assignment",
            "progress",
        ),
        1,
    )
    | {"outcome": 1, "reason": 1}
)


class End(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a flow wants to know of a child that ended, be it a task or a flow."""

    id: str
    parent: Parent
    outcome: Outcome
    ended_at: datetime
    reason: Reason | None = None
    result: Any = None
    error: Any = None

    @property
    def completion(self) -> Completion:
        """As the planner takes it."""
        return Completion(
            id=self.id, step=self.parent.step, index=self.parent.index, outcome=self.outcome, at=self.ended_at,
            reason=self.reason, result=self.result, error=self.error,
        )  # fmt: skip


class ChildTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a view of a flow shows of a child that is a task."""

    id: str
    state: State
    created_at: datetime
    definition: str | None = None
    name: str | None = None
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    holder: Actor | None = None
    assignment: Assignment | None = None
    progress: Progress | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    result: Any = None
    error: Any = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which flows to list; None means any. `templates` are those whose flows the caller may read."""

    templates: tuple[str, ...] | None = None
    without_templates: tuple[str, ...] = ()
    queues: tuple[str, ...] | None = None
    label: str | None = None
    status: str | None = None
    outcome: str | None = None
    parent: str | None = None
    text: str | None = None
    """Part of the id, label or template's name, in any case of letters."""
    oldest_first: bool = False
    by_update: bool = False
    """In the order of the last changes instead of the beginnings."""

    @property
    def field(self) -> str:
        """What the order goes by."""
        return "updatedAt" if self.by_update else "createdAt"


@mongo.translating
class Flows:
    """Flows by tenant and id."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens and seals what is encrypted."""
        self._payloads = kept
        self._flows = database["flows"]
        self._tasks = database["tasks"]

    async def insert(self, tenant: str, flow: Flow) -> bool:
        """Keep a new flow; False when its id is taken."""
        row = documents.encode_keyed(flow, tenant, flow.id)
        await self._payloads.close(FLOW, [row])
        try:
            await self._flows.insert_one(row)
        except driver.DuplicateKeyError:
            return False
        return True

    async def get(self, tenant: str, flow_id: str) -> Flow | None:
        """The flow of that id, or None."""
        row = await self._flows.find_one({"_id": documents.key(tenant, flow_id)})
        return None if row is None else (await self._opened([row]))[0]

    async def get_many(self, tenant: str, flow_ids: Sequence[str]) -> dict[str, Flow]:
        """Those of the ids that this tenant has."""
        rows = self._flows.find({"_id": {"$in": documents.keys(tenant, flow_ids)}})
        return {flow.id: flow for flow in await self._opened([row async for row in rows])}

    async def save(self, tenant: str, flow: Flow, *, was: int) -> bool:
        """Write what changed in a flow if its `seq` is still `was`."""
        kept = documents.encode(flow)
        sets = {name: value for name, value in kept.items() if name in _CHANGING}
        absent = {name: "" for name in _CHANGING if name not in kept}
        if flow.encrypted:
            await self._payloads.close_fields(FLOW, tenant, flow.id, sets)
        found: Document = {"_id": documents.key(tenant, flow.id), "seq": was}
        result = await self._flows.update_one(found, {"$set": sets, "$unset": absent})
        return result.matched_count == 1

    async def settle(self, flows: Iterable[Flow]) -> None:
        """Note that the plans behind these `seq`s were carried out; the flows are settled (`flow_life.settle`)."""
        writes = [UpdateOne(_settled_at(flow), _settling(flow)) for flow in flows]
        if writes:
            await self._flows.bulk_write(writes, ordered=False)

    async def page(self, tenant: str, wanted: Wanted, *, after: tuple[datetime, str] | None, limit: int) -> list[Flow]:
        """Flows in the order that is wanted, those behind the moment and id of `after`."""
        found = _selector(tenant, wanted)
        direction, beyond = (1, "$gt") if wanted.oldest_first else (-1, "$lt")
        field = wanted.field
        if after is not None:
            moment, flow_id = after
            # The first range is implied by the second; the planner takes index bounds from it alone.
            found[field] = {f"{beyond}e": moment}
            found["$or"] = [
                {field: {beyond: moment}},
                {field: moment, "_id": {beyond: documents.key(tenant, flow_id)}},
            ]
        rows = self._flows.find(found).sort([(field, direction), ("_id", direction)]).limit(limit)
        return await self._opened([row async for row in rows])

    async def open_of_schedule(self, tenant: str, schedule_id: str, before: datetime, limit: int) -> list[str]:
        """Ids of flows of a schedule's firings before that moment that have not ended, the oldest first."""
        found: Document = {"tenant": tenant, "schedule.id": schedule_id, "schedule.at": {"$lt": before}}
        rows = self._flows.find(found | {"status": {"$ne": Status.DONE.value}}, {"_id": 1})
        return [documents.name_of(row["_id"]) async for row in rows.sort("schedule.at", 1).limit(limit)]

    # --- the executor's ---

    async def ends(self, tenant: str, flow_ids: Sequence[str], limit: int) -> dict[str, list[Completion]]:
        """By flow, the children that ended and are not shown by it yet; their results are left out."""
        found: Document = {"tenant": tenant, "parent.flow": {"$in": list(flow_ids)}}
        found |= {"unreported": True, "endedAt": {"$exists": True}}
        ends: dict[str, list[Completion]] = {}
        for children in (self._tasks, self._flows):
            async for row in children.find(found, _END, hint="unreported").limit(limit):
                end = documents.decode(row, End)
                ends.setdefault(end.parent.flow, []).append(end.completion)
        return ends

    async def results(self, tenant: str, child_ids: Sequence[str]) -> dict[str, Completion]:
        """The ends of these children in full, of those that are there and ended."""
        found: Document = {"_id": {"$in": documents.keys(tenant, child_ids)}, "endedAt": {"$exists": True}}
        ends: dict[str, Completion] = {}
        for children, kind in ((self._tasks, TASK), (self._flows, FLOW)):
            rows = [row async for row in children.find(found, _END | _RESULT)]
            await self._payloads.open(kind, rows)
            for row in rows:
                end = documents.decode(row, End)
                ends[end.id] = end.completion
            if len(ends) == len(child_ids):
                break
        return ends

    async def reported(self, tenant: str, child_ids: Sequence[str]) -> None:
        """Note that the record of their flow shows the ends of these children."""
        if not child_ids:
            return
        found: Document = {"_id": {"$in": documents.keys(tenant, child_ids)}, "unreported": True}
        for children in (self._tasks, self._flows):
            if (await children.update_many(found, {"$unset": {"unreported": ""}})).modified_count == len(child_ids):
                return

    async def child_tasks(self, tenant: str, child_ids: Sequence[str]) -> dict[str, ChildTask]:
        """Those of the children that are tasks and exist, by id."""
        if not child_ids:
            return {}
        rows = self._tasks.find({"_id": {"$in": documents.keys(tenant, child_ids)}}, _SHOWN)
        shown = [row async for row in rows]
        await self._payloads.open(TASK, shown)
        return {child.id: child for child in [documents.decode(row, ChildTask) for row in shown]}

    async def _opened(self, rows: Sequence[Document]) -> list[Flow]:
        await self._payloads.open(FLOW, rows)
        return [documents.decode(row, Flow) for row in rows]


def _settled_at(flow: Flow) -> Document:
    return {"_id": documents.key(flow.tenant, flow.id), "seq": flow.seq}


def _settling(flow: Flow) -> Document:
    if flow.due_at is None:
        return {"$unset": {"planDue": "", "dueAt": ""}}
    return {"$unset": {"planDue": ""}, "$set": {"dueAt": flow.due_at}}


def _selector(tenant: str, wanted: Wanted) -> Document:
    found: Document = {"tenant": tenant}
    if wanted.templates is not None:
        found["template"] = {"$in": list(wanted.templates)}
    if wanted.without_templates:
        found["$nor"] = [{"template": {"$in": list(wanted.without_templates)}}]
    if wanted.queues is not None:
        found["queue"] = {"$in": list(wanted.queues)}
    for field, value in (
        ("label", wanted.label),
        ("status", wanted.status),
        ("outcome", wanted.outcome),
        ("parent.flow", wanted.parent),
    ):
        if value is not None:
            found[field] = value
    if wanted.text is not None:
        pattern = {"$regex": re.escape(wanted.text), "$options": "i"}
        found["$and"] = [{"$or": [{field: pattern} for field in ("label", "template", "_id")]}]
    return found
