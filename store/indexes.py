"""Every index, as data: what it is for, and (for tasks) what keeps it small.

Partial wherever possible, so that ended tasks leave it: every moved key costs mongod's CPU (FACTS E).
`python -m store indexes` and the start of every process make those that are missing.
"""

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo import errors as driver

from store import mongo, positions
from store.mongo import Database

_PRESENT = {"$exists": True}
_BUILD_SECONDS = 3600

INDEXES: dict[str, list[IndexModel]] = {
    "tasks": [
        # The worklist and the counts by state; the one sortable `place` makes a page a single range. The lane at the
        # end lets the refill count ready tasks by lane without reading them (0.5 s a million).
        IndexModel(
            [(field, ASCENDING) for field in ("tenant", "queue", "state", "place", "lane")],
            name="worklist",
            partialFilterExpression={"state": {"$gt": "done"}},
        ),
        IndexModel([("tenant", ASCENDING), ("place", ASCENDING)], name="places"),
        IndexModel(
            [("tenant", ASCENDING), ("queue", ASCENDING), ("endedAt", DESCENDING), ("_id", DESCENDING)],
            name="ended",
            partialFilterExpression={"endedAt": _PRESENT},
        ),
        IndexModel([("dueAt", ASCENDING)], name="timer", partialFilterExpression={"dueAt": _PRESENT}),
        IndexModel([("ticketDue", ASCENDING)], name="tickets", partialFilterExpression={"ticketDue": _PRESENT}),
        IndexModel(
            [("tenant", ASCENDING), ("queue", ASCENDING), ("dedupKey", ASCENDING)],
            name="dedup",
            unique=True,
            partialFilterExpression={"dedupKey": _PRESENT},
        ),
        IndexModel(
            [("tenant", ASCENDING), ("queue", ASCENDING), ("endedAt", ASCENDING), ("_id", ASCENDING)],
            name="dead",
            partialFilterExpression={"dead": True},
        ),
        # How many there are: counted without reading one, which the filter alone does not do.
        IndexModel(
            [(field, ASCENDING) for field in ("tenant", "queue", "dead")],
            name="deadLetters",
            partialFilterExpression={"dead": True},
        ),
        IndexModel(
            [("tenant", ASCENDING), ("assignment.to.id", ASCENDING), ("place", ASCENDING)],
            name="assignee",
            partialFilterExpression={"assignment.to.id": _PRESENT, "state": {"$gt": "done"}},
        ),
        IndexModel(
            [("tenant", ASCENDING), ("recordId", ASCENDING), ("place", ASCENDING)],
            name="record",
            partialFilterExpression={"recordId": _PRESENT},
        ),
        IndexModel(
            [("tenant", ASCENDING), ("redrive", ASCENDING)],
            name="redrive",
            partialFilterExpression={"redrive": _PRESENT},
        ),
        # What the platform carries out itself.
        IndexModel(
            [(field, ASCENDING) for field in ("builtin", "state", "tenant", "place")],
            name="builtin",
            partialFilterExpression={"builtin": _PRESENT, "state": {"$gt": "done"}},
        ),
        # Who holds which seat of a slot of a limited definition: unique, so that no limit is exceeded.
        IndexModel(
            [("tenant", ASCENDING), ("slot", ASCENDING), ("seat", ASCENDING)],
            name="seats",
            unique=True,
            partialFilterExpression={"seat": {"$gte": 0}},
        ),
        # Who waits for one. A slot's name is that of no other tenant, and comes first: the engine leaps from one to
        # the next (DISTINCT_SCAN).
        IndexModel(
            [("slot", ASCENDING), ("waits", ASCENDING), ("place", ASCENDING), ("tenant", ASCENDING)],
            name="waits",
            partialFilterExpression={"waits": _PRESENT},
        ),
        # Open tasks by their words and marks, queue by queue in the order of the worklist (ADR 6).
        IndexModel(
            [(field, ASCENDING) for field in ("tenant", "words", "queue", "place")],
            name="terms",
            partialFilterExpression={"words": _PRESENT, "state": {"$gt": "done"}},
        ),
        # Open tasks whose words are not in that index yet: few.
        IndexModel(
            [(field, ASCENDING) for field in ("tenant", "queue", "place")],
            name="unread",
            partialFilterExpression={"text": _PRESENT, "state": {"$gt": "done"}},
        ),
        # The priority at the end is there to be compared before a task is read.
        *(
            IndexModel(
                [(name, ASCENDING) for name in ("tenant", "queue", field, "_id", "priority")],
                name=field.removesuffix("Date"),
                partialFilterExpression={field: _PRESENT, "state": {"$gt": "done"}},
            )
            for field in ("dueDate", "followUpDate")
        ),
        IndexModel([("deletedAt", ASCENDING)], name="deleted", partialFilterExpression={"deletedAt": _PRESENT}),
        # Ends of a flow's children that the flow's record does not show yet.
        IndexModel(
            [("tenant", ASCENDING), ("parent.flow", ASCENDING)],
            name="unreported",
            partialFilterExpression={"unreported": True, "endedAt": _PRESENT},
        ),
        # What has not ended of a schedule: whether its next firing meets others.
        IndexModel(
            [("tenant", ASCENDING), ("schedule.id", ASCENDING), ("schedule.at", ASCENDING)],
            name="scheduled",
            partialFilterExpression={"schedule.id": _PRESENT, "state": {"$gt": "done"}},
        ),
    ],
    "flowTemplates": [
        IndexModel([("tenant", ASCENDING), ("queue", ASCENDING), ("_id", ASCENDING)], name="queue"),
        # Those that have a name of Aidbox's own workflows: engines decide for them.
        IndexModel(
            [("name", ASCENDING)],
            name="builtin",
            partialFilterExpression={"name": {"$gte": "aidbox.", "$lt": "aidbox/"}},
        ),
    ],
    "flows": [
        IndexModel([("dueAt", ASCENDING)], name="timer", partialFilterExpression={"dueAt": _PRESENT}),
        IndexModel([("tenant", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel(
            [("tenant", ASCENDING), ("template", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)],
            name="template",
        ),
        IndexModel(
            [("tenant", ASCENDING), ("parent.flow", ASCENDING)],
            name="unreported",
            partialFilterExpression={"unreported": True, "endedAt": _PRESENT},
        ),
        IndexModel([("endedAt", ASCENDING)], name="age", partialFilterExpression={"endedAt": _PRESENT}),
        IndexModel(
            [("tenant", ASCENDING), ("endedAt", ASCENDING)], name="aged", partialFilterExpression={"endedAt": _PRESENT}
        ),
        IndexModel(
            [("tenant", ASCENDING), ("schedule.id", ASCENDING), ("schedule.at", ASCENDING)],
            name="scheduled",
            partialFilterExpression={"schedule.id": _PRESENT},
        ),
    ],
    # A task leaves three events, and nothing else is written so often: none by time, the numbers grow with it.
    "events": [
        IndexModel([("n", ASCENDING)], name="order", unique=True),
        IndexModel([("tenant", ASCENDING), ("n", ASCENDING)], name="stream"),
        IndexModel([("tenant", ASCENDING), ("task", ASCENDING), ("seq", ASCENDING)], name="history"),
    ],
    "queues": [IndexModel([("tenant", ASCENDING), ("namespace", ASCENDING), ("name", ASCENDING)], name="name")],
    "definitions": [
        IndexModel([("tenant", ASCENDING), ("queue", ASCENDING), ("_id", ASCENDING)], name="queue"),
        IndexModel(
            [("tenant", ASCENDING), ("updatedAt", ASCENDING)],
            name="limited",
            partialFilterExpression={"concurrency.limit": {"$gt": 0}},
        ),
        IndexModel([("target.name", ASCENDING)], name="builtin", partialFilterExpression={"target.kind": "builtin"}),
        IndexModel([("target.kind", ASCENDING)], name="pushed", partialFilterExpression={"target.kind": "http"}),
    ],
    "definitionVersions": [
        IndexModel([("tenant", ASCENDING), ("name", ASCENDING), ("version", DESCENDING)], name="versions")
    ],
    "records": [
        IndexModel([("receivedAt", ASCENDING)], name="age"),
        IndexModel([("tenant", ASCENDING), ("receivedAt", ASCENDING), ("_id", ASCENDING)], name="received"),
        IndexModel([("receivedAt", ASCENDING)], name="pending", partialFilterExpression={"triggers": _PRESENT}),
    ],
    "imports": [
        IndexModel([("createdAt", ASCENDING)], name="open", partialFilterExpression={"state": {"$gt": "done"}}),
        IndexModel(
            [("tenant", ASCENDING), ("queue", ASCENDING), ("dedupKey", ASCENDING)],
            name="dedup",
            unique=True,
            partialFilterExpression={"dedupKey": _PRESENT},
        ),
        IndexModel([("unreported", ASCENDING)], name="unreported", partialFilterExpression={"unreported": True}),
        IndexModel([("uploads", ASCENDING)], name="uploads", partialFilterExpression={"uploads": _PRESENT}),
        IndexModel([("endedAt", ASCENDING)], name="age", partialFilterExpression={"endedAt": _PRESENT}),
    ],
    "importErrors": [IndexModel([("at", ASCENDING)], name="age")],
    "eventTasks": [
        IndexModel([(field, ASCENDING) for field in ("tenant", "key", "namespace", "scope")], name="event"),
    ],
    "tenants": [IndexModel([("issuer", ASCENDING)], name="issuer", unique=True)],
    "stats": [
        IndexModel([(field, ASCENDING) for field in ("tenant", "queue", "unit", "at")], name="series"),
        IndexModel([("at", ASCENDING)], name="age"),
    ],
    "schedules": [IndexModel([("nextAt", ASCENDING)], name="due", partialFilterExpression={"nextAt": _PRESENT})],
    "firings": [
        IndexModel(
            [("tenant", ASCENDING), ("schedule", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="history"
        ),
        IndexModel([("recordedAt", ASCENDING)], name="age"),
    ],
    "webhooks": [IndexModel([("active", ASCENDING)], name="active", partialFilterExpression={"active": True})],
    "webhookDeliveries": [
        IndexModel(
            [(field, ASCENDING) for field in ("tenant", "webhook", "nextAt", "n")],
            name="due",
            partialFilterExpression={"open": True},
        ),
        IndexModel(
            [(field, ASCENDING) for field in ("tenant", "webhook", "group", "n")],
            name="group",
            partialFilterExpression={"open": True},
        ),
        IndexModel(
            [("tenant", ASCENDING), ("webhook", ASCENDING)]
            + [(field, DESCENDING) for field in ("createdAt", "n", "_id")],
            name="newest",
        ),
        IndexModel([("endedAt", ASCENDING)], name="age", partialFilterExpression={"endedAt": _PRESENT}),
    ],
    "comments": [
        IndexModel([("tenant", ASCENDING), ("task", ASCENDING), ("number", DESCENDING)], name="task"),
    ],
    "filters": [IndexModel([("tenant", ASCENDING), ("name", ASCENDING), ("_id", ASCENDING)], name="name")],
    "bulks": [
        IndexModel([("state", ASCENDING), ("startedAt", ASCENDING)], name="running"),
        IndexModel([("forgetAt", ASCENDING)], name="age", expireAfterSeconds=0),
    ],
    "bulkParts": [
        IndexModel([("tenant", ASCENDING), ("bulk", ASCENDING), ("number", ASCENDING)], name="order"),
        IndexModel([("forgetAt", ASCENDING)], name="age", expireAfterSeconds=0),
    ],
    "redrives": [
        IndexModel([("state", ASCENDING), ("createdAt", ASCENDING)], name="running"),
        IndexModel([("tenant", ASCENDING), ("queue", ASCENDING), ("createdAt", DESCENDING)], name="queue"),
    ],
}


async def ensure(database: Database) -> None:
    """Make the indexes that are missing, and note from when on events are followed: before the first task is written.

    What exists is left as it is. Safe to call from every process at its start. Raises `Unavailable`.
    """
    try:
        await positions.begin(database)
        # Among millions of documents one may take minutes, and given up it would be begun again and again.
        with pymongo.timeout(_BUILD_SECONDS):
            for collection, models in INDEXES.items():
                await database[collection].create_indexes(models)
    except driver.PyMongoError as error:
        if mongo.unavailable(error):
            raise mongo.translated(error) from error
        raise
