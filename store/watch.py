"""Following collections' changes, so that processes can cache what is read often and written seldom."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog
from pymongo import errors as driver
from pymongo.read_concern import ReadConcern

from core import cancelling
from store import mongo
from store.mongo import Document

_log = structlog.get_logger(__name__)
_REST = 1.0
_AWAIT_MS = 500
"""How long one call waits for a change; it must stay below the client's limit of a call."""


class Ear(msgspec.Struct, frozen=True):
    """Who is told of a collection's changes.

    `changed(_id)` is called for every document that changes; `reset(True)` when the stream has (again) begun, or the
    collection was dropped: what was cached before may be stale; `reset(False)` when the stream broke: nothing may be
    cached until it begins again.
    """

    changed: Callable[[str], None]
    reset: Callable[[bool], None]


async def follow(database: mongo.Database, ears: Mapping[str, Ear]) -> None:
    """Tell the ears, by collection, of every change, for ever.

    It is one stream for all of them, since a stream makes MongoDB look at every write of whatever collection: some
    6 µs each, seven times in a task's life (measured on 6.0, where seven streams took a fourth of mongod's time).
    """
    # A change stream reads what the majority has and refuses any other concern.
    followed = database.with_options(read_concern=ReadConcern("majority"))
    pipeline: list[Document] = [
        {"$match": {"ns.coll": {"$in": sorted(ears)}}},
        {"$project": {"documentKey": 1, "ns": 1}},
    ]
    while True:
        cancelling.heed()
        try:
            async with await followed.watch(pipeline, max_await_time_ms=_AWAIT_MS) as stream:
                for ear in ears.values():
                    ear.reset(True)
                # Not `async for`: to PyMongo that is one call, which must end within the client's limit of a call.
                while stream.alive:
                    cancelling.heed()
                    change = await stream.try_next()
                    if change is not None and "ns" in change:
                        _tell(ears[change["ns"]["coll"]], change)
        except driver.PyMongoError as error:
            _log.warning("change stream lost", collections=sorted(ears), error=str(error)[:200])
        finally:
            for ear in ears.values():
                ear.reset(False)
        await asyncio.sleep(_REST)


def _tell(ear: Ear, change: Document) -> None:
    if "documentKey" in change:
        ear.changed(str(change["documentKey"]["_id"]))
    else:
        ear.reset(True)
