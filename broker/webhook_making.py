"""From events to deliveries: what a webhook wants is kept to be sent, before it is noted that it was looked at.

A delivery's id is made of webhook and event, so whoever takes over after a kill repeats a little, and neither loses nor
doubles a delivery.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.envelopes import Envelopes, encode
from core import delivery as rules
from core import webhook
from core.clock import Clock
from core.delivery import Delivery
from core.events import Event
from core.webhook import Payload, Webhook
from store.deliveries import Deliveries
from store.events import Events
from store.webhooks import Webhooks

WINDOW = 1000
"""So many deliveries are made ahead, and a page of events more at most; further events wait in their record."""
_PAGE = 200


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a look: whether deliveries were kept, and whether there may be more events at once."""

    kept: bool = False
    more: bool = False


class Maker:
    """Makes the deliveries of one webhook."""

    def __init__(
        self,
        webhooks: Webhooks,
        deliveries: Deliveries,
        events: Events,
        envelopes: Envelopes,
        *,
        clock: Clock,
        cursor: int,
        window: int = WINDOW,
    ) -> None:
        """`cursor` is the number up to which events were looked at."""
        self._window = window
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._events = events
        self._envelopes = envelopes
        self._clock = clock
        self._cursor = cursor
        self._checked = False

    async def look(self, hook: Webhook, *, is_empty: bool) -> Look:
        """Keep deliveries of the next events; `is_empty`: nothing waits to be sent, beyond doubt."""
        if not self._checked:
            await self._check(hook)
        if not is_empty and await self._deliveries.waiting(hook.tenant, hook.id, at_most=self._window) >= self._window:
            return Look()
        types, queues = webhook.types_wanted(hook), hook.filter.queues
        part = await self._events.since(hook.tenant, self._cursor, limit=_PAGE, queues=queues, types=types)
        wanted = [event for event in part.events if webhook.wants(hook, event)]
        if wanted:
            await self._keep(hook, await self._made(hook, wanted))
        if part.reached > self._cursor:
            await self._webhooks.advance(hook.tenant, hook.id, part.reached)
            self._cursor = part.reached
        return Look(kept=bool(wanted), more=len(part.events) == _PAGE)

    async def _check(self, hook: Webhook) -> None:
        """A cursor beyond all events came with its tenant from another installation: begin here and now."""
        newest = await self._events.newest(hook.tenant)
        if newest < self._cursor:
            await self._webhooks.rewind(hook.tenant, hook.id, newest)
            self._cursor = newest
        self._checked = True

    async def _made(self, hook: Webhook, events: Sequence[Event]) -> list[Delivery]:
        now, bodies = self._clock(), await self._bodies(hook, events)
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
                encrypted=event.encrypted,
                body=encode(body).decode(),
                open=True,
                created_at=now,
                next_at=now,
            )
            for event, body in zip(events, bodies, strict=True)
            if body is not None
        ]

    async def _bodies(self, hook: Webhook, events: Sequence[Event]) -> list[dict[str, Any] | None]:
        """What each event's delivery says; None where it is not wanted after all."""
        criteria, is_native = hook.filter.criteria, hook.payload is Payload.NATIVE
        if is_native and (criteria is None or not criteria.asks_for_assignee):
            return [webhook.native(event) for event in events]
        told = await self._envelopes.of(events)
        fits = [each is not None and (criteria is None or criteria.fits(each)) for each in told]
        bodies = [webhook.native(event) for event in events] if is_native else told
        return [body if fit else None for body, fit in zip(bodies, fits, strict=True)]

    async def _keep(self, hook: Webhook, deliveries: list[Delivery]) -> None:
        """Keep new deliveries; those of a task whose earlier ones wait for a retry wait behind them."""
        heads = await self._deliveries.heads(hook.tenant, hook.id, {each.group for each in deliveries})
        waiting = [
            msgspec.structs.replace(each, next_at=max(each.next_at or heads[each.group][1], heads[each.group][1]))
            if each.group in heads
            else each
            for each in deliveries
        ]
        await self._deliveries.insert(hook.tenant, waiting)
