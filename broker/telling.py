"""Tells events on the topic exchange, in their order, and spares those to which nobody listens.

RabbitMQ says of each message whether a queue was there to take it. Of a sort of events that nobody took last time, one
is made and sent as a question; if it comes back, nobody listens, and the rest of the batch, which happened before the
question was asked, would have reached nobody either. On a platform without listeners a batch is a few messages.
"""

from collections.abc import Awaitable, Callable, Sequence

import cachetools

from broker.rabbit import events as rabbit
from core.events import Event

Make = Callable[[Sequence[Event]], Awaitable[Sequence[rabbit.Event]]]
"""What is sent of these events, one for each."""

_Sort = tuple[str, str, str]
_MOST_QUESTIONS = 16
"""In one batch, since each waits for its answer; where there were more, all is sent without asking."""
_REMEMBERED = 20_000


class Teller:
    """Tells the events of one follower."""

    def __init__(self, exchange: rabbit.Events, make: Make) -> None:
        self._exchange = exchange
        self._make = make
        self._unheard: cachetools.LRUCache[_Sort, None] = cachetools.LRUCache(_REMEMBERED)

    async def tell(self, batch: Sequence[Event]) -> int | None:
        """Send these events, each at most once and in this order; answers how many reached a listener.

        None when RabbitMQ did not take them all: some may have gone out.
        """
        unheard = {sort for sort in map(_sort, batch) if sort in self._unheard}
        if len(unheard) > _MOST_QUESTIONS:
            return await self._send(batch)
        heard, ready, silent = 0, list[Event](), set[_Sort]()
        for event in batch:
            sort = _sort(event)
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
                self._unheard[_sort(event)] = None
            else:
                self._unheard.pop(_sort(event), None)
        return len(events) - len(returned)


def _sort(event: Event) -> _Sort:
    return event.tenant, event.queue, event.type
