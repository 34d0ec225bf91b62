"""Following a collection's changes, so that processes can cache what is read often and written seldom."""

import asyncio
from collections.abc import Callable

import structlog
from pymongo import errors as driver
from pymongo.read_concern import ReadConcern

from core import cancelling
from store import mongo

_log = structlog.get_logger(__name__)
_REST = 1.0
_AWAIT_MS = 1000
"""How long one call waits for a change; it must stay below the client's limit of a call."""


async def follow(
    database: mongo.Database, collection: str, *, changed: Callable[[str], None], reset: Callable[[bool], None]
) -> None:
    """Call `changed(_id)` for every document that changes, for ever.

    `reset(True)` is called when the stream has (again) begun: what was cached before may be stale. `reset(False)`
    is called when it broke: nothing may be cached until it begins again.
    """
    # A change stream reads what the majority has and refuses any other concern.
    followed = database.get_collection(collection, read_concern=ReadConcern("majority"))
    while True:
        cancelling.heed()
        try:
            async with await followed.watch([{"$project": {"documentKey": 1}}], max_await_time_ms=_AWAIT_MS) as stream:
                reset(True)
                # Not `async for`: to PyMongo that is one call, which must end within the client's limit of a call.
                while stream.alive:
                    cancelling.heed()
                    change = await stream.try_next()
                    # A drop of the collection has no document, and ends the stream.
                    if change is not None and "documentKey" in change:
                        changed(str(change["documentKey"]["_id"]))
        except driver.PyMongoError as error:
            _log.warning("change stream lost", collection=collection, error=str(error)[:200])
        finally:
            reset(False)
        await asyncio.sleep(_REST)
