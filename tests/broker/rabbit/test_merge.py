"""The merge over lanes, against lanes in memory: the best come first, and little is fetched in vain."""

from collections import deque
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from broker.rabbit import merge, messages


@dataclass(frozen=True)
class Card:
    """Carries a ticket."""

    ticket: messages.Ticket


@dataclass
class Table:
    """Lanes in memory, and a count of what was asked of them."""

    lanes: dict[str, deque[Card]]
    fetched: int = 0
    rounds: int = 0

    def run(self, count: int, expected: dict[str, int]) -> tuple[list[Card], list[Card]]:
        """Do what a draw does."""
        merging = merge.Merge[Card](self.lanes, count, expected)
        while asks := merging.asks():
            self.rounds += 1
            came: list[Card] = []
            for lane, number in asks.items():
                came.extend(self.lanes[lane].popleft() for _ in range(min(number, len(self.lanes[lane]))))
            self.fetched += len(came)
            merging.add(came, {lane: len(self.lanes[lane]) for lane in asks})
        assert {lane: len(cards) for lane, cards in self.lanes.items()} == {
            lane: left - sum(card.ticket.lane == lane for card in merging.result()[1])
            for lane, left in merging.left().items()
        }
        return merging.result()


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A few lanes, each in order, as RabbitMQ keeps them."""
    lanes: dict[str, deque[Card]] = {}
    place = 0
    for number in range(draw(st.integers(1, 6))):
        name = f"lane{number}"
        cards: list[Card] = []
        for priority in draw(st.lists(st.integers(0, 3), max_size=30)):
            place = draw(st.integers(0, 10_000))
            ticket = messages.Ticket(lane=name, ids=("x",), priority=priority, place=f"{place:06d}")
            cards.append(Card(ticket))
        lanes[name] = deque(sorted(cards, key=lambda card: card.ticket.rank))
    return Table(lanes)


expectations = st.dictionaries(st.sampled_from([f"lane{number}" for number in range(6)]), st.integers(0, 40))


@given(table=tables(), count=st.integers(1, 60), expected=expectations)
def test_the_best_of_all_lanes_are_taken_in_order(table: Table, count: int, expected: dict[str, int]) -> None:
    everything = sorted(card.ticket.rank for lane in table.lanes.values() for card in lane)
    taken, _ = table.run(count, expected)
    assert [card.ticket.rank for card in taken] == everything[:count]


@given(table=tables(), count=st.integers(1, 60), expected=expectations)
def test_nothing_is_lost_or_doubled(table: Table, count: int, expected: dict[str, int]) -> None:
    before = sorted(id(card) for lane in table.lanes.values() for card in lane)
    taken, surplus = table.run(count, expected)
    after = sorted(id(card) for cards in (taken, surplus, *table.lanes.values()) for card in cards)
    assert after == before


@given(table=tables(), count=st.integers(1, 60), expected=expectations)
def test_little_is_fetched_in_vain(table: Table, count: int, expected: dict[str, int]) -> None:
    _, surplus = table.run(count, expected)
    assert len(surplus) <= count + 2 * len(table.lanes)


def test_one_lane_is_never_asked_for_more_than_is_needed() -> None:
    cards = (messages.Ticket(lane="a", ids=("x",), priority=1, place=f"{place}") for place in range(100, 300))
    table = Table({"a": deque(map(Card, cards))})
    taken, surplus = table.run(50, {})
    assert (len(taken), surplus, table.fetched, table.rounds) == (50, [], 50, 2)


def test_a_lane_that_is_known_to_be_full_is_asked_once() -> None:
    cards = (messages.Ticket(lane="a", ids=("x",), priority=1, place=f"{place}") for place in range(100, 300))
    table = Table({"a": deque(map(Card, cards))})
    table.run(50, {"a": 200})
    assert table.rounds == 1


def test_one_full_lane_among_empty_ones_takes_few_rounds() -> None:
    cards = (messages.Ticket(lane="a", ids=("x",), priority=1, place=f"{place}") for place in range(1000, 2000))
    table = Table({"a": deque(map(Card, cards)), **{f"empty{number}": deque() for number in range(20)}})
    taken, _ = table.run(100, {})
    assert len(taken) == 100
    assert table.rounds <= 3


def test_lanes_whose_tickets_alternate_take_few_rounds() -> None:
    table = Table({f"lane{number}": deque() for number in range(10)})
    for place in range(1000, 2000):
        lane = f"lane{place % 10}"
        table.lanes[lane].append(Card(messages.Ticket(lane=lane, ids=("x",), priority=1, place=f"{place}")))
    taken, surplus = table.run(100, dict.fromkeys(table.lanes, 100))
    assert len(taken) == 100
    assert table.rounds <= 2
    assert len(surplus) <= 20
