"""Documents that processes cache: a change holds only for the version that was read, and is told (`notices.py`)."""

from pymongo import errors as driver

from core import errors
from store import mongo
from store.mongo import Document
from store.notices import TOLD, Notices


class Versioned:
    """The only writer of one of the collections in `notices.TOLD`."""

    def __init__(self, database: mongo.Database, collection: str) -> None:
        assert collection in TOLD
        self._name = collection
        self._rows = database[collection]
        self._notices = Notices(database)

    async def insert(self, row: Document, *, taken: str) -> None:
        """Keep a new one; raises `AlreadyExists`, which says what is `taken`."""
        try:
            await self._rows.insert_one(row)
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(taken) from error
        await self._notices.tell(self._name, row["_id"])

    async def replace(self, row: Document, *, was: int, taken: str | None = None) -> bool:
        """Write it if its version is still `was`; raises `AlreadyExists` where another of its fields is `taken`."""
        try:
            result = await self._rows.replace_one({"_id": row["_id"], "version": was}, row)
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(taken) from error
        await self._notices.tell(self._name, row["_id"])
        return result.matched_count == 1

    async def remove(self, key: str, *, was: int) -> bool:
        """Remove it if its version is still `was`."""
        result = await self._rows.delete_one({"_id": key, "version": was})
        await self._notices.tell(self._name, key)
        return result.deleted_count == 1
