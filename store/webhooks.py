"""The webhooks collection: settled by people, each change conditional on its version; the engine notes beside it."""

from datetime import datetime

import msgspec
from pymongo import errors as driver

from core import errors
from core.webhook import Standing, Stop, Webhook
from store import documents, mongo
from store.mongo import Document

_NAMES = frozenset(documents.field_names(Webhook).values()) - {"id", "tenant"}


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An active webhook and how it does."""

    hook: Webhook
    standing: Standing


@mongo.translating
class Webhooks:
    """Webhooks by tenant and id; `active` is for the engine."""

    def __init__(self, database: mongo.Database) -> None:
        self._webhooks = database["webhooks"]

    async def get(self, tenant: str, webhook_id: str) -> Running | None:
        """The webhook of that id, or None."""
        row = await self._webhooks.find_one({"_id": documents.key(tenant, webhook_id)})
        return None if row is None else _decode(row)

    async def page(self, tenant: str, *, after: str | None, limit: int) -> list[Running]:
        """Webhooks in the order of their ids, those behind `after`."""
        # "0" is what follows "/": one range of `_id` holds all of a tenant.
        found: Document = {"tenant": tenant, "_id": {"$gt": documents.key(tenant, after or ""), "$lt": f"{tenant}0"}}
        return [_decode(row) async for row in self._webhooks.find(found).sort("_id", 1).limit(limit)]

    async def insert(self, tenant: str, hook: Webhook, *, cursor: int) -> None:
        """Keep a new webhook, which begins behind that event; raises `AlreadyExists`."""
        row = documents.encode_keyed(hook, tenant, hook.id) | {"cursor": cursor} | _mark(hook)
        try:
            await self._webhooks.insert_one(row)
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(f"Webhook {hook.id} exists already.") from error

    async def replace(self, tenant: str, hook: Webhook, *, was: int) -> bool:
        """Write a changed webhook if its version is still `was`; what the engine notes stays."""
        sets = documents.encode_keyed(hook, tenant, hook.id) | _mark(hook)
        del sets["_id"]
        gone = {name: "" for name in (*_NAMES, "active") if name not in sets}
        # Whoever lets it go on gives it its time again.
        gone |= {"failingSince": ""} if hook.active else {}
        update: Document = {"$set": sets} | ({"$unset": gone} if gone else {})
        found: Document = {"_id": documents.key(tenant, hook.id), "version": was}
        return (await self._webhooks.update_one(found, update)).matched_count == 1

    async def remove(self, tenant: str, webhook_id: str, *, was: int) -> bool:
        """Remove the webhook if its version is still `was`."""
        found: Document = {"_id": documents.key(tenant, webhook_id), "version": was}
        return (await self._webhooks.delete_one(found)).deleted_count == 1

    async def wake(self, tenant: str, webhook_id: str) -> None:
        """Have the engine look at its deliveries now."""
        await self._webhooks.update_one({"_id": documents.key(tenant, webhook_id)}, {"$inc": {"wakes": 1}})

    # --- the engine ---

    async def active(self) -> list[Running]:
        """All webhooks of all tenants that are neither paused nor disabled (index `active`)."""
        return [_decode(row) async for row in self._webhooks.find({"active": True})]

    async def advance(self, tenant: str, webhook_id: str, n: int) -> None:
        """Events up to `n` were looked at; never back."""
        await self._webhooks.update_one({"_id": documents.key(tenant, webhook_id)}, {"$max": {"cursor": n}})

    async def rewind(self, tenant: str, webhook_id: str, n: int) -> None:
        """Begin behind `n`, although it came further by numbers that count no more."""
        await self._webhooks.update_one({"_id": documents.key(tenant, webhook_id)}, {"$set": {"cursor": n}})

    async def failing(self, tenant: str, webhook_id: str, since: datetime | None) -> datetime | None:
        """Nothing is taken since that moment, unless an earlier one is known; None: it takes again.

        Answers since when.
        """
        key: Document = {"_id": documents.key(tenant, webhook_id)}
        if since is None:
            await self._webhooks.update_one(key, {"$unset": {"failingSince": ""}})
            return None
        await self._webhooks.update_one(key | {"failingSince": None}, {"$set": {"failingSince": since}})
        row = await self._webhooks.find_one(key, {"failingSince": 1})
        return since if row is None else row.get("failingSince", since)

    async def disable(self, tenant: str, webhook_id: str, stop: Stop) -> bool:
        """Give it up; False when it is paused, disabled or gone already."""
        found: Document = {"_id": documents.key(tenant, webhook_id), "active": True}
        sets: Document = {"disabled": documents.encode_value(stop)}
        update: Document = {"$set": sets, "$unset": {"active": ""}, "$inc": {"version": 1}}
        return (await self._webhooks.update_one(found, update)).matched_count == 1


def _mark(hook: Webhook) -> Document:
    return {"active": True} if hook.active else {}


def _decode(row: Document) -> Running:
    standing = msgspec.convert(row, Standing, builtin_types=(datetime, bytes))
    return Running(hook=documents.decode(row, Webhook), standing=standing)
