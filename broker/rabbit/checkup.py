"""What may be wrong with RabbitMQ as it is set up: the doctor's questions."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

import aiormq
import aiormq.abc
import msgspec
from aiormq import exceptions
from pamqp.common import FieldTable
from yarl import URL

from broker.rabbit import topology
from broker.rabbit.connection import addresses
from core.diagnosis import Diagnosis

_SECONDS = 5.0
_REFUSALS = (exceptions.AuthenticationError, exceptions.ProbableAuthenticationError)
_OLDEST = topology.Version(3, 10)
_MOST_SHOWN = 3


def _found(code: str, what: str, do: str, *, fatal: bool = True) -> Diagnosis:
    return Diagnosis(code=code, where="RabbitMQ", what=what, do=do, fatal=fatal)


async def examine(urls: str, prefix: str, lanes: Iterable[str], *, mirrored: bool) -> Sequence[Diagnosis]:
    """The server, our account's rights, and the lanes that should be there, each by its name.

    Of several nodes one must be well; of the others it is said what is wrong with them.
    """
    found: list[Diagnosis] = []
    well = False
    for url in addresses(urls):
        said = await _examine(url, prefix, () if well else lanes, mirrored=mirrored)
        well = well or not any(each.fatal for each in said)
        found += said
    return [msgspec.structs.replace(each, fatal=each.fatal and not well) for each in found]


async def _examine(url: str, prefix: str, lanes: Iterable[str], *, mirrored: bool) -> Sequence[Diagnosis]:
    place = URL(url)
    try:
        async with asyncio.timeout(_SECONDS):
            connection = await aiormq.connect(url)
    except _REFUSALS:
        what = f"it refuses the account {place.user}"
        return [_found("rabbitmq-login", what, "correct the name or password in PENSTOCK_RABBITMQ_URL")]
    except (exceptions.ConnectionClosed, exceptions.InvalidFrameError) as error:
        # The latter where the server closes in place of opening, which is how it refuses a virtual host.
        what = f"it does not let us into the virtual host {place.path.lstrip('/') or '/'} ({type(error).__name__})"
        return [_found("rabbitmq-vhost", what, "create it (rabbitmqctl add_vhost), and let the account in")]
    except (OSError, TimeoutError, exceptions.AMQPError) as error:
        what = f"it does not answer at {place.host}:{place.port} ({str(error) or 'no answer in time'})"
        return [_found("rabbitmq-away", what, "see that it runs and that PENSTOCK_RABBITMQ_URL names it")]
    try:
        return [each async for each in _connected(connection, prefix, lanes, mirrored=mirrored)]
    finally:
        await connection.close()


async def _connected(
    connection: aiormq.abc.AbstractConnection, prefix: str, lanes: Iterable[str], *, mirrored: bool
) -> AsyncIterator[Diagnosis]:
    text = str(connection.server_properties.get("version"))
    version = topology.version(text)
    if version < _OLDEST:
        yield _found("rabbitmq-old", f"it is version {text}", "use 3.10 or newer")
    try:
        channel = await connection.channel(publisher_confirms=False)
        await channel.queue_declare(f"{prefix}.doctor", exclusive=True, auto_delete=True, timeout=_SECONDS)
        await channel.queue_delete(f"{prefix}.doctor", timeout=_SECONDS)
    except exceptions.ChannelAccessRefused:
        what = f"the account may not declare queues that begin with {prefix}."
        yield _found("rabbitmq-permissions", what, f"rabbitmqctl set_permissions with '^{prefix}[.]' for all three")
        return
    except (exceptions.AMQPError, TimeoutError):
        what = "it does not take commands: it is short of memory or disk, or overloaded"
        yield _found("rabbitmq-blocked", what, "see rabbitmqctl status for alarms")
        return
    arguments = topology.lane_arguments(version, mirrored=mirrored)
    async for each in _declared(connection, prefix, arguments, lanes):
        yield each


async def _declared(
    connection: aiormq.abc.AbstractConnection, prefix: str, arguments: FieldTable, lanes: Iterable[str]
) -> AsyncIterator[Diagnosis]:
    channel = await connection.channel(publisher_confirms=False)
    try:
        await topology.declare_events(channel, topology.events_exchange(prefix))
    except exceptions.ChannelPreconditionFailed:
        name = topology.events_exchange(prefix)
        what = f"the exchange {name} is of another kind than a durable topic exchange: nobody hears of events"
        yield _found("exchange-wrong", what, f"delete {name}; it is declared anew at once")
    other: list[str] = []
    for lane in lanes:
        channel = await connection.channel(publisher_confirms=False)
        try:
            await channel.queue_declare(lane, durable=True, arguments=arguments, timeout=_SECONDS)
        except exceptions.ChannelPreconditionFailed:
            other.append(lane)
        else:
            await channel.close()
    if other:
        what = f"{len(other)} lanes were declared otherwise ({', '.join(other[:_MOST_SHOWN])}): priorities may not hold"
        do = "delete them while the load is low (rabbitmqctl delete_queue): they are made and filled again in seconds"
        yield _found("lane-wrong", what, do, fatal=False)
