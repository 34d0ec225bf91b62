"""One webhook's pump: events that it wants become deliveries, and deliveries are sent until they are taken.

Those of one task go out one after the other; those of others do not wait for it. What an engine was about to send when
it died is sent by the next one, under the same id.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from broker import loops
from broker.envelopes import Envelopes
from broker.webhook_calls import Caller
from broker.webhook_making import Maker
from broker.webhook_meters import WebhookMeters
from core import delivery as rules
from core import webhook
from core.clock import Clock
from core.delivery import Delivery, Health
from core.webhook import Standing, Stop, Webhook
from loop import cancelling
from store.deliveries import Deliveries
from store.events import Events
from store.webhooks import Running, Webhooks

CONCURRENCY = 8
_PAGE = 200
_IDLE_SECONDS = 30.0
_ROUND_SECONDS = 5.0
"""After this no further call of a round is begun: new events wait for its end."""

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
    window: int


class Pump:
    """Sends to one webhook."""

    def __init__(self, running: Running, kit: Kit) -> None:
        self.wake = asyncio.Event()
        """Set when there may be more to do."""
        self.hook: Webhook = running.hook
        self.standing: Standing = running.standing
        self._failing_since = running.standing.failing_since
        self._known = False
        """Whether `next_due` is right: nobody but this pump has written deliveries since."""
        self._next_due: datetime | None = None
        self._kit = kit
        self._health = Health()
        self._maker = Maker(
            kit.webhooks,
            kit.deliveries,
            kit.events,
            kit.envelopes,
            clock=kit.clock,
            cursor=running.standing.cursor,
            window=kit.window,
        )

    async def run(self) -> None:
        """Pump until cancelled; what is under way then is sent again by whoever comes next."""
        await loops.repeat(f"webhook {self.hook.id}", self.step, wake=self.wake)

    async def step(self) -> float:
        """Look for events, send what may be sent; answers the seconds until there may be more without being woken."""
        look = await self._maker.look(self.hook, is_empty=self._known and self._next_due is None)
        self._known = self._known and not look.kept
        rest = self._health.waits(self._kit.clock())
        if rest:
            return rest
        sent = await self._send() if self._may_be_due else False
        if look.more or sent:
            return 0.0
        return await self._pause()

    def refresh(self, running: Running) -> None:
        """It was changed, or deliveries of it were."""
        self.hook, self.standing, self._known = running.hook, running.standing, False
        self._failing_since = running.standing.failing_since
        self.wake.set()

    @property
    def _may_be_due(self) -> bool:
        return not self._known or (self._next_due is not None and self._next_due <= self._kit.clock())

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
        until = asyncio.get_running_loop().time() + _ROUND_SECONDS
        async with asyncio.TaskGroup() as all_of_them:
            for group in groups:
                all_of_them.create_task(self._in_order(group, places, until))
        return bool(groups)

    async def _in_order(self, group: Sequence[Delivery], places: asyncio.Semaphore, until: float) -> None:
        """Send one task's deliveries until one fails or the round is over; the rest is due in the next."""
        async with places:
            for each in group:
                cancelling.heed()
                over = asyncio.get_running_loop().time() > until
                if over or self._health.waits(self._kit.clock()) or not await self._try(each):
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
