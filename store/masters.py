"""Master keys: they seal the tenants' keys, and nothing else. From the environment, a file, or a KMS by a plug-in."""

import base64
import binascii
import importlib
import os
from pathlib import Path
from typing import ClassVar, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core import errors
from core.settings import Settings

NONCE = 12
"""Bytes; random ones are good for 2**32 uses of a key (NIST SP 800-38D, 8.3)."""

_KEY = 32


class KeyUnusableError(errors.Unavailable):
    """A key is missing, or is not the one that something was sealed with.

    What to do is in the message. It may come yet: with another setting of this process, or another process.
    """

    code: ClassVar[str] = errors.Unavailable.code


class Wrapper(Protocol):
    """What seals keys: a KMS implements this, and PENSTOCK_KMS names a function of no arguments that makes it."""

    @property
    def current(self) -> str:
        """The name of the key that seals from now on."""
        ...

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal a key under the current one; `context` must be the same when it is opened."""
        ...

    async def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """Open a key that the master key `name` sealed; raises KeyUnusableError."""
        ...


class Masters:
    """Master keys in our own memory, the first of which seals: the others still open what they sealed (AES-256-GCM)."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        """Keys of 32 bytes by name, at least one."""
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self._current = next(iter(keys))

    @property
    def current(self) -> str:
        """See `Wrapper`."""
        return self._current

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """See `Wrapper`."""
        nonce = os.urandom(NONCE)
        return nonce + self._keys[self._current].encrypt(nonce, key, context)

    async def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        """See `Wrapper`."""
        known = self._keys.get(name)
        if known is None:
            raise KeyUnusableError(
                f"The master key {name}, which sealed keys of tenants, is not among those of this process: see "
                "PENSTOCK_MASTER_KEYS."
            )
        try:
            return known.decrypt(wrapped[:NONCE], wrapped[NONCE:], context)
        except InvalidTag:
            raise KeyUnusableError(
                f"The master key {name} of this process is another one than the one that sealed keys of tenants: "
                "see PENSTOCK_MASTER_KEYS."
            ) from None


def of(settings: Settings) -> Wrapper | None:
    """What the settings name; None keeps secrets as they are. Raises KeyUnusableError."""
    if settings.kms is not None:
        return _kms(settings.kms)
    if settings.master_keys_file is not None:
        where, text = f"PENSTOCK_MASTER_KEYS_FILE ({settings.master_keys_file})", _read(settings.master_keys_file)
    else:
        where = "PENSTOCK_MASTER_KEYS"
        text = "" if settings.master_keys is None else settings.master_keys.get_secret_value()
    keys = dict(_parsed(each, where) for each in text.replace(",", "\n").splitlines() if each.strip())
    if not keys and settings.master_keys_file is not None:
        raise KeyUnusableError(f"{where} holds no master key: write name:base64, with 32 random bytes.")
    return Masters(keys) if keys else None


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise KeyUnusableError(f"PENSTOCK_MASTER_KEYS_FILE names {file}, which cannot be read: {why}.") from None


def _kms(setting: str) -> Wrapper:
    module, _, name = setting.partition(":")
    try:
        return cast("Wrapper", getattr(importlib.import_module(module), name)())
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise KeyUnusableError(f"PENSTOCK_KMS ({setting}) makes no KMS, as module:function should: {why}") from error


def _parsed(line: str, where: str) -> tuple[str, bytes]:
    name, _, encoded = line.strip().partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not name or len(key) != _KEY:
        raise KeyUnusableError(f"{where} is malformed: a master key is written as name:base64, with 32 random bytes.")
    return name, key
