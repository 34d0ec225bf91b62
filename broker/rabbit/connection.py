"""One AMQP connection that is kept alive for ever.

A small loop over `aio_pika.connect` in place of `aio_pika.connect_robust`, because what the latter restores by itself
is what we must decide ourselves:

- on a broken link its calls wait until the link is back (aio-pika issues 556, 636); ours must answer "unavailable" at
  once, or a submit would hang with the broker;
- it restores queues and consumers from weak references, with a history of restoring too little or nothing
  (issues 577, 594, 626, 632) and of ignoring consumers that the broker cancelled (issue 334); our consumers exist only
  while somebody waits, so there is nothing to restore but what the waiters ask for again;
- it tries again every 5 seconds without jitter, so that all processes return in the same instant.

Below both, aiormq does the protocol: handshake, heartbeats, channels.
"""

import asyncio
import contextlib
import itertools
import random
import re
from collections.abc import Generator
from typing import Protocol

import aio_pika
import aiormq.abc
import structlog
import tenacity
from yarl import URL

from broker.rabbit import topology
from core import errors
from loop import cancelling

log = structlog.get_logger(__name__)

HEARTBEAT = 10
"""Seconds; aiormq gives a silent peer up after three, RabbitMQ after two (https://www.rabbitmq.com/docs/heartbeats)."""

CONNECT_TIMEOUT = 5.0
CLOSE_TIMEOUT = 2.0
RETRY_AFTER = 1.0
"""Seconds after which a caller may hope that the broker is back."""

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 2.0
_FAILURES = (*aio_pika.exceptions.CONNECTION_EXCEPTIONS, EOFError, TimeoutError)


def unavailable() -> errors.Unavailable:
    """What a caller gets while RabbitMQ cannot be used."""
    return errors.Unavailable("RabbitMQ is away at the moment.", retry_after=RETRY_AFTER)


def addresses(urls: str) -> list[str]:
    """The addresses of a list with commas between them."""
    return re.split(r",(?=amqps?://)", urls)


def _beating(address: URL) -> URL:
    return address if "heartbeat" in address.query else address.update_query(heartbeat=HEARTBEAT)


class Closing(Protocol):
    """A connection or channel of aiormq."""

    @property
    def closing(self) -> asyncio.Future[None]:
        """A future of the caller's own that is done when the thing is closed."""
        ...


def closing(thing: Closing) -> asyncio.Future[None]:
    """A future that is done, perhaps with an error, when a connection or channel is closed."""
    return thing.closing


@contextlib.contextmanager
def translated(*passing: type[Exception]) -> Generator[None]:
    """Raise `Unavailable` in place of whatever the libraries raise over a broken link, but for what may pass.

    aiormq ends its own tasks by cancellation, which then reaches the caller as a CancelledError that nobody asked
    for; one that was asked for passes.
    """
    task = asyncio.current_task()
    try:
        yield
    except passing:
        raise
    except asyncio.CancelledError as reason:
        if task is None or task.cancelling():
            raise
        raise unavailable() from reason
    except _FAILURES as reason:
        raise unavailable() from reason


class Link:
    """One connection, opened again whenever it is lost. `name` is shown in RabbitMQ's list of connections."""

    def __init__(self, url: str, name: str) -> None:
        """`url` may name several nodes of a cluster, with commas: each try to connect is made at the next of them."""
        nodes = [_beating(URL(each)) for each in addresses(url)]
        random.shuffle(nodes)
        self._urls = itertools.cycle(nodes)
        self._name = name
        self._connection: aiormq.abc.AbstractConnection | None = None
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the link works as far as is known; a silent break shows after the heartbeats."""
        return self._connection is not None and self._connection.is_opened

    @property
    def blocked(self) -> bool:
        """Whether RabbitMQ has stopped reading what we publish, for lack of memory or disk (`connection.blocked`).

        Its state is known to aiormq only, and `ready()` is the one question that it answers: it waits while blocked.
        """
        if self._connection is None:
            return False
        question = self._connection.ready()
        try:
            question.send(None)
        except StopIteration:
            return False
        question.close()
        return True

    @property
    def server_version(self) -> topology.Version:
        """The version of the node that we are connected to; raises `Unavailable`."""
        return topology.version(str(self.connection().server_properties.get("version")))

    def connection(self) -> aiormq.abc.AbstractConnection:
        """The present connection; raises `Unavailable` at once when there is none."""
        if self._connection is None or not self._connection.is_opened:
            raise unavailable()
        return self._connection

    async def next_connection(self) -> aiormq.abc.AbstractConnection:
        """The present connection, or the next one: waits for it without limit."""
        await self._up.wait()
        return self.connection()

    def start(self) -> None:
        """Begin to connect, in the background: the broker may come later than we do."""
        self._task = asyncio.create_task(self._keep(), name=f"link {self._name}")

    async def close(self) -> None:
        """Say goodbye to the broker and stop. Channels are to be closed before."""
        if self._task is not None:
            await cancelling.ended(self._task)

    async def _keep(self) -> None:
        while True:
            connection = await self._connect()
            underlay = connection.transport and connection.transport.connection
            if underlay is None:
                continue
            self._connection = underlay
            self._up.set()
            log.info("broker connected", link=self._name, version=".".join(map(str, self.server_version)))
            try:
                await asyncio.wait([closing(underlay)])
                log.warning("broker connection lost", link=self._name)
            finally:
                self._up.clear()
                self._connection = None
                with contextlib.suppress(errors.Unavailable), translated():
                    async with asyncio.timeout(CLOSE_TIMEOUT):
                        await connection.close()
            await asyncio.sleep(_FIRST_DELAY)

    async def _connect(self) -> aio_pika.abc.AbstractConnection:
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(errors.Unavailable),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_DELAY, max=_LONGEST_DELAY),
            before_sleep=lambda state: log.warning(
                "broker not reached", link=self._name, attempt=state.attempt_number, wait=state.upcoming_sleep
            ),
        )
        return await attempts(self._connect_once)

    async def _connect_once(self) -> aio_pika.abc.AbstractConnection:
        with translated():
            # The limit is ours, since aio-pika's does not cover its wait for an unblocked connection.
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await aio_pika.connect(next(self._urls), client_properties={"connection_name": self._name})
