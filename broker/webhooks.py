"""Everything that people can do with webhooks: settle, pause, exchange the secret, try, replay."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from broker.envelopes import encode
from broker.webhook_calls import Caller
from broker.webhook_keys import Keyring
from core import addresses, errors, ids, webhook
from core.clock import Clock
from core.delivery import Attempt, Delivery, Status, delivery_id
from core.task import Actor
from core.webhook import Filter, Key, Payload, Webhook
from store.deliveries import Deliveries, Wanted
from store.events import Events
from store.webhooks import Running, Webhooks

MOST = 100
"""Webhooks of one tenant."""
_TRIES = 10


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, and its secret where it is new: the only time that it is shown."""

    running: Running
    secret: str | None = None


class Book:
    """The webhooks of all tenants, for those who may settle them."""

    def __init__(
        self,
        webhooks: Webhooks,
        deliveries: Deliveries,
        events: Events,
        caller: Caller,
        keys: Keyring,
        *,
        clock: Clock,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._events = events
        self._caller = caller
        self._keys = keys
        self._clock = clock

    async def get(self, tenant: str, webhook_id: str) -> Running:
        """The webhook; raises `NotFound`."""
        found = await self._webhooks.get(tenant, webhook_id)
        if found is None:
            raise errors.NotFound(f"There is no webhook {webhook_id}.")
        return found

    async def page(self, tenant: str, *, after: str | None, limit: int) -> list[Running]:
        """Webhooks by id, those behind `after`."""
        return await self._webhooks.page(tenant, after=after, limit=limit)

    async def create(
        self, tenant: str, *, name: str, url: str, payload: Payload, chosen: Filter, paused: bool, by: Actor
    ) -> Settled:
        """A new webhook, told of what happens from now on; raises `Invalid`, `Conflict` when there are too many."""
        addresses.checked(url, "url")
        if len(await self._webhooks.page(tenant, after=None, limit=MOST)) >= MOST:
            raise errors.Conflict(f"There are {MOST} webhooks already; remove one, or have one tell more.")
        at, secret = self._clock(), webhook.new_secret()
        hook = Webhook(
            tenant=tenant, id=ids.new_id(), name=name, url=url, payload=payload, filter=chosen, paused=paused,
            version=1, created_at=at, created_by=by, updated_at=at, updated_by=by,
        )  # fmt: skip
        _check(hook)
        await self._keys.put(tenant, hook.id, (Key(value=secret),), by=by)
        await self._webhooks.insert(tenant, hook, cursor=await self._events.newest(tenant))
        return Settled(running=await self.get(tenant, hook.id), secret=secret)

    async def change(
        self, tenant: str, webhook_id: str, changes: Mapping[str, Any], *, by: Actor, match: int | None
    ) -> Running:
        """Change some settings. To resume (`paused: False`) also lets a disabled one go on where it stopped."""

        def changed(hook: Webhook) -> Webhook:
            after = msgspec.structs.replace(hook, **changes)
            if changes.get("paused") is False:
                after = msgspec.structs.replace(after, disabled=None)
            addresses.checked(after.url, "url")
            _check(after)
            return after

        return await self._rewrite(tenant, webhook_id, changed, by=by, match=match)

    async def rotate(self, tenant: str, webhook_id: str, *, overlap: timedelta, by: Actor) -> Settled:
        """A new secret; those before sign beside it for the time of the overlap."""
        at, secret = self._clock(), webhook.new_secret()
        await self.get(tenant, webhook_id)
        for _ in range(_TRIES):
            keys = webhook.rotated(await self._keys.read(tenant, webhook_id), secret, at=at, overlap=overlap)
            await self._keys.put(tenant, webhook_id, keys, by=by)
            # The new version makes every process read them; read back, since another may exchange them, too.
            running = await self._rewrite(tenant, webhook_id, lambda hook: hook, by=by, match=None)
            if secret in webhook.signing(await self._keys.read(tenant, webhook_id), at):
                return Settled(running=running, secret=secret)
        raise errors.Changed(retry_after=1.0)

    async def remove(self, tenant: str, webhook_id: str, *, match: int | None) -> None:
        """Remove it with its deliveries."""
        for _ in range(_TRIES):
            version = match or (await self.get(tenant, webhook_id)).hook.version
            if await self._webhooks.remove(tenant, webhook_id, was=version):
                await self._deliveries.remove_of(tenant, webhook_id)
                await self._keys.remove(tenant, webhook_id)
                return
            if match is not None:
                raise errors.PreconditionFailed(f"Webhook {webhook_id} is not at the version {match} any more.")
        raise errors.Changed(retry_after=1.0)

    async def test(self, tenant: str, webhook_id: str, *, by: Actor) -> Attempt:
        """Send a sample at once, once, whether it is paused or not; answers what came of it."""
        hook, at = (await self.get(tenant, webhook_id)).hook, self._clock()
        about = {"webhook": hook.id, "name": hook.name, "by": by}
        body = encode(webhook.notice(webhook.TEST, at, about)).decode()
        message = delivery_id(tenant, hook.id, webhook.TEST, ids.new_id())
        said = await self._caller.call(hook, message, body)
        status = Status.DELIVERED if said.attempt.taken else Status.FAILED
        kept = Delivery(
            tenant=tenant, id=message, webhook=hook.id, type=webhook.TEST, n=0, group=message, body=body, status=status,
            created_at=at, first_at=at, tries=1, attempts=(said.attempt,), ended_at=at,
        )  # fmt: skip
        await self._deliveries.insert(tenant, [kept])
        return said.attempt

    # --- deliveries ---

    async def deliveries(
        self, tenant: str, webhook_id: str, wanted: Wanted, *, after: str | None, limit: int
    ) -> list[Delivery]:
        """Deliveries, the newest first; raises `NotFound`, `BadCursor`."""
        await self.get(tenant, webhook_id)
        return await self._deliveries.page(tenant, webhook_id, wanted, after=after, limit=limit)

    async def delivery(self, tenant: str, webhook_id: str, message_id: str) -> Delivery:
        """One delivery; raises `NotFound`."""
        await self.get(tenant, webhook_id)
        found = await self._deliveries.get(tenant, webhook_id, message_id)
        if found is None:
            raise errors.NotFound(f"There is no delivery {message_id} of the webhook {webhook_id}.")
        return found

    async def replay(self, tenant: str, webhook_id: str, message_id: str) -> Delivery:
        """Send one again, under its old id; one that is under way already stays so."""
        await self.delivery(tenant, webhook_id, message_id)
        await self._deliveries.reopen_one(tenant, webhook_id, message_id, now=self._clock())
        await self._webhooks.wake(tenant, webhook_id)
        return await self.delivery(tenant, webhook_id, message_id)

    async def replay_all(self, tenant: str, webhook_id: str, wanted: Wanted) -> int:
        """Send all that are wanted again; answers how many."""
        await self.get(tenant, webhook_id)
        count = await self._deliveries.reopen(tenant, webhook_id, wanted, now=self._clock())
        await self._webhooks.wake(tenant, webhook_id)
        return count

    async def _rewrite(
        self,
        tenant: str,
        webhook_id: str,
        change: Callable[[Webhook], Webhook],
        *,
        by: Actor,
        match: int | None,
    ) -> Running:
        for _ in range(_TRIES):
            there = (await self.get(tenant, webhook_id)).hook
            if match is not None and there.version != match:
                raise errors.PreconditionFailed(f"Webhook {webhook_id} is not at the version {match} any more.")
            after = msgspec.structs.replace(
                change(there), version=there.version + 1, updated_at=self._clock(), updated_by=by
            )
            if await self._webhooks.replace(tenant, after, was=there.version):
                return await self.get(tenant, webhook_id)
        raise errors.Changed(retry_after=1.0)


def _check(hook: Webhook) -> None:
    """Raise `Invalid` for types that the payload does not have."""
    for name in hook.filter.types or ():
        if not webhook.has_type(hook.payload, name):
            fault = errors.Fault(field="filter.types", message=f"there is no {name}")
            raise errors.Invalid(f"filter.types: the payload {hook.payload.value} has no {name}.", faults=[fault])
