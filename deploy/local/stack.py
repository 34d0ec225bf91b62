"""Runs everything on this machine, on loopback, until told to stop: `python -m deploy.local.stack` (`make run`)."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from deploy.local import (
    children,
    datastores,
    home,
    keycloak,
    keycloak_dist,
    mongod,
    ports,
    rabbitmq,
    report,
    seed,
    services,
    supervisor,
)

_VHOST = "penstock"


class SettingError(ValueError):
    """What the environment says of the stack cannot be."""


_OBSTACLES = (
    SettingError,
    home.HomeInUseError,
    keycloak_dist.KeycloakMissingError,
    mongod.MongodMissingError,
    rabbitmq.RabbitmqMissingError,
)


class Stack:
    """One local stack in its folder, which this process has claimed."""

    def __init__(
        self, folder: Path, listener: socket.socket, *, workers: int, real: Path | None, clustered: bool
    ) -> None:
        """`real` is a distribution of Keycloak to use as the issuer; `clustered`: three servers of each kind."""
        self._home = folder
        self._workers = workers
        self._listener = listener
        self._stores = datastores.Datastores(folder, _VHOST, clustered=clustered)
        api = f"http://{ports.LOOPBACK}:{listener.getsockname()[1]}"
        auth_port = ports.remembered(folder / "issuer.ports.json", ("issuer",))["issuer"]
        admin = None
        if real is None:
            self._issuer = services.issuer(folder, auth_port)
        else:
            keeper = keycloak.server(folder, origins=(api, api.replace(ports.LOOPBACK, "localhost")))
            admin = services.Admin(client_id=keycloak.ADMIN, secret=keeper.secret)
            self._issuer = keycloak.service(keeper, real)
        self._at = services.Addresses(
            api=api,
            auth=f"http://{ports.LOOPBACK}:{auth_port}",
            rabbitmq=self._stores.rabbitmq,
            mongodb=self._stores.mongodb,
            mirrored=clustered,
            master_keys=home.master_keys(folder),
            keycloak=admin,
        )
        self._services = supervisor.Supervisor(hold=folder / "hold", say=report.line, changed=self._write)
        self._ready = False

    async def start(self) -> None:
        """Start and seed everything; raises ChildError or SeedError."""
        began = time.monotonic()
        await _together(
            self._step("RabbitMQ", self._stores.start_rabbitmq(self._services.start), self._stores.where[0]),
            self._step("MongoDB", self._stores.start_mongodb(self._services.start), self._stores.where[1]),
            self._start("Issuer" if self._at.keycloak is None else "Keycloak", self._issuer, self._at.auth),
        )
        apis = services.api(self._home, self._at, listener=self._listener.fileno(), count=self._workers)
        await _together(
            *(self._start("API", each, self._at.api) for each in apis),
            self._start("Engine", services.engine(self._home, self._at)),
        )
        seeding = time.monotonic()
        report.step("Seed", seeding, await seed.seed(self._home, self._at))
        self._ready = True
        self._write()
        report.ready(self._home, self._at, began)

    async def broken(self) -> str:
        """Wait until a part cannot be kept running; says which."""
        return await self._services.given_up()

    async def stop(self) -> None:
        """Stop everything that was started, and say so."""
        self._ready = False
        report.forget(self._home)
        began = time.monotonic()
        await self._services.stop(last=(("issuer", *self._stores.roles), ("epmd",)))
        report.step("Stopped", began)

    async def _start(self, name: str, service: children.Service, where: str = "") -> None:
        await self._step(name, self._services.start(service), where)

    async def _step(self, name: str, work: Coroutine[Any, Any, None], where: str) -> None:
        began = time.monotonic()
        await work
        report.step(name, began, where)

    def _write(self) -> None:
        if self._ready:
            report.write(self._home, self._at, self._services.pids)


async def run(folder: Path, port: int, *, workers: int, real: Path | None, clustered: bool) -> int:
    """Run a stack until a signal or a failure; the number of the exit."""
    told = _told_to_stop()
    with contextlib.closing(ports.listen(port)) as listener:
        stack = Stack(folder, listener, workers=workers, real=real, clustered=clustered)
        try:
            starting = asyncio.create_task(stack.start())
            if await _first(starting, told):
                return 0
            broken = asyncio.create_task(stack.broken())
            if await _first(broken, told):
                return 0
            report.problem(broken.result())
        except (children.ChildError, seed.SeedError) as error:
            report.problem(str(error))
        finally:
            await stack.stop()
    return 1


async def _together(*steps: Coroutine[Any, Any, None]) -> None:
    """All at once; when one fails the others are ended before its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _first(work: asyncio.Task[Any], told: asyncio.Event) -> bool:
    """Wait for the work, raising what it raises, or until told to stop: then end it and answer True."""
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if work.done():
        work.result()
        return False
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return True


def _told_to_stop() -> asyncio.Event:
    """Set by Ctrl-C, SIGTERM, and the end of the terminal unless `nohup` is to survive it."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, told.set)
    return told


def _wanted(name: str) -> bool:
    return os.environ.get(name, "") not in {"", "0"}


def _number(name: str, usual: int, *, most: int) -> int:
    """The environment's number of that name; raises SettingError for anything that is none, or too large a one."""
    said = os.environ.get(name) or str(usual)
    if not (said.isdecimal() and 0 < int(said) <= most):
        raise SettingError(f"{name} must be a number from 1 to {most}, not {said!r}")
    return int(said)


def main() -> int:
    """Claim the folder and run; the number of the exit, with a plain word about what stands in the way."""
    folder = home.chosen()
    try:
        port = _number("PENSTOCK_PORT", 8080, most=65_535)
        workers = _number("PENSTOCK_API_WORKERS", 1, most=64)
        with home.claimed(folder):
            report.forget(folder)
            if ended := home.end_leftovers(folder):
                report.line(f"ended {ended} processes that an earlier stack had left")
            rabbitmq.scripts()
            mongod.program()
            real = keycloak_dist.distribution() if _wanted("KEYCLOAK") else None
            return asyncio.run(run(folder, port, workers=workers, real=real, clustered=_wanted("CLUSTER")))
    except ports.PortTakenError as error:
        report.problem(f"{error}; choose another: make run PENSTOCK_PORT=8081")
    except _OBSTACLES as error:
        report.problem(str(error))
    return 1


if __name__ == "__main__":
    sys.exit(main())
