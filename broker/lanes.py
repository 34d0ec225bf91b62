"""Which lanes there should be, and what is in them: `python -m broker topology` and `python -m broker refill`."""

import asyncio
from collections.abc import Callable

from broker import assembly
from broker.assembly import Parts, Record
from broker.rabbit import topology
from broker.refill import SECOND_LOOK, Refill
from broker.relay import Relay
from core.settings import Settings

Say = Callable[[str], None]
_CONNECT_SECONDS = 10.0


async def every_lane(record: Record, prefix: str) -> list[str]:
    """The lanes of all queues, their definitions and flow templates included, by their names in RabbitMQ."""
    lanes: list[str] = []
    for queue in await record.queues.every():
        own = [queue.lane]
        own += [each.lane for each in await record.definitions.of_queue(queue.tenant, queue.key)]
        own += [each.lane for each in await record.flow_templates.of_queue(queue.tenant, queue.key)]
        lanes += [topology.lane(prefix, queue.tenant, lane) for lane in own]
    return lanes


async def show(settings: Settings, *, say: Say) -> None:
    """Declare what is missing in RabbitMQ, and say what is there: each lane with its tickets and who waits."""
    async with assembly.running(settings, name="topology") as parts:
        await _connected(parts)
        lanes = await every_lane(parts.record, settings.broker_prefix)
        await parts.broker.lanes.ensure(lanes)
        version = ".".join(map(str, parts.broker.consuming.server_version))
        arguments = topology.lane_arguments(parts.broker.consuming.server_version, mirrored=settings.rabbitmq_mirrored)
        say(f"RabbitMQ {version}, exchange {topology.events_exchange(settings.broker_prefix)}, lanes {arguments}")
        for lane in lanes:
            depth, waiting = await parts.broker.lanes.depth(lane), await parts.broker.lanes.consumers(lane)
            say(f"{lane}: {depth} tickets, {waiting} waiting")


async def refill(settings: Settings, *, say: Say) -> None:
    """Compare every lane with the record, twice, and publish the tickets that are missing both times."""
    async with assembly.running(settings, name="refill") as parts:
        await _connected(parts)
        sweeps, broker, prefix = parts.record.sweeps, parts.broker, settings.broker_prefix
        refilling = Refill(
            sweeps,
            parts.record.queues,
            broker.lanes,
            broker.publisher,
            broker.consuming,
            clock=parts.clock,
            prefix=prefix,
        )
        await refilling.look()
        await asyncio.sleep(SECOND_LOOK.total_seconds())
        filled = await refilling.look()
        relay = Relay(sweeps, parts.record.tasks, broker.publisher, broker.publishing, clock=parts.clock, prefix=prefix)
        while await relay.step() == 0.0:
            pass
        say(f"{filled} lanes lacked tickets" if filled else "no lane lacks a ticket")


async def _connected(parts: Parts) -> None:
    async with asyncio.timeout(_CONNECT_SECONDS):
        await parts.broker.consuming.next_connection()
        await parts.broker.publisher.ready()
