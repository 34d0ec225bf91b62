"""A stack to be attacked: servers, several APIs and engines as processes, and a proxy on every link between them."""

import asyncio
import contextlib
import dataclasses
import os
import resource
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from deploy.local import children, ports, rabbitmq, services
from deploy.local.datastores import Datastores
from tests.chaos import previous, process
from tests.support.proxy import Proxy

TENANT = "demo"
_VHOST = "penstock"
_UP = 90.0
_FULL = 64 * 1024


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How large a stack is."""

    apis: int = 2
    engines: int = 2
    clustered: bool = False
    """Three nodes of RabbitMQ and three members of MongoDB, without proxies on the way to them."""
    defect: str = "none"
    """A defect to plant into every API and engine: see `planted.py`."""
    previous: Path | None = None
    """The source of a release whose processes everything begins with; `World.swap` makes them ours."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Servers that run already and are not to be attacked themselves."""

    mongodb: str
    rabbitmq: str
    auth: str | None = None
    """An issuer that runs already, too."""
    database: str | None = None
    """The database to use; one of its own without it."""


class Part:
    """One process: `service` says how it is run."""

    def __init__(self, service: children.Service) -> None:
        self.service = service
        self.child: children.Child | None = None
        self.stopped = False
        self.lock = asyncio.Lock()

    async def start(self) -> None:
        """Start it and wait until it answers; a start that fails is tried again, for its servers may be away."""
        async with asyncio.timeout(_UP):
            while True:
                try:
                    self.child = await children.start(self.service)
                except children.ChildError:
                    continue
                return

    async def end(self, number: signal.Signals) -> None:
        """Send it a signal that ends it, and take its remains away."""
        assert self.child is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.child.process.wait(), 20)
        await children.kill(self.child)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal that it survives."""
        assert self.child is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, number)

    def fill(self) -> None:
        """Let every write fail that goes beyond the first bytes of a file, as on a full disk, until it is started."""
        assert self.child is not None
        resource.prlimit(self.child.pid, resource.RLIMIT_FSIZE, (_FULL, resource.RLIM_INFINITY))

    @property
    def died(self) -> bool:
        """Whether it ended by itself."""
        return self.child is not None and self.child.process.returncode is not None


class World:
    """What runs, by name: `mongod`, `rabbitmq`, `issuer`, `api-1`, `engine-1`..., and links such as `api-1>mongod`."""

    def __init__(self, home: Path, shape: Shape) -> None:
        self.home = home
        self.shape = shape
        self.parts: dict[str, Part] = {}
        self.links: dict[str, Proxy] = {}
        self.nodes: dict[str, rabbitmq.Node] = {}
        """RabbitMQ's nodes by role, where they are our own."""
        self.others: dict[str, children.Service] = {}
        """The same processes of the other release, where there is one."""
        self.auth = ""
        self.mongodb = ""
        """The address without a proxy, for who looks at the record."""
        self.database = "penstock"

    @property
    def apis(self) -> Sequence[str]:
        """Where callers reach the API: a proxy in front of each process."""
        return [self.links[f"callers>api-{number}"].url for number in range(1, self.shape.apis + 1)]

    @property
    def ours(self) -> Sequence[str]:
        """The names of the APIs and engines."""
        return [role for role in self.parts if role.startswith(("api", "engine"))]

    def swap(self, role: str) -> None:
        """The next start of the role is as the other release."""
        part = self.parts[role]
        part.service, self.others[role] = self.others[role], part.service

    def set_clock(self, role: str, seconds: float) -> None:
        """Set an API's or engine's own clock wrong by so many seconds."""
        process.set_clock(self.home / "clocks" / role, seconds)

    def log(self, role: str) -> str:
        """What a process logged."""
        file = self.parts[role].service.log
        return file.read_text(errors="replace") if file.exists() else ""


@asynccontextmanager
async def running(home: Path, shape: Shape, given: Given | None = None) -> AsyncGenerator[World]:
    """A stack that serves; everything of it has ended afterwards."""
    world = World(home, shape)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_end, world)
        at = await _servers(world, given)
        await _processes(world, at, stack)
        yield world


async def _end(world: World) -> None:
    """End everything that runs still, servers last."""
    for part in world.parts.values():
        if part.stopped:
            part.signal(signal.SIGCONT)
    for role in reversed(list(world.parts)):
        part = world.parts[role]
        if part.child is not None:
            await children.kill(part.child)


