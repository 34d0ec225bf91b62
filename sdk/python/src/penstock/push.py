"""For programs that tasks are pushed to over HTTP: is this request really from our server (Standard Webhooks)?

The signature covers the id, the time and the body, so a request that was changed, or recorded and sent again later, is
refused. One that is delivered twice has the same `Delivery.id` both times.

    @app.post("/tasks")                                    # FastAPI, Starlette
    async def target(request: Request):
        delivery = await push.areceive(request, SECRET)

    @app.post("/tasks")                                    # Flask
    def target():
        delivery = push.receive(flask.request, SECRET)
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from penstock import errors

TOLERANCE_SECONDS = 300.0
"""How far a request's time may be from ours, as Standard Webhooks advises."""
_PREFIX = "whsec_"


class BadSignature(errors.PenstockError):
    """The request is not from the server, is damaged, or is too old: answer 401."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A request that was verified; `body` is its JSON."""

    id: str
    at: datetime
    body: Any


class AsyncRequest(Protocol):
    """What is needed of a Starlette or FastAPI request."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields by name."""
        ...

    async def body(self) -> bytes:
        """The body as it came."""
        ...


class SyncRequest(Protocol):
    """What is needed of a Flask or Werkzeug request."""

    @property
    def headers(self) -> Any:
        """Header fields by name."""
        ...

    def get_data(self) -> bytes:
        """The body as it came."""
        ...


async def areceive(request: AsyncRequest, secrets: str | Sequence[str]) -> Delivery:
    """The delivery in a FastAPI or Starlette request. Raises BadSignature."""
    return verify(request.headers, await request.body(), secrets)


def receive(request: SyncRequest, secrets: str | Sequence[str]) -> Delivery:
    """The delivery in a Flask request. Raises BadSignature."""
    return verify(dict(request.headers), request.get_data(), secrets)


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE_SECONDS,
) -> Delivery:
    """The delivery, if one of the secrets (`whsec_...`; several while they are exchanged) signed exactly this body.

    `now` is in seconds since the epoch. Raises BadSignature; UsageError for a secret that is none.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    number, stamp, signatures = (lower.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (number and stamp and signatures):
        raise BadSignature("The request carries no webhook-id, webhook-timestamp and webhook-signature.")
    at = _time(stamp, time.time() if now is None else now, tolerance)
    wanted = [sign(number, at, body, secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not _any_equal(signatures.split(), wanted):
        raise BadSignature("The signature does not fit.")
    try:
        return Delivery(id=number, at=datetime.fromtimestamp(at, UTC), body=json.loads(body))
    except ValueError as error:
        raise BadSignature("The body is not JSON.") from error


def sign(number: str, at: int, body: bytes, secret: str) -> str:
    """The signature of a delivery: for tests of a push target. `at` is in seconds since the epoch."""
    signed = f"{number}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise errors.UsageError("The secret is not one: it reads whsec_ and base64.") from error
    if not key:
        raise errors.UsageError("The secret is empty.")
    return key


def _time(stamp: str, now: float, tolerance: float) -> int:
    try:
        at = int(stamp)
    except ValueError as error:
        raise BadSignature("The webhook-timestamp is not a number of seconds.") from error
    if abs(now - at) > tolerance:
        raise BadSignature("The request is too old, or one of the two clocks is wrong.")
    return at


def _any_equal(given: Iterable[str], wanted: Sequence[str]) -> bool:
    """Whether they share one, in a time that does not tell how much of a guess was right."""
    equal = [hmac.compare_digest(each.encode(), right.encode()) for each in given for right in wanted]
    return True in equal
