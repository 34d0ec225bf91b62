"""The duty of webhooks: keeps a pump running for every webhook that is active, and wakes it when there is news."""

import asyncio
import random
from datetime import timedelta

from broker import loops
from broker.envelopes import Envelopes, encode
from broker.outbound import Outbound
from broker.rabbit import events as rabbit
from broker.telemetry import Tracing
from broker.webhook_calls import Caller
from broker.webhook_keys import Keyring
from broker.webhook_making import WINDOW
from broker.webhook_meters import WebhookMeters
from broker.webhook_pump import Kit, Pump
from core import webhook
from core.clock import Clock
from core.delivery import Delivery, delivery_id
from core.webhook import Stop, Webhook
from loop import cancelling
from store.deliveries import Deliveries
from store.events import Events
from store.mongo import Database
from store.payloads import Payloads
from store.secrets import Secrets
from store.snapshots import Snapshots
from store.tenants import Tenants
from store.webhooks import Running, Webhooks

LOOK_SECONDS = 1.0
"""How soon a new or changed webhook is noticed."""
NEWS_SECONDS = 0.2
_REST_PER_TENANT = 0.001
"""So that asking for news never takes more than a share of the record's time, however many tenants there are."""
_PAGE = 1000

Key = tuple[str, str]


class Hub:
    """The pumps of one process."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._pumps: dict[Key, Pump] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._newest: dict[str, int] = {}

    async def run(self) -> None:
        """Keep pumps running for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(loops.repeat("webhooks", self.step))
                group.create_task(loops.repeat("news of webhooks", self.listen))
        finally:
            await loops.ended(*self._running.values())
            self._kit.meters.stand(well=0, failing=0)

    async def step(self) -> float:
        """Begin with new webhooks, stop with those that are paused or gone, tell the others what changed."""
        wanted = {(each.hook.tenant, each.hook.id): each for each in await self._kit.webhooks.active()}
        for key in [key for key in self._pumps if key not in wanted]:
            del self._pumps[key]
            await loops.ended(self._running.pop(key))
            await self._clear(key)
        failing = sum(each.standing.failing_since is not None for each in wanted.values())
        self._kit.meters.stand(well=len(wanted) - failing, failing=failing)
        for key, running in wanted.items():
            pump = self._pumps.get(key)
            if pump is None:
                self._begin(key, running)
            elif (pump.hook, pump.standing.wakes) != (running.hook, running.standing.wakes):
                pump.refresh(running)
        return LOOK_SECONDS

    async def listen(self) -> float:
        """Wake the pumps of tenants in which something happened."""
        tenants = {tenant for tenant, _ in self._pumps}
        for tenant in tenants:
            cancelling.heed()
            newest = await self._kit.events.newest(tenant)
            if newest != self._newest.get(tenant):
                self._newest[tenant] = newest
                for key, pump in self._pumps.items():
                    if key[0] == tenant:
                        pump.wake.set()
        return max(NEWS_SECONDS, len(tenants) * _REST_PER_TENANT)

    async def _clear(self, key: Key) -> None:
        """Of a webhook that was removed: what its pump kept at the last moment."""
        if await self._kit.webhooks.get(*key) is None:
            await self._kit.deliveries.remove_of(*key)

    def _begin(self, key: Key, running: Running) -> None:
        pump = self._pumps[key] = Pump(running, self._kit)
        self._running[key] = asyncio.create_task(pump.run(), name=f"webhook {running.hook.id}")


class Notices:
    """Tells a tenant that one of its webhooks was given up: on the topic exchange, and by its other webhooks."""

    def __init__(self, exchange: rabbit.Events, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._exchange = exchange
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def disabled(self, hook: Webhook, stop: Stop) -> None:
        """Whoever is told twice sees it by the id of the message. The address is not told: it may hold a key."""
        about = {"webhook": hook.id, "name": hook.name, "reason": stop.reason}
        body = encode(webhook.notice(webhook.DISABLED, stop.at, about))
        found = await self._webhooks.page(hook.tenant, after=None, limit=_PAGE)
        others = [each.hook for each in found if each.hook.active and each.hook.id != hook.id]
        told = [each for each in others if webhook.wants_notice(each, webhook.DISABLED)]
        await self._deliveries.insert(hook.tenant, [_notice(each, hook, stop, body.decode()) for each in told])
        for each in told:
            await self._webhooks.wake(hook.tenant, each.id)
        said = rabbit.Event(tenant=hook.tenant, queue="-", kind=webhook.DISABLED, body=body)
        await self._exchange.publish([said])


def _notice(to: Webhook, about: Webhook, stop: Stop, body: str) -> Delivery:
    message = delivery_id(to.tenant, to.id, webhook.DISABLED, about.id, str(about.version))
    return Delivery(
        tenant=to.tenant,
        id=message,
        webhook=to.id,
        type=webhook.DISABLED,
        n=0,
        group=message,
        body=body,
        open=True,
        created_at=stop.at,
        next_at=stop.at,
    )


async def work(
    database: Database,
    tenants: Tenants,
    secrets: Secrets,
    exchange: rabbit.Events,
    *,
    clock: Clock,
    first_delay: timedelta,
    meters: WebhookMeters,
    tracing: Tracing | None = None,
    window: int = WINDOW,
) -> None:
    """The duty, for as long as it is led. `window` is how many deliveries of a webhook are made ahead."""
    payloads = Payloads(secrets.sealer)
    webhooks, deliveries, outbound = Webhooks(database), Deliveries(database, payloads), Outbound()
    kit = Kit(
        webhooks=webhooks,
        deliveries=deliveries,
        events=Events(database, payloads),
        envelopes=Envelopes(Snapshots(database, payloads)),
        caller=Caller(outbound, tenants, Keyring(secrets, clock=clock), clock=clock, tracing=tracing),
        clock=clock,
        dice=random.Random(),
        first_delay=first_delay,
        tell=Notices(exchange, webhooks, deliveries).disabled,
        meters=meters,
        window=window,
    )
    try:
        await Hub(kit).run()
    finally:
        await outbound.aclose()
