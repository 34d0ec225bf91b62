"""Uploaded files, kept in pieces until they were imported.

A collection of our own and no GridFS: that of the driver gathers up to 48 MB of a file in memory before it writes.
"""

from collections.abc import AsyncIterator

from pymongo import errors as driver

from store import documents, mongo
from store.mongo import Document

PIECE = 1024 * 1024
"""Bytes in a piece; every piece of a file but its last is full."""


@mongo.translating
class Uploads:
    """Files by tenant and name."""

    def __init__(self, database: mongo.Database) -> None:
        self._pieces = database["uploadPieces"]

    async def put(self, tenant: str, name: str, number: int, data: bytes) -> None:
        """Keep a piece of a file: on disk, by the majority, when this returns."""
        await self._pieces.insert_one({"_id": _key(tenant, name, number), "tenant": tenant, "data": data})

    async def erase(self, tenant: str, name: str) -> None:
        """Forget a file, whole or not."""
        await self._pieces.delete_many({"tenant": tenant, "_id": _range(tenant, name, 0)})

    async def read(self, tenant: str, name: str, offset: int) -> AsyncIterator[bytes]:
        """The file from a byte on; raises `Unavailable` on the way."""
        number, skip = divmod(offset, PIECE)
        while True:
            try:
                row = await self._pieces.find_one({"_id": _key(tenant, name, number)})
            except driver.PyMongoError as error:
                raise mongo.translated(error) from error
            if row is None:
                return
            data = bytes(row["data"])
            yield data[skip:]
            number, skip = number + 1, 0


def _key(tenant: str, name: str, number: int) -> str:
    return documents.key(tenant, f"{name}/{number:08d}")


def _range(tenant: str, name: str, first: int) -> Document:
    # "0" is what follows "/".
    return {"$gte": _key(tenant, name, first), "$lt": documents.key(tenant, f"{name}0")}
