"""One webhook's pump: events that it wants become deliveries, and deliveries are sent until they are taken.

What was looked at is noted (`cursor`) only after its deliveries are kept, and a delivery's id is made of webhook and
event: whoever takes over after a kill repeats a little, and neither loses nor doubles a delivery. Deliveries of one
task go out one after the other; those of others do not wait for it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from broker import loops
from broker.envelopes import Envelopes, encode
from broker.webhook_calls import Caller
from broker.webhook_meters import WebhookMeters
from core import cancelling, webhook
from core import delivery as rules
from core.clock import Clock
from core.delivery import Delivery, Health
from core.events import Event
from core.webhook import Payload, Standing, Stop, Webhook
from store.deliveries import Deliveries
from store.events import Events
from store.webhooks import Running, Webhooks

CONCURRENCY = 8
WINDOW = 1000
"""So many deliveries are made ahead at most; further events wait in their record."""
_PAGE = 200
_IDLE_SECONDS = 30.0

Tell = Callable[[Webhook, Stop], Awaitable[None]]
"""Tells the tenant that a webhook was given up."""


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What every pump works with."""

    webhooks: Webhooks
    deliveries: Deliveries
    events: Events
    envelopes: Envelopes
    caller: Caller
    clock: Clock
    dice: random.Random
    first_delay: timedelta
    tell: Tell
    meters: WebhookMeters


