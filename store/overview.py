"""A queue in numbers: what is open by state, priority and person, what is dead, how old the oldest ready task is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from core.priority import Priority
from core.task import OPEN, Actor, Outcome, State
from store import mongo
from store.mongo import Document

_OPEN = sorted(state.value for state in OPEN)
_MOST_PEOPLE = 50


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many open tasks are assigned to somebody."""

    to: Actor
    count: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one moment; each was read by a query of its own."""

    by_state: Mapping[State, int]
    """Open tasks, of every open state."""
    by_priority: Mapping[Priority, int]
    assigned: int
    by_assignee: Sequence[Share]
    """At most 50 people, those with most tasks first."""
    dead: int
    oldest_ready: datetime | None
    """When the oldest ready task was submitted."""


class Census(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks by (state, outcome, priority), and by the person they are assigned to."""

    kinds: Mapping[tuple[State, Outcome | None, Priority], int]
    people: Sequence[Share]


@mongo.translating
class Overviews:
    """Overviews of queues."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def of_queue(self, tenant: str, queue: str) -> Overview:
        """The numbers of a queue, by indexes alone but for the assigned tasks."""
        states = dict.fromkeys(sorted(OPEN), 0)
        priorities = dict.fromkeys(Priority, 0)
        oldest: datetime | None = None
        for state, priority, count, first in await self._groups(tenant, queue):
            states[state] += count
            priorities[priority] += count
            if state is State.READY:
                oldest = first if oldest is None else min(oldest, first)
        people = await self._people(tenant, queue, {"$in": _OPEN})
        dead = await self._tasks.count_documents({"tenant": tenant, "queue": queue, "dead": True}, hint="deadLetters")
        return Overview(
            by_state=states,
            by_priority=priorities,
            assigned=sum(share.count for share in people),
            by_assignee=people[:_MOST_PEOPLE],
            dead=dead,
            oldest_ready=oldest,
        )

    async def census(self, tenant: str, queue: str, *, open_only: bool) -> Census:
        """Count the open tasks of a queue, or with the ended ones all that are kept; reads every one of them."""
        states: Document = {"$in": _OPEN} if open_only else {"$in": sorted(state.value for state in State)}
        mine: Document = {"tenant": tenant, "queue": queue, "state": states, "deletedAt": None}
        key = {"state": "$state", "outcome": "$outcome", "priority": "$priority"}
        cursor = await self._tasks.aggregate([{"$match": mine}, {"$group": {"_id": key, "count": {"$sum": 1}}}])
        kinds = {_kind(row["_id"]): int(row["count"]) async for row in cursor}
        return Census(kinds=kinds, people=await self._people(tenant, queue, states))

    async def _groups(self, tenant: str, queue: str) -> list[tuple[State, Priority, int, datetime]]:
        """Open tasks by state and priority, and when the oldest of each was submitted: `place` begins with both."""
        level: Document = {"$substrBytes": ["$place", 0, 1]}
        pipeline: list[Document] = [
            {"$match": {"tenant": tenant, "queue": queue, "state": {"$in": _OPEN}}},
            {
                "$group": {
                    "_id": {"state": "$state", "level": level},
                    "count": {"$sum": 1},
                    "first": {"$min": {"$substrBytes": ["$place", 1, 11]}},
                }
            },
        ]
        cursor = await self._tasks.aggregate(pipeline, hint="worklist")
        return [
            (
                State(row["_id"]["state"]),
                Priority(Priority.URGENT - int(row["_id"]["level"])),
                int(row["count"]),
                datetime.fromtimestamp(int(row["first"], 16) / 1000, UTC),
            )
            async for row in cursor
        ]

    async def _people(self, tenant: str, queue: str, states: Document) -> list[Share]:
        pipeline: list[Document] = [
            {
                "$match": {
                    "tenant": tenant,
                    "queue": queue,
                    "state": states,
                    "assignment.to.id": {"$exists": True},
                }
            },
            {"$group": {"_id": "$assignment.to.id", "name": {"$last": "$assignment.to.name"}, "count": {"$sum": 1}}},
            {"$sort": {"count": -1, "_id": 1}},
        ]
        cursor = await self._tasks.aggregate(pipeline)
        return [
            Share(to=Actor(id=str(row["_id"]), name=str(row["name"])), count=int(row["count"])) async for row in cursor
        ]


def _kind(key: Document) -> tuple[State, Outcome | None, Priority]:
    outcome = key.get("outcome")
    return State(key["state"]), None if outcome is None else Outcome(outcome), Priority(key["priority"])
