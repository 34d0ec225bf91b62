"""Gives the room in files that erased documents left back to the disk: member by member, while everything runs."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pymongo
from pymongo import AsyncMongoClient, uri_parser
from pymongo import errors as driver

from store import mongo
from store.mongo import Document

_PASSES = 4
"""A pass moves what is at a file's end, and a pass after it finds more there."""
_WORTH = 0.9
"""Another pass is made while one left less than this of the file."""
_QUIET_SECONDS = 3600
"""A pass over many GB says nothing until it is done."""

Say = Callable[[str], None]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a collection's files, its indexes' included."""

    whole: int
    free: int
    """Of those: what is kept for documents to come."""


async def compact(url: str, name: str, *, least: int, say: Say) -> int:
    """Compact what has at least `least` bytes to give, on every member, the primary last; answers the bytes given back.

    Reads and writes go on. Each member is asked by its own address with the account of `url`, which needs the
    privilege `compact` (role dbAdmin). Says of every collection what it gave. Raises what the driver raises.
    """
    async with AsyncMongoClient[Document](url) as client:
        hello = await client.admin.command("hello")
    primary = hello.get("primary")
    members = sorted(hello.get("hosts", [primary]), key=lambda each: each == primary)
    given = 0
    for member in members:
        async with _asked(url, member) as direct:
            given += await _member(direct[name], member, least, say)
    return given


@asynccontextmanager
async def _asked(url: str, member: str) -> AsyncGenerator[mongo.Client]:
    """A client for this member alone, with the account and the options of `url`."""
    parts = cast("Mapping[str, Any]", uri_parser.parse_uri(url))
    options = {key: value for key, value in dict(parts["options"]).items() if key.lower() != "replicaset"}
    options["readPreference"] = "secondaryPreferred"
    host, _, port = member.rpartition(":")
    account = {"username": parts["username"], "password": parts["password"]} if parts["username"] else {}
    if account and parts["database"] and "authsource" not in {key.lower() for key in options}:
        account["authSource"] = parts["database"]
    async with AsyncMongoClient[Document](host, int(port), directConnection=True, **account, **options) as client:
        yield client


async def _member(database: mongo.Database, member: str, least: int, say: Say) -> int:
    given = 0
    for name in sorted(await database.list_collection_names()):
        if name.startswith("system."):
            continue
        before = await room(database, name)
        if before.free < max(least, 1):
            continue
        after = before
        for _ in range(_PASSES):
            last = after
            with pymongo.timeout(_QUIET_SECONDS):
                await database.command({"compact": name, "force": True})
            after = await room(database, name)
            if after.whole > last.whole * _WORTH:
                break
        given += max(0, before.whole - after.whole)
        say(f"{member} {name}: {_mb(before.whole)} became {_mb(after.whole)}, {_mb(after.free)} of them free")
    return given


async def room(database: mongo.Database, name: str) -> Room:
    """The room of a collection on the member that is asked; nothing of one that was dropped meanwhile."""
    try:
        stats = await database.command("collStats", name, indexDetails=True)
    except driver.OperationFailure:
        return Room(whole=0, free=0)
    details = stats.get("indexDetails", {}).values()
    free = sum(int(each.get("block-manager", {}).get("file bytes available for reuse", 0)) for each in details)
    whole = int(stats["storageSize"]) + int(stats["totalIndexSize"])
    return Room(whole=whole, free=free + int(stats.get("freeStorageSize", 0)))


def _mb(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"
