"""What a tenant's clean-up removes: ended tasks and flows, of some definitions or all, with what belongs to them."""

from collections.abc import Sequence

from core.builtins import Rule
from core.flow import Flow, child_id
from core.task import State
from store import documents, mongo
from store.mongo import Document

Behind = tuple[object, str]
"""Where the next batch begins: behind this moment and this key."""


@mongo.translating
class Cleaning:
    """Finds and removes ended things of a tenant; at most a batch a call."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]
        self._flows = database["flows"]

    async def tasks(
        self, tenant: str, queue: str, rule: Rule, behind: Behind | None, limit: int
    ) -> tuple[list[str], Behind | None]:
        """Ids of a queue's tasks that the rule removes, the oldest first (index `ended`), and where to go on.

        Steps of a flow that goes on are passed over: it may need their results yet.
        """
        found: Document = {"tenant": tenant, "queue": queue, "state": State.DONE.value} | _named("definition", rule)
        found |= {"endedAt": {"$lt": rule.before}} | _behind(behind)
        cursor = self._tasks.find(found, {"parent.flow": 1, "endedAt": 1}).sort([("endedAt", 1), ("_id", 1)])
        rows = [row async for row in cursor.limit(limit)]
        going_on = await self._open_flows(tenant, {row["parent"]["flow"] for row in rows if "parent" in row})
        ids = [documents.name_of(r["_id"]) for r in rows if r.get("parent", {}).get("flow") not in going_on]
        return ids, (rows[-1]["endedAt"], rows[-1]["_id"]) if len(rows) == limit else None

    async def remove_tasks(self, tenant: str, task_ids: Sequence[str]) -> list[str]:
        """Remove these tasks for good, those that have ended; answers which are gone."""
        keys = documents.keys(tenant, task_ids)
        rows = self._tasks.find({"_id": {"$in": keys}, "state": State.DONE.value}, {"_id": 1})
        there = [row["_id"] async for row in rows]
        if not there:
            return []
        await self._tasks.delete_many({"_id": {"$in": there}, "state": State.DONE.value})
        revived = {row["_id"] async for row in self._tasks.find({"_id": {"$in": there}}, {"_id": 1})}
        return [documents.name_of(key) for key in there if key not in revived]

    async def flows(self, tenant: str, rule: Rule, limit: int) -> list[Flow]:
        """Flows that the rule removes, the oldest first (index `aged`); those that belong to an open flow excepted."""
        found: Document = {"tenant": tenant, "endedAt": {"$lt": rule.before}, "unreported": None}
        rows = self._flows.find(found | _named("template", rule), hint="aged").sort("endedAt", 1).limit(limit)
        return [documents.decode(row, Flow) async for row in rows]

    async def get_flows(self, tenant: str, flow_ids: Sequence[str]) -> list[Flow]:
        """Those of the ids that are ended flows."""
        keys = documents.keys(tenant, flow_ids)
        rows = self._flows.find({"_id": {"$in": keys}, "endedAt": {"$exists": True}})
        return [documents.decode(row, Flow) async for row in rows]

    async def remove_flows(self, tenant: str, flow_ids: Sequence[str]) -> int:
        """Remove these flows for good; answers how many there were."""
        found: Document = {"_id": {"$in": documents.keys(tenant, flow_ids)}, "endedAt": {"$exists": True}}
        return (await self._flows.delete_many(found)).deleted_count

    async def _open_flows(self, tenant: str, flow_ids: set[str]) -> set[str]:
        if not flow_ids:
            return set()
        found: Document = {"_id": {"$in": documents.keys(tenant, sorted(flow_ids))}, "endedAt": {"$exists": False}}
        return {documents.name_of(row["_id"]) async for row in self._flows.find(found, {"_id": 1})}


def children(flow: Flow) -> list[str]:
    """The ids that the flow's children have."""
    return [child_id(flow.id, step, index) for step, state in flow.steps.items() for index in range(state.planned)]


def _named(field: str, rule: Rule) -> Document:
    if rule.include is not None:
        return {field: {"$in": list(rule.include)}}
    return {field: {"$nin": list(rule.exclude)}} if rule.exclude else {}


def _behind(behind: Behind | None) -> Document:
    if behind is None:
        return {}
    at, key = behind
    return {"$or": [{"endedAt": {"$gt": at}}, {"endedAt": at, "_id": {"$gt": key}}]}
