"""A link comes up when the broker does, and again whenever it was lost."""

import asyncio

import pytest

from broker.rabbit import connection
from core import errors
from deploy.local import ports
from tests.support import proxy, waiting


@pytest.fixture
async def link(wire: proxy.Proxy) -> connection.Link:
    """A link through the wire, not started."""
    return connection.Link(wire.url, "test link")


async def test_a_link_that_was_not_started_is_down(link: connection.Link) -> None:
    assert not link.connected
    assert not link.blocked
    with pytest.raises(errors.Unavailable):
        link.connection()
    await link.close()


async def test_a_link_knows_its_server(link: connection.Link) -> None:
    link.start()
    await link.next_connection()
    assert link.connected
    assert not link.blocked
    assert link.server_version >= (3, 8)
    await link.close()
    assert not link.connected


async def test_a_link_waits_for_a_broker_that_comes_later(wire: proxy.Proxy, link: connection.Link) -> None:
    await wire.shut()
    link.start()
    first = asyncio.create_task(link.next_connection())
    await asyncio.wait([first], timeout=0.3)
    assert not first.done()
    await wire.reopen()
    async with asyncio.timeout(10):
        await first
    await link.close()


async def test_a_link_comes_back_each_time_it_was_lost(wire: proxy.Proxy, link: connection.Link) -> None:
    link.start()
    seen = [await link.next_connection()]
    for _ in range(3):
        await wire.cut()
        await waiting.wait_until(lambda: not link.connected, what="the loss is noticed")
        async with asyncio.timeout(10):
            seen.append(await link.next_connection())
    assert len(set(seen)) == 4
    await link.close()


async def test_a_refused_login_is_tried_again_and_can_be_given_up(wire: proxy.Proxy) -> None:
    link = connection.Link(wire.url.replace("penstock:", "penstock:not"), "test stranger")
    link.start()
    await waiting.wait_until(lambda: wire.accepted >= 3, what="several attempts")
    assert not link.connected
    await link.close()


async def test_a_link_can_be_closed_while_the_broker_is_silent(wire: proxy.Proxy, link: connection.Link) -> None:
    wire.freeze()
    link.start()
    await waiting.wait_until(lambda: wire.accepted, what="an attempt")
    async with asyncio.timeout(2):
        await link.close()


async def test_only_a_cancellation_that_was_asked_for_passes() -> None:
    async def spurious() -> None:
        with connection.translated():
            raise asyncio.CancelledError

    with pytest.raises(errors.Unavailable):
        await spurious()

    async def patient() -> None:
        with connection.translated():
            await asyncio.Event().wait()

    asked = asyncio.create_task(patient())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_of_several_nodes_the_one_that_answers_is_found(rabbitmq_url: str) -> None:
    away = rabbitmq_url.replace(rabbitmq_url.rpartition(":")[2].partition("/")[0], str(ports.free()))
    link = connection.Link(f"{away},{rabbitmq_url},{away}", "test of several")
    link.start()
    async with asyncio.timeout(20):
        await link.next_connection()
    assert link.connected
    await link.close()


def test_a_list_of_addresses_is_told_apart_where_an_address_begins() -> None:
    assert connection.addresses("amqp://a:x,y@h:1/v,amqps://b@i:2/v") == ["amqp://a:x,y@h:1/v", "amqps://b@i:2/v"]