class Pump:
    """Sends to one webhook."""

    def __init__(self, running: Running, kit: Kit) -> None:
        self.wake = asyncio.Event()
        """Set when there may be more to do."""
        self.hook: Webhook = running.hook
        self.standing: Standing = running.standing
        self._cursor = running.standing.cursor
        self._failing_since = running.standing.failing_since
        self._checked = False
        self._known = False
        """Whether `next_due` is right: nobody but this pump has written deliveries since."""
        self._next_due: datetime | None = None
        self._kit = kit
        self._health = Health()

    async def run(self) -> None:
        """Pump until cancelled; what is under way then is sent again by whoever comes next."""
        await loops.repeat(f"webhook {self.hook.id}", self.step, wake=self.wake)

    async def step(self) -> float:
        """Look for events, send what may be sent; answers the seconds until there may be more without being woken."""
        if not self._checked:
            await self._check()
        more = await self._look()
        rest = self._health.waits(self._kit.clock())
        if rest:
            return rest
        sent = await self._send() if self._may_be_due else False
        if more or sent:
            return 0.0
        return await self._pause()

    def refresh(self, running: Running) -> None:
        """It was changed, or deliveries of it were."""
        self.hook, self.standing, self._known = running.hook, running.standing, False
        self.wake.set()

    @property
    def _may_be_due(self) -> bool:
        return not self._known or (self._next_due is not None and self._next_due <= self._kit.clock())

    # --- from events to deliveries ---

    async def _check(self) -> None:
        """A cursor beyond all events came with its tenant from another installation: begin here and now."""
        hook, newest = self.hook, await self._kit.events.newest(self.hook.tenant)
        if newest < self._cursor:
            await self._kit.webhooks.rewind(hook.tenant, hook.id, newest)
            self._cursor = newest
        self._checked = True

    async def _look(self) -> bool:
        """Make deliveries of the next events; True when there may be more of them at once."""
        hook, kit = self.hook, self._kit
        is_empty = self._known and self._next_due is None
        if not is_empty and await kit.deliveries.waiting(hook.tenant, hook.id, at_most=WINDOW) >= WINDOW:
            return False
        chosen = hook.filter
        types = webhook.types_wanted(hook)
        part = await kit.events.since(
            hook.tenant,
            self._cursor,
            limit=_PAGE,
            queues=chosen.queues,
            types=types,
        )
        wanted = [event for event in part.events if webhook.wants(hook, event)]
        if wanted:
            await self._keep(await self._made(wanted))
        if part.reached > self._cursor:
            await kit.webhooks.advance(hook.tenant, hook.id, part.reached)
            self._cursor = part.reached
        return len(part.events) == _PAGE

    async def _made(self, events: Sequence[Event]) -> list[Delivery]:
        hook, now = self.hook, self._kit.clock()
        bodies = await self._bodies(events)
        return [
            Delivery(
                tenant=hook.tenant,
                id=rules.delivery_id(hook.tenant, hook.id, event.task, str(event.seq)),
                webhook=hook.id,
                type=webhook.name_of(hook, event),
                n=event.n,
                group=event.task,
                task=event.task,
                queue=event.queue,
                trace=event.trace,
                body=encode(body).decode(),
                open=True,
                created_at=now,
                next_at=now,
            )
            for event, body in zip(events, bodies, strict=True)
            if body is not None
        ]

    async def _bodies(self, events: Sequence[Event]) -> list[dict[str, Any] | None]:
        """What each event's delivery says; None where it is not wanted after all."""
        hook, criteria = self.hook, self.hook.filter.criteria
        is_native = hook.payload is Payload.NATIVE
        if is_native and (criteria is None or not criteria.asks_for_assignee):
            return [webhook.native(event) for event in events]
        told = await self._kit.envelopes.of(hook.tenant, events)
        fits = [each is not None and (criteria is None or criteria.fits(each)) for each in told]
        bodies = [webhook.native(event) for event in events] if is_native else told
        return [body if fit else None for body, fit in zip(bodies, fits, strict=True)]

    async def _keep(self, deliveries: list[Delivery]) -> None:
        """Keep new deliveries; those of a task whose earlier ones wait for a retry wait behind them."""
        hook = self.hook
        heads = await self._kit.deliveries.heads(hook.tenant, hook.id, {each.group for each in deliveries})
        waiting = [
            msgspec.structs.replace(each, next_at=max(each.next_at or heads[each.group][1], heads[each.group][1]))
            if each.group in heads
            else each
            for each in deliveries
        ]
        await self._kit.deliveries.insert(hook.tenant, waiting)
        self._known = False

    # --- from deliveries to the receiver ---

    async def _send(self) -> bool:
        """Send what is due, tasks side by side, each in its order; True when anything was tried."""
        hook, kit = self.hook, self._kit
        self._known = False
        due = await kit.deliveries.due(hook.tenant, hook.id, now=kit.clock(), limit=1 if self._health.down else _PAGE)
        if not due:
            return False
        groups = rules.groups(due)
        heads = await kit.deliveries.heads(hook.tenant, hook.id, [group[0].group for group in groups])
        groups = [group for group in groups if heads.get(group[0].group, (group[0].n,))[0] >= group[0].n]
        places = asyncio.Semaphore(CONCURRENCY)
        async with asyncio.TaskGroup() as all_of_them:
            for group in groups:
                all_of_them.create_task(self._in_order(group, places))
        return bool(groups)

    async def _in_order(self, group: Sequence[Delivery], places: asyncio.Semaphore) -> None:
        async with places:
            for each in group:
                cancelling.heed()
                if self._health.waits(self._kit.clock()) or not await self._try(each):
                    return

    async def _try(self, delivery: Delivery) -> bool:
        """Send one once; True when it was taken, and the next of its task may follow."""
        kit, hook = self._kit, self.hook
        said = await kit.caller.call(hook, delivery.id, delivery.body, trace=delivery.trace)
        kit.meters.tried(said.attempt)
        after = rules.tried(
            delivery, said.attempt, first_delay=kit.first_delay, dice=kit.dice, not_before=said.not_before
        )
        await kit.deliveries.note(delivery, after)
        if said.attempt.taken:
            await self._went_well(said.attempt.at)
            return True
        if after.next_at is not None:
            await kit.deliveries.postpone(hook.tenant, hook.id, delivery.group, after.next_at)
        await self._went_wrong(said.attempt)
        return False

    async def _went_well(self, at: datetime) -> None:
        if self._health.succeeded():
            await self._kit.deliveries.hurry(self.hook.tenant, self.hook.id, at)
        if self._failing_since is not None:
            self._failing_since = await self._kit.webhooks.failing(self.hook.tenant, self.hook.id, None)

    async def _went_wrong(self, attempt: rules.Attempt) -> None:
        kit, hook = self._kit, self.hook
        self._health.failed(attempt.at)
        if self._failing_since is None:
            self._failing_since = await kit.webhooks.failing(hook.tenant, hook.id, attempt.at)
        since = self._failing_since or attempt.at
        if attempt.gone:
            await self._give_up(attempt.at, "The receiver answered 410: it wants no more.")
        elif attempt.at - since >= webhook.DISABLE_AFTER:
            await self._give_up(attempt.at, f"Nothing was taken since {webhook.stamp(since)}.")

    async def _give_up(self, at: datetime, reason: str) -> None:
        """Tell first, then stop: a kill in between tells twice rather than never."""
        stop = Stop(at=at, reason=reason)
        if self.hook.active:
            await self._kit.tell(self.hook, stop)
            await self._kit.webhooks.disable(self.hook.tenant, self.hook.id, stop)
            self.hook = msgspec.structs.replace(self.hook, disabled=stop)

    async def _pause(self) -> float:
        if not self._known:
            # Noted before it is read: who writes meanwhile (`refresh`) makes it unknown again.
            self._known = True
            self._next_due = await self._kit.deliveries.next_due(self.hook.tenant, self.hook.id)
        if self._next_due is None:
            return _IDLE_SECONDS
        return min(max((self._next_due - self._kit.clock()).total_seconds(), 0.05), _IDLE_SECONDS)
