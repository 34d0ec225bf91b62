"""A ticket survives its message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rabbit import messages

tickets = st.builds(
    messages.Ticket,
    lane=st.text(min_size=1),
    ids=st.lists(st.text(min_size=1), min_size=1).map(tuple),
    priority=st.integers(0, 3),
    place=st.text(),
)


@given(ticket=tickets)
def test_a_ticket_is_the_same_after_its_journey(ticket: messages.Ticket) -> None:
    message = messages.encode(ticket)
    assert messages.decode(message.routing_key, message.priority, message.body) == ticket


@given(ticket=tickets)
def test_a_ticket_is_not_written_to_disk_unless_asked_for_and_is_missed_when_nobody_takes_it(
    ticket: messages.Ticket,
) -> None:
    message, kept = messages.encode(ticket), messages.encode(ticket, kept=True)
    assert (message.delivery_mode, message.mandatory, message.exchange) == (messages.TRANSIENT, True, "")
    assert (kept.delivery_mode, kept.body) == (messages.PERSISTENT, message.body)


@given(content=st.binary())
def test_foreign_content_is_a_ticket_or_refused(content: bytes) -> None:
    try:
        ticket = messages.decode("lane", None, content)
    except messages.NotATicket:
        return
    assert messages.decode("lane", 0, messages.encode(ticket).body) == ticket


def test_rubbish_is_refused() -> None:
    with pytest.raises(messages.NotATicket):
        messages.decode("lane", 1, b'{"id": 1}')


def test_urgent_ranks_before_old() -> None:
    old = messages.Ticket(lane="a", ids=("1",), priority=1, place="1")
    urgent = messages.Ticket(lane="b", ids=("2",), priority=3, place="2")
    young = messages.Ticket(lane="c", ids=("3",), priority=1, place="3")
    assert sorted([young, old, urgent], key=lambda ticket: ticket.rank) == [urgent, old, young]
