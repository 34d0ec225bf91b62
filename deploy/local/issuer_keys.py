"""The local issuer's secrets, kept in one file over restarts: signing keys, refresh secrets and ended sessions."""

import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwk


class _RealmSecrets(msgspec.Struct, kw_only=True):
    keys: list[dict[str, Any]]
    """Private JWKs, the newest first: it signs; the others are published only."""
    secret: str
    ended: dict[str, float] = {}
    """Sessions that were logged out, until when that must be remembered (POSIX seconds)."""


class Vault:
    """Secrets by realm, made when first asked for. Without a file they live as long as the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._realms: dict[str, _RealmSecrets] = {}
        self._parsed: dict[str, jwk.RSAKey] = {}
        if file is not None and file.exists():
            self._realms = msgspec.json.decode(file.read_bytes(), type=dict[str, _RealmSecrets])

    def signing_key(self, realm: str) -> jwk.RSAKey:
        """The private key that signs now."""
        return self._keys(realm)[0]

    def published(self, realm: str) -> list[dict[str, Any]]:
        """The public JWKs, as Keycloak lists them."""
        return [dict(key.as_dict()) for key in self._keys(realm)]

    def public_keys(self, realm: str) -> jwk.KeySet:
        """The same, to verify our own tokens with."""
        return jwk.KeySet([*self._keys(realm)])

    def secret(self, realm: str) -> jwk.OctKey:
        """What signs refresh tokens and login cookies: nobody else reads those."""
        return jwk.OctKey.import_key(self._of(realm).secret)

    def rotate(self, realm: str) -> None:
        """Sign with a new key from now on; the old ones stay published."""
        self._of(realm).keys.insert(0, _new_key())
        self._save()

    def retire(self, realm: str) -> None:
        """Publish the signing key alone: tokens signed with an older one are no longer good."""
        del self._of(realm).keys[1:]
        self._save()

    def end_session(self, realm: str, session: str, *, now: float, until: float) -> None:
        """Remember until then that the session was logged out."""
        kept = self._of(realm)
        kept.ended = {sid: end for sid, end in kept.ended.items() if end > now} | {session: until}
        self._save()

    def is_ended(self, realm: str, session: str) -> bool:
        """Whether the session was logged out."""
        return session in self._of(realm).ended

    def _keys(self, realm: str) -> list[jwk.RSAKey]:
        """The realm's keys, parsed once: checking a private key takes milliseconds."""
        keys = self._of(realm).keys
        for key in keys:
            if key["kid"] not in self._parsed:
                self._parsed[key["kid"]] = jwk.RSAKey.import_key(key)
        return [self._parsed[key["kid"]] for key in keys]

    def _of(self, realm: str) -> _RealmSecrets:
        if realm not in self._realms:
            self._realms[realm] = _RealmSecrets(keys=[_new_key()], secret=secrets.token_urlsafe(64))
            self._save()
        return self._realms[realm]

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(self._realms))
        fresh.replace(self._file)


def _new_key() -> dict[str, Any]:
    key = jwk.RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    return dict(key.as_dict(private=True))
