"""The consumers of those who wait on the same lanes: together they bring as much as is asked for, and no more."""

from collections import Counter

from broker.rabbit import drawing

EACH = 10
"""So many tickets, at most, one consumer brings before one of them is settled."""
MOST = 64
"""So many all consumers of a lane."""


class _Consumer:
    """One that brings tickets of a lane: at most `prefetch` that are not settled; `free` of them it could still."""

    def __init__(self, lane: str, prefetch: int) -> None:
        self.lane = lane
        self.prefetch = prefetch
        self.free = prefetch


class Bringing:
    """Consumers on some lanes, of one sink. Nothing here suspends."""

    def __init__(self, lanes: tuple[str, ...], sink: drawing.Sink, idle: Counter[str]) -> None:
        """In `idle` is counted what could still be brought, by lane, beside that of others."""
        self._lanes = lanes
        self._sink = sink
        self._idle = idle
        self._channel: drawing.DrawChannel | None = None
        self._consumers: dict[str, _Consumer] = {}
        self._free = dict.fromkeys(lanes, 0)
        self._made = dict.fromkeys(lanes, 0)

    def move(self, channel: drawing.DrawChannel) -> None:
        """Make consumers on this channel from now on; those on another one are lost with it."""
        for lane in self._lanes:
            self._note(lane, -self._free[lane])
            self._made[lane] = 0
        self._consumers.clear()
        self._channel = channel

    def brought(self, name: str) -> None:
        """A consumer brought a ticket."""
        if (consumer := self._consumers.get(name)) is not None:
            consumer.free -= 1
            self._note(consumer.lane, -1)

    def freed(self, name: str) -> bool:
        """One of its tickets is about to be settled; answers whether it would be brought the next."""
        consumer = self._consumers.get(name)
        if consumer is None or consumer.free == consumer.prefetch:
            return False
        consumer.free += 1
        self._note(consumer.lane, 1)
        return True

    def fill(self, asked: int, here: int) -> None:
        """Have so many brought from each lane, besides those that are here and not handed out."""
        if self._channel is None:
            return
        for lane in self._lanes:
            while (missing := min(min(asked, MOST) - here - self._free[lane], MOST - self._made[lane])) > 0:
                consumer = _Consumer(lane, min(missing, EACH))
                self._consumers[self._channel.consume(lane, self._sink, consumer.prefetch)] = consumer
                self._made[lane] += consumer.prefetch
                self._note(lane, consumer.prefetch)

    def trim(self, asked: int) -> bool:
        """Have no more than so many brought from any lane; True when consumers were ended, perhaps too many.

        The fullest go first: to them the least is on its way.
        """
        if all(free <= asked for free in self._free.values()):
            return False
        for name, consumer in sorted(self._consumers.items(), key=_room):
            if self._free[consumer.lane] > asked and consumer.free:
                self.cancel(name)
        return True

    def cancel(self, name: str) -> None:
        """End a consumer."""
        consumer = self._consumers.pop(name, None)
        if consumer is not None and self._channel is not None:
            self._note(consumer.lane, -consumer.free)
            self._made[consumer.lane] -= consumer.prefetch
            self._channel.cancel([name])

    def _note(self, lane: str, number: int) -> None:
        self._free[lane] += number
        self._idle[lane] += number
        if not self._idle[lane]:
            del self._idle[lane]


def _room(one: tuple[str, _Consumer]) -> int:
    return one[1].free
