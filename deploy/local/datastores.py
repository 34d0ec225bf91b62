"""RabbitMQ and MongoDB of a stack: one of each, or with CLUSTER=1 three of each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from deploy.local import children, mongod, ports, rabbitmq

Start = Callable[[children.Service], Awaitable[None]]


class Datastores:
    """Where they are and how they are started."""

    def __init__(self, home: Path, vhost: str, *, clustered: bool) -> None:
        self.clustered = clustered
        self.nodes = rabbitmq.cluster(home, vhosts=(vhost,)) if clustered else [rabbitmq.node(home, vhosts=(vhost,))]
        self._members = mongod.members(home) if clustered else [mongod.member(home)]
        self.rabbitmq = ",".join(node.url(vhost) for node in self.nodes)
        self.mongodb = mongod.url_of(self._members)

    @property
    def roles(self) -> Sequence[str]:
        """The names of the servers, that of Erlang's name server not included."""
        return [each.role for each in (*self.nodes, *self._members)]

    @property
    def where(self) -> tuple[str, str]:
        """RabbitMQ's and MongoDB's addresses for people."""
        at = ", ".join(f"{ports.LOOPBACK}:{node.port}" for node in self.nodes)
        return at, ", ".join(member.address for member in self._members)

    async def start_rabbitmq(self, start: Start) -> None:
        """Start the nodes; those of a cluster at the same time, or they would not find each other."""
        await start(rabbitmq.epmd(self.nodes[0]))
        await asyncio.gather(*(start(rabbitmq.server(node)) for node in self.nodes))

    async def start_mongodb(self, start: Start) -> None:
        """Start the members and wait until there is a primary."""
        if not self.clustered:
            await start(mongod.server(self._members[0]))
            return
        await asyncio.gather(*(start(mongod.one_of(member)) for member in self._members))
        await mongod.form(self._members)
