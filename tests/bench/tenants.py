"""A thousand tenants with queues of their own, and an issuer of all of them that signs with one key."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aio_pika
import aio_pika.abc
import joserfc.jwk
import joserfc.jwt
import msgspec
import pymongo

from broker.rabbit import topology
from core import ids
from core.queue import Bindings, Queue
from core.task import Actor
from core.tenant import Tenant
from store import documents
from tests.bench import ours

_BY = Actor(id="u-1", name="Somebody")
_BINDINGS = Bindings(**{name: tuple(roles) for name, roles in ours.BINDINGS.items()})
_HOUR = 3600
_BATCH = 1000
_CHANNELS = 12
SERVER = topology.CLASSIC_VERSION_2
"""Version of RabbitMQ as far as it decides how lanes are declared."""


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: the token of one who may submit and claim, and the paths of its queues."""

    tenant: str
    token: str
    paths: Sequence[str]
    lanes: Sequence[str]
    """Of the queues, by their names in RabbitMQ."""


class Issuer:
    """Publishes one key for every realm below its address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = joserfc.jwk.RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)

    def token(self, tenant: str) -> str:
        """Of a person who may submit and work."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": f"{self.url}/realms/{tenant}", "aud": ["penstock"], "sub": str(uuid.uuid4()), "typ": "Bearer",
            "iat": now, "exp": now + _HOUR, "name": "Some Body", "preferred_username": "some",
            "realm_access": {"roles": ["reviewer"]},
            "resource_access": {"penstock": {"roles": ["task-writer"]}},
        }  # fmt: skip
        return joserfc.jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


@asynccontextmanager
async def issuing() -> AsyncGenerator[Issuer]:
    """The issuer, while the block runs."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
            base = f"{issuer.url}/realms/{path.partition('/realms/')[2].partition('/')[0]}"
            told: dict[str, Any] = {"issuer": base, "jwks_uri": f"{base}/protocol/openid-connect/certs"}
            if path.endswith("/certs"):
                told = {"keys": [issuer.key.as_dict(private=False)]}
            body = json.dumps(told).encode()
            head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    issuer = Issuer(f"http://{host}:{port}")
    try:
        yield issuer
    finally:
        server.close()


async def declared(rabbitmq: str, lanes: Sequence[str]) -> None:
    """Declare lanes as the first submit of their queues would, but many at a time."""
    connection = await aio_pika.connect(rabbitmq)
    left = iter(lanes)

    async def some(channel: aio_pika.abc.AbstractChannel) -> None:
        for lane in left:
            await channel.declare_queue(lane, durable=True, arguments=topology.lane_arguments(SERVER))

    async with connection:
        await asyncio.gather(*[some(await connection.channel()) for _ in range(_CHANNELS)])


def furnished(mongodb: str, issuer: Issuer, tenants: int, queues: int) -> list[House]:
    """Write so many tenants with so many queues each, as the API keeps them."""
    at = datetime.now(UTC).replace(microsecond=0)
    houses: list[House] = []
    tenant_rows, queue_rows = list[dict[str, Any]](), list[dict[str, Any]]()
    for number in range(tenants):
        name = f"crowd-{number:04}"
        made = Tenant(id=name, issuer=f"{issuer.url}/realms/{name}", created_at=at, version=1)
        row = documents.encode(made)
        tenant_rows.append({"_id": row.pop("id"), **row})
        lanes: list[str] = []
        for place in range(queues):
            kept = Queue(
                tenant=name, namespace="many", name=f"q{place}", lane=ids.new_id(), version=1,
                created_at=at, created_by=_BY, updated_at=at, updated_by=_BY, bindings=_BINDINGS,
            )  # fmt: skip
            lanes.append(topology.lane("penstock", name, kept.lane))
            queue_rows.append(documents.encode_keyed(kept, kept.tenant, kept.key))
        paths = [f"/queues/many/q{place}" for place in range(queues)]
        houses.append(House(tenant=name, token=issuer.token(name), paths=paths, lanes=lanes))
    with pymongo.MongoClient[dict[str, Any]](mongodb) as client:
        client["penstock"]["tenants"].insert_many(tenant_rows)
        for begin in range(0, len(queue_rows), _BATCH):
            client["penstock"]["queues"].insert_many(queue_rows[begin : begin + _BATCH])
    return houses
