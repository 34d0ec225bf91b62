"""Tells events on the topic exchange, in their order, and spares those to which nobody listens.

RabbitMQ says of each message whether a queue was there to take it. Of a sort of events that nobody took last time, one
is made and sent as a question; if it comes back, nobody listens, and the rest of the batch, which happened before the
question was asked, would have reached nobody either. On a platform without listeners a batch is a few messages.
Where a batch has very many such sorts (thousands of queues) RabbitMQ is asked for hundreds of them by one message.
"""

from collections.abc import Awaitable, Callable, Sequence

import cachetools

from broker.rabbit import events as rabbit
from core.events import Event

Make = Callable[[Sequence[Event]], Awaitable[Sequence[rabbit.Event]]]
"""What is sent of these events, one for each."""

Key = Callable[[Event], str]
"""The routing key that the message of an event has."""

_MOST_QUESTIONS = 16
"""By events, since each waits for its answer; where there were more they are asked for together."""
_REMEMBERED = 100_000


class Teller:
    """Tells the events of one follower."""

    def __init__(self, exchange: rabbit.Events, make: Make, key: Key) -> None:
        self._exchange = exchange
        self._make = make
        self._key = key
        self._unheard: cachetools.LRUCache[str, None] = cachetools.LRUCache(_REMEMBERED)

    async def tell(self, batch: Sequence[Event]) -> int | None:
        """Send these events, each at most once and in this order; answers how many reached a listener.

        None when RabbitMQ did not take them all: some may have gone out.
        """
        keyed = [(self._key(event), event) for event in batch]
        unheard = {sort for sort, _ in keyed if sort in self._unheard}
        if len(unheard) > _MOST_QUESTIONS:
            still = await self._exchange.unheard(sorted(unheard))
            return None if still is None else await self._send([event for sort, event in keyed if sort not in still])
        heard, ready, silent = 0, list[Event](), set[str]()
        for sort, event in keyed:
            if sort in silent:
                continue
            ready.append(event)
            if sort in unheard:
                count = await self._send(ready)
                if count is None:
                    return None
                heard, ready = heard + count, list[Event]()
                unheard.discard(sort)
                if sort in self._unheard:
                    silent.add(sort)
        count = await self._send(ready)
        return None if count is None else heard + count

    async def _send(self, events: Sequence[Event]) -> int | None:
        if not events:
            return 0
        returned = await self._exchange.offer(await self._make(events))
        if returned is None:
            return None
        for index, event in enumerate(events):
            if index in returned:
                self._unheard[self._key(event)] = None
            else:
                self._unheard.pop(self._key(event), None)
        return len(events) - len(returned)