async def _servers(world: World, given: Given | None) -> Given:
    """Start the issuer and, unless they are given, the servers; answers their addresses."""
    port = ports.free()
    world.auth = f"http://{ports.LOOPBACK}:{port}"
    starting: list[Coroutine[Any, Any, None]] = []
    if given is None or given.auth is None:
        world.parts["issuer"] = Part(services.issuer(world.home, port))
        starting.append(world.parts["issuer"].start())
    else:
        world.auth = given.auth
    if given is None:
        stores = Datastores(world.home, _VHOST, clustered=world.shape.clustered)
        world.nodes = {node.role: node for node in stores.nodes}

        async def start(service: children.Service) -> None:
            part = world.parts[service.role] = Part(service)
            await part.start()

        starting += [stores.start_mongodb(start), stores.start_rabbitmq(start)]
        given = Given(mongodb=stores.mongodb, rabbitmq=stores.rabbitmq)
    else:
        world.database = given.database or f"chaos_{os.getpid()}_{port}"
    await asyncio.gather(*starting)
    world.mongodb = given.mongodb
    if not world.shape.clustered:
        # A driver that asks the replica set for its members would go round the proxies.
        world.mongodb = given.mongodb.partition("?")[0] + "?directConnection=true"
    return Given(mongodb=world.mongodb, rabbitmq=given.rabbitmq)


async def _processes(world: World, at: Given, stack: contextlib.AsyncExitStack) -> None:
    roles = [f"api-{n}" for n in range(1, world.shape.apis + 1)]
    roles += [f"engine-{n}" for n in range(1, world.shape.engines + 1)]
    for role in roles:
        env = {
            "PENSTOCK_ENVIRONMENT": "local",
            "PENSTOCK_AUTH_URL": world.auth,
            "PENSTOCK_MONGODB_URL": await _to_server(world, stack, f"{role}>mongod", at.mongodb),
            "PENSTOCK_MONGODB_DATABASE": world.database,
            "PENSTOCK_RABBITMQ_URL": await _to_server(world, stack, f"{role}>rabbitmq", at.rabbitmq),
            "PENSTOCK_RABBITMQ_MIRRORED": str(world.shape.clustered),
            "PENSTOCK_BROKER_PREFIX": world.database,
        }
        if role.startswith("api"):
            port = ports.free()
            world.parts[role] = Part(_api(world, role, port, env))
            await _through(world, stack, f"callers>{role}", f"http://{ports.LOOPBACK}:{port}")
            before = previous.api(world.shape.previous, port)
        else:
            world.parts[role] = Part(_engine(world, role, env))
            before = previous.engine(world.shape.previous)
        if before is not None:
            world.others[role] = _other(world.parts[role].service, before)
            world.swap(role)
    await asyncio.gather(*(world.parts[role].start() for role in roles))


def _other(ours: children.Service, argv: tuple[str, ...]) -> children.Service:
    """The same process of another release, run by another command."""
    # Ours is asked each time, since it notes where its log goes on.
    return dataclasses.replace(ours, command=lambda: dataclasses.replace(ours.command(), argv=argv))


async def _to_server(world: World, stack: contextlib.AsyncExitStack, name: str, url: str) -> str:
    return url if world.shape.clustered else await _through(world, stack, name, url)


async def _through(world: World, stack: contextlib.AsyncExitStack, name: str, url: str) -> str:
    """The address that leads to `url` through a proxy of that name."""
    world.links[name] = proxy = await stack.enter_async_context(Proxy(url))
    return proxy.url


def _program(world: World, role: str) -> tuple[str, ...]:
    world.set_clock(role, 0.0)
    return sys.executable, "-m", "tests.chaos.process", str(world.home / "clocks" / role), world.shape.defect


def _api(world: World, role: str, port: int, env: Mapping[str, str]) -> children.Service:
    command = children.Command(argv=(*_program(world, role), "api", str(port)), env=env)
    url = f"http://{ports.LOOPBACK}:{port}/health/live"
    return children.Service(role=role, home=world.home, command=lambda: command, ready=lambda: _answers(url))


def _engine(world: World, role: str, env: Mapping[str, str]) -> children.Service:
    argv = (*_program(world, role), "engine")
    log = world.home / "logs" / f"{role}.log"
    read_from = 0

    def command() -> children.Command:
        nonlocal read_from
        read_from = log.stat().st_size if log.exists() else 0
        return children.Command(argv=argv, env={**env, "PENSTOCK_LOG_LEVEL": "INFO"})

    async def ready() -> None:
        while b"engine started" not in log.read_bytes()[read_from:]:
            await asyncio.sleep(0.05)

    return children.Service(role=role, home=world.home, command=command, ready=ready)


async def _answers(url: str) -> None:
    """Return when the address answers, whatever it says: its servers may be away."""
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await client.get(url)
                return
            await asyncio.sleep(0.05)


def empty(world: World, role: str) -> None:
    """Delete what RabbitMQ keeps on disk, its password and ports not included."""
    assert role == "rabbitmq"
    shutil.rmtree(world.home / "rabbitmq", ignore_errors=True)
