"""Following a collection's changes by a change stream, for what must be known at once while somebody waits for it."""

import asyncio

import structlog
from pymongo import errors as driver
from pymongo.read_concern import ReadConcern

from loop import cancelling
from store import mongo
from store.notices import Ear

_log = structlog.get_logger(__name__)
_REST = 1.0
_AWAIT_MS = 500
"""How long one call waits for a change; it must stay below the client's limit of a call."""


async def follow(database: mongo.Database, collection: str, ear: Ear) -> None:
    """Tell the ear of every change, for ever.

    A stream makes MongoDB look at every write of whatever collection, some 2 µs each on 6.0: to be run only while it is
    needed.
    """
    # A change stream reads what the majority has and refuses any other concern.
    followed = database[collection].with_options(read_concern=ReadConcern("majority"))
    while True:
        cancelling.heed()
        try:
            async with await followed.watch([{"$project": {"documentKey": 1}}], max_await_time_ms=_AWAIT_MS) as stream:
                ear.reset(True)
                # Not `async for`: to PyMongo that is one call, which must end within the client's limit of a call.
                while stream.alive:
                    cancelling.heed()
                    change = await stream.try_next()
                    if change is not None and "documentKey" in change:
                        ear.changed(str(change["documentKey"]["_id"]))
        except driver.PyMongoError as error:
            _log.warning("change stream lost", collection=collection, error=str(error)[:200])
        finally:
            ear.reset(False)
        await asyncio.sleep(_REST)
