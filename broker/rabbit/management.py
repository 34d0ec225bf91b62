"""Lanes as things: declare, count, empty and drop them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TypeVar

import aiormq
import aiormq.abc
import structlog
from pamqp import commands

from broker.rabbit import connection, topology
from core import errors

log = structlog.get_logger(__name__)

CALL_TIMEOUT = 5.0
CHANNELS = 4
"""To declare a lane takes RabbitMQ milliseconds; several at a time it declares three times as many (3.10)."""
_REFUSALS = (aiormq.ChannelNotFoundEntity, aiormq.ChannelPreconditionFailed)

T = TypeVar("T")


class Lanes:
    """The lanes of a broker, over a link that does not publish: one that does may be blocked.

    A call has a channel to itself, one of a few, since the broker closes a channel in which a call failed. Each raises
    `Unavailable` when the link is down or the broker does not answer in time.
    """

    def __init__(self, link: connection.Link, *, mirrored: bool = False) -> None:
        """`mirrored`: a policy of the server mirrors queues, which not every kind of queue stands."""
        self._link = link
        self._mirrored = mirrored
        self._room = asyncio.Semaphore(CHANNELS)
        self._idle: list[aiormq.abc.AbstractChannel] = []
        self._known: set[str] = set()
        self._known_on: aiormq.abc.AbstractConnection | None = None

    async def ensure(self, lanes: Iterable[str]) -> None:
        """Declare those lanes that are not known to exist. What is known is forgotten with the connection."""
        present = self._link.connection()
        if present is not self._known_on:
            self._known.clear()
            self._known_on = present
        if missing := [lane for lane in lanes if lane not in self._known]:
            await self.declare(missing)

    async def declare(self, lanes: Iterable[str]) -> None:
        """Declare lanes, a few at a time; one that exists with other arguments is used as it is."""
        left = iter(lanes)

        async def some() -> None:
            for lane in left:
                await self._declare(lane)

        await _together(some)

    async def _declare(self, lane: str) -> None:
        arguments = topology.lane_arguments(self._link.server_version, mirrored=self._mirrored)
        try:
            await self._call(lambda channel: channel.queue_declare(lane, durable=True, arguments=arguments))
        except aiormq.ChannelPreconditionFailed as reason:
            # Left by an older RabbitMQ or release. It orders by priority all the same.
            log.warning("lane declared differently before", lane=lane, reason=str(reason))
        self._known.add(lane)

    def forget(self, lanes: Iterable[str] | None = None) -> None:
        """Take these lanes, or without an argument all, for granted no more: one turned out to be missing."""
        if lanes is None:
            self._known.clear()
        else:
            self._known.difference_update(lanes)

    async def depth(self, lane: str) -> int | None:
        """How many tickets wait in the lane, without those handed to somebody; None when it does not exist.

        A quorum queue may answer 0 for a moment after the broker's restart.
        """
        seen = await self._look(lane)
        return None if seen is None else seen.message_count

    async def depths(self, lanes: Collection[str]) -> dict[str, int]:
        """`depth` of many, a few at a time; 0 for one that does not exist."""
        found: dict[str, int] = {}
        left = iter(lanes)

        async def some() -> None:
            for lane in left:
                found[lane] = await self.depth(lane) or 0

        await _together(some)
        return found

    async def consumers(self, lane: str) -> int | None:
        """How many wait in the lane, in all processes together; None when it does not exist."""
        seen = await self._look(lane)
        return None if seen is None else seen.consumer_count

    async def purge(self, lane: str) -> int:
        """Remove the waiting tickets; answers how many there were. Those handed to somebody stay."""
        try:
            answer = await self._call(lambda channel: channel.queue_purge(lane))
        except aiormq.ChannelNotFoundEntity:
            return 0
        return answer.message_count or 0

    async def drop(self, lane: str) -> None:
        """Delete the lane with its tickets; whoever waits there is told. No lane, no error."""
        self._known.discard(lane)
        await self._call(lambda channel: channel.queue_delete(lane))

    async def close(self) -> None:
        """Close the channels."""
        with contextlib.suppress(errors.Unavailable), connection.translated():
            async with asyncio.timeout(connection.CLOSE_TIMEOUT):
                for channel in self._idle:
                    if not channel.is_closed:
                        await channel.close()

    async def _look(self, lane: str) -> commands.Queue.DeclareOk | None:
        try:
            return await self._call(lambda channel: channel.queue_declare(lane, passive=True))
        except aiormq.ChannelNotFoundEntity:
            return None

    async def _call(self, operation: Callable[[aiormq.abc.AbstractChannel], Awaitable[T]]) -> T:
        with connection.translated(*_REFUSALS):
            async with asyncio.timeout(CALL_TIMEOUT), self._room:
                parent = self._link.connection()
                self._idle = [each for each in self._idle if not each.is_closed]
                channel = self._idle.pop() if self._idle else await parent.channel(publisher_confirms=False)
                try:
                    return await operation(channel)
                finally:
                    self._idle.append(channel)


async def _together(work: Callable[[], Awaitable[None]]) -> None:
    """Do it on all channels; raises when all have ended, if one failed."""
    for each in await asyncio.gather(*[work() for _ in range(CHANNELS)], return_exceptions=True):
        if each is not None:
            raise each
