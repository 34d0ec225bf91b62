"""What to ask of several lanes, and in which order to take it, so that the best come first and little comes in vain."""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from broker.rabbit import messages


class Ranked(Protocol):
    """Something that carries a ticket."""

    @property
    def ticket(self) -> messages.Ticket:
        """The ticket."""
        ...


D = TypeVar("D", bound=Ranked)


class _Lane(Generic[D]):
    """One lane in a merge: what came and is not taken, what is believed to be left, and the size of the last ask."""

    def __init__(self, left: int | None) -> None:
        self.here: deque[D] = deque()
        self.left = left
        self.last = 0

    @property
    def dry(self) -> bool:
        """Nothing is here although there may be more."""
        return not self.here and self.left != 0


class Merge(Generic[D]):
    """Takes the `count` best of several lanes, each of which is in order by itself.

    Call `asks`, get what it asks for, hand it to `add`, and again until it asks for nothing. A ticket is taken only
    while every lane that may have more shows its next one, so that none overtakes a better one that was not seen.
    Each lane is asked for its even share of what is still needed; one that runs dry again for twice as much as before.
    """

    def __init__(self, lanes: Iterable[str], count: int, expected: Mapping[str, int]) -> None:
        """`expected` is how many a lane held when last seen; of a lane that is not in it one is asked first."""
        self._expected = expected
        self._lanes: dict[str, _Lane[D]] = {lane: _Lane(None) for lane in lanes}
        self._count = count
        self._taken: list[D] = []

    def asks(self) -> dict[str, int]:
        """How many to get of which lanes now; empty when the merge is complete."""
        self._take()
        need = self._count - len(self._taken)
        if not need or not any(lane.dry for lane in self._lanes.values()):
            return {}
        share = self._share(need)
        asks: dict[str, int] = {}
        for name, lane in self._lanes.items():
            wish = min(need, max(share, 2 * lane.last if lane.dry else 0)) - len(lane.here)
            limit = max(1, self._expected.get(name, 1)) if lane.left is None else lane.left
            if (ask := min(wish, limit)) > 0:
                asks[name] = lane.last = ask
        return asks

    def add(self, drawn: Iterable[D], left: Mapping[str, int]) -> None:
        """What came, in the order in which it came, and how many each asked lane has left."""
        for each in drawn:
            self._lanes[each.ticket.lane].here.append(each)
        for name, number in left.items():
            self._lanes[name].left = number

    def result(self) -> tuple[list[D], list[D]]:
        """What is taken, best first, and what came in vain."""
        surplus = [each for lane in self._lanes.values() for each in lane.here]
        return sorted(self._taken, key=_rank), surplus

    def left(self) -> dict[str, int]:
        """How many each lane holds once the surplus is back."""
        return {name: (lane.left or 0) + len(lane.here) for name, lane in self._lanes.items()}

    def _share(self, need: int) -> int:
        """An even share; and one more, so that lanes whose tickets alternate do not run dry one by one."""
        active = sum(lane.left != 0 for lane in self._lanes.values())
        return -(-need // active) + (need > 1 and active > 1)

    def _take(self) -> None:
        lanes = list(self._lanes.values())
        heads = [(_rank(lane.here[0]), index) for index, lane in enumerate(lanes) if lane.here]
        heapq.heapify(heads)
        dry = any(lane.dry for lane in lanes)
        while heads and not dry and len(self._taken) < self._count:
            _, index = heapq.heappop(heads)
            lane = lanes[index]
            self._taken.append(lane.here.popleft())
            dry = lane.dry
            if lane.here:
                heapq.heappush(heads, (_rank(lane.here[0]), index))


def _rank(drawn: Ranked) -> tuple[int, str]:
    return drawn.ticket.rank
