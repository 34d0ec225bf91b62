"""Making tokens that are wrong in one way, and asking why one was refused."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jwk, jwt

from auth import tokens
from core import errors


def signed(key: jwk.RSAKey | jwk.ECKey | jwk.OctKey, alg: str, claims: dict[str, Any], **header: Any) -> str:
    """A token with any header."""
    return jwt.encode({"alg": alg, **header}, claims, key, algorithms=[alg])


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def hs256(secret: bytes, claims: dict[str, Any], kid: str) -> str:
    """A token signed with a shared secret, by hand: the library refuses a public key as the secret."""
    text = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims)}"
    mac = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def claims_of(token: str) -> dict[str, Any]:
    middle = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=="))
    return read


async def refused(verifier: tokens.Verifier, token: str) -> str:
    """Why the token was refused."""
    with pytest.raises(errors.Unauthenticated) as refusal:
        await verifier.verify(token)
    assert verifier.peek(token) is None
    assert token == "" or token not in refusal.value.detail
    return str(refusal.value.extra["reason"])
