"""The connection to MongoDB: how durable a write is, how long a call may take, and what its failures mean here."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from typing import Any, ParamSpec, TypeVar

import bson
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo import errors as driver
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from core import errors

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Client = AsyncMongoClient[Document]
RawCollection = AsyncCollection[RawBSONDocument]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

RETRY_AFTER = 2.0


class _Whole(TypeDecoder):
    """64-bit integers as plain ones: the driver's own kind is a subclass of int that msgspec takes for none."""

    @property
    def bson_type(self) -> type[Int64]:
        """What is read."""
        return Int64

    def transform_bson(self, value: int) -> int:
        """What it becomes."""
        return int(value)


_TYPES = TypeRegistry([_Whole()])
CODEC = CodecOptions[Document](tz_aware=True, tzinfo=UTC, type_registry=_TYPES)
"""How documents are read and written. Replies to `database.command` keep the driver's own kind of 64-bit integers."""


def client(url: str, *, timeout: float, listeners: Sequence[CommandListener] = ()) -> Client:
    """A client whose every call ends within `timeout` seconds, with majority, journalled writes (DESIGN 1.1).

    Nothing is connected yet: the first call does that, so a process starts while MongoDB is away.
    `listeners` are told of every command (tracing, tests).
    """
    return AsyncMongoClient(
        url,
        tz_aware=True,
        tzinfo=UTC,
        timeoutMS=int(timeout * 1000),
        serverSelectionTimeoutMS=int(timeout * 1000),
        w="majority",
        journal=True,
        maxPoolSize=64,
        retryWrites=True,
        event_listeners=list(listeners),
    )


def database(of: Client, name: str) -> Database:
    """The database with the codec and concerns that every collection of ours uses."""
    return of.get_database(
        name,
        codec_options=CODEC,
        write_concern=WriteConcern("majority", j=True),
        read_concern=ReadConcern("local"),
    )


def encoded(document: Document) -> bytes:
    """A document as MongoDB would keep it."""
    return bson.encode(document, codec_options=CODEC)


def decoded(kept: bytes) -> Document:
    """The same as it is read."""
    return bson.decode(kept, CODEC)  # pyright: ignore[reportUnknownMemberType]


def unavailable(error: Exception) -> bool:
    """Whether a driver error means that MongoDB is away or too slow, rather than that we asked something wrong."""
    if isinstance(error, driver.ConnectionFailure | driver.WTimeoutError | driver.ExecutionTimeout):
        return True
    return isinstance(error, driver.PyMongoError) and error.timeout


def translating(cls: type[C]) -> type[C]:
    """Class decorator: public async methods raise `errors.Unavailable` where the driver says MongoDB is away."""
    for name, method in list(vars(cls).items()):
        if not name.startswith("_") and inspect.iscoroutinefunction(method):
            setattr(cls, name, _translated(method))
    return cls


def _translated(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except driver.PyMongoError as error:
            if unavailable(error):
                raise translated(error) from error
            raise

    return call


def translated(error: Exception) -> Exception:
    """`Unavailable` in place of an error that means that MongoDB is away; any other as it is."""
    if unavailable(error):
        return errors.Unavailable("The record (MongoDB) does not answer; try again.", retry_after=RETRY_AFTER)
    return error
