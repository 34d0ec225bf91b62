"""What is kept of secrets: sealed with a key of the tenant's, which a master key seals (AES-256-GCM both).

A row is bound to its tenant and its name: moved elsewhere it does not open. Erasing the tenant's keys erases what they
sealed, in every backup that does not have the keys, too.
"""

import os
from datetime import UTC, datetime

import cachetools
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pymongo import errors as driver

from store import documents, mongo
from store.masters import NONCE, KeyUnusableError, Wrapper
from store.mongo import Document

_KNOWN = 10_000
_KNOWN_SECONDS = 300.0
CURRENT_SECONDS = 5.0
"""For so long a process goes on sealing payloads with the key that it looked up last."""


class Sealer:
    """Seals and opens values; without a `wrapper` it keeps them as they are."""

    def __init__(self, database: mongo.Database, wrapper: Wrapper | None) -> None:
        self._keys = database["tenantKeys"]
        self._wrapper = wrapper
        self._known: cachetools.TTLCache[tuple[str, int], AESGCM] = cachetools.TTLCache(_KNOWN, _KNOWN_SECONDS)
        self._numbers: cachetools.TTLCache[str, int] = cachetools.TTLCache(_KNOWN, CURRENT_SECONDS)
        self._fits = False
        """Whether new keys may be sealed with our master key: it was compared with those of the record."""

    @property
    def has_master(self) -> bool:
        """Whether there is something to seal with."""
        return self._wrapper is not None

    @staticmethod
    def nonce() -> bytes:
        """A new one."""
        return os.urandom(NONCE)

    async def sealing(self, tenant: str) -> tuple[int, AESGCM]:
        """The key that seals payloads of the tenant now, and its number: the newest one of a few seconds ago."""
        number = self._numbers.get(tenant)
        if number is None:
            number = self._numbers[tenant] = await self._current(tenant)
        key = await self.key(tenant, number)
        if key is None:
            # It was erased since: with a tenant that came back, or by a rotation.
            self._numbers.pop(tenant, None)
            number = await self._current(tenant)
            key = await self._key(tenant, number)
        return number, key

    async def key(self, tenant: str, number: int) -> AESGCM | None:
        """A key of the tenant's; None when it was erased. Raises KeyUnusableError where its master key is missing."""
        known = self._known.get((tenant, number))
        if known is not None:
            return known
        if await self._keys.find_one({"_id": documents.key(tenant, str(number))}, {"_id": 1}) is None:
            return None
        return await self._key(tenant, number)

    async def seal(self, tenant: str, name: str, value: str) -> Document:
        """The fields to keep of a value."""
        if self._wrapper is None:
            return {"value": value}
        number = await self._current(tenant)
        nonce = os.urandom(NONCE)
        key = await self._key(tenant, number)
        return {"sealed": nonce + key.encrypt(nonce, value.encode(), _context(tenant, name)), "sealedBy": number}

    async def open(self, tenant: str, name: str, row: Document) -> str:
        """The value of a row's fields; raises KeyUnusableError where they were moved, altered, or the key is gone."""
        if "sealed" not in row:
            return str(row["value"])
        sealed = bytes(row["sealed"])
        key = await self._key(tenant, int(row["sealedBy"]))
        try:
            return key.decrypt(sealed[:NONCE], sealed[NONCE:], _context(tenant, name)).decode()
        except InvalidTag:
            raise KeyUnusableError(f"The secret {name} of {tenant} was altered, or is another's.") from None

    async def renew(self, tenant: str) -> int:
        """Make a new key for the tenant, which seals from now on; answers its number."""
        rows = self._keys.find({"tenant": tenant}, {"number": 1}).sort("number", -1).limit(1)
        newest = [int(row["number"]) async for row in rows]
        number = await self._make(tenant, max(newest[0] + 1, _now()) if newest else _now())
        self._numbers[tenant] = number
        return number

    async def unopened(self) -> dict[str, str]:
        """The master keys that sealed keys of tenants and do not open them here, by name, with the reason."""
        found: dict[str, str] = {}
        for name in await self._keys.distinct("master"):
            row = await self._keys.find_one({"master": name})
            if row is None:
                continue
            try:
                await self._unwrapped(row)
            except KeyUnusableError as error:
                found[str(name)] = error.detail
        return found

    async def check(self) -> None:
        """Raise KeyUnusableError unless every master key that sealed keys of tenants opens them here."""
        if unopened := await self.unopened():
            raise KeyUnusableError(" ".join(unopened[name] for name in sorted(unopened)))

    async def forget_before(self, tenant: str, number: int) -> None:
        """Erase the tenant's older keys: nothing may be sealed with them any more."""
        await self._keys.delete_many({"tenant": tenant, "number": {"$lt": number}})
        self._known.clear()
        self._numbers.clear()

    async def rewrap(self, tenant: str) -> int:
        """Seal the tenant's keys with the current master key; answers how many another one had sealed."""
        assert self._wrapper is not None
        changed = 0
        async for row in self._keys.find({"tenant": tenant, "master": {"$ne": self._wrapper.current}}):
            context = _context(tenant, str(row["number"]))
            key = await self._unwrapped(row)
            fresh = {"wrapped": await self._wrapper.wrap(key, context), "master": self._wrapper.current}
            await self._keys.update_one({"_id": row["_id"], "master": row["master"]}, {"$set": fresh})
            changed += 1
        return changed

    async def _current(self, tenant: str) -> int:
        rows = self._keys.find({"tenant": tenant}, {"number": 1}).sort("number", -1).limit(1)
        newest = [int(row["number"]) async for row in rows]
        return newest[0] if newest else await self._make(tenant, _now())

    async def _make(self, tenant: str, number: int) -> int:
        assert self._wrapper is not None
        await self._see_that_it_fits()
        wrapped = await self._wrapper.wrap(AESGCM.generate_key(256), _context(tenant, str(number)))
        row: Document = {"_id": documents.key(tenant, str(number)), "tenant": tenant, "number": number}
        row |= {"wrapped": wrapped, "master": self._wrapper.current, "createdAt": datetime.now(UTC)}
        try:
            await self._keys.insert_one(row)
        except driver.DuplicateKeyError:
            return number
        return number

    async def _key(self, tenant: str, number: int) -> AESGCM:
        known = self._known.get((tenant, number))
        if known is not None:
            return known
        row = await self._keys.find_one({"_id": documents.key(tenant, str(number))})
        if row is None:
            raise KeyUnusableError(f"The key {number} of {tenant} was erased.")
        opened = AESGCM(await self._unwrapped(row))
        self._known[tenant, number] = opened
        return opened

    async def _unwrapped(self, row: Document) -> bytes:
        """The key of a row."""
        if self._wrapper is None:
            raise KeyUnusableError(
                f"The master key {row['master']} sealed keys of tenants, and this process has none: see "
                "PENSTOCK_MASTER_KEYS."
            )
        tenant, _, number = str(row["_id"]).partition("/")
        context = _context(tenant, number)
        return await self._wrapper.unwrap(str(row["master"]), bytes(row["wrapped"]), context)

    async def _see_that_it_fits(self) -> None:
        """Raise KeyUnusableError rather than seal with a master key that the record's other processes do not have.

        Ours fits where it opens what its name sealed. One that sealed nothing yet is new: it comes with those before.
        """
        if self._fits or self._wrapper is None:
            return
        unopened = await self.unopened()
        ours = self._wrapper.current
        if ours in unopened:
            raise KeyUnusableError(unopened[ours])
        if unopened and await self._keys.find_one({"master": ours}, {"_id": 1}) is None:
            raise KeyUnusableError(" ".join(unopened[name] for name in sorted(unopened)))
        self._fits = True


def _now() -> int:
    """The number of a key that is made now: one that was erased is never given again."""
    return int(datetime.now(UTC).timestamp())


def _context(tenant: str, name: str) -> bytes:
    return f"penstock\0{tenant}\0{name}".encode()
