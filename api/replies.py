"""Answers as bytes: every JSON answer of ours is encoded here."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

JSON = "application/json"


def encode(value: Any) -> bytes:
    """The JSON of a view."""
    return _encoder.encode(value)


def reply(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> Response:
    """An answer whose body is the JSON of `value`."""
    return Response(_encoder.encode(value), status_code=status, headers=headers, media_type=media_type)


def nothing(*, status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers=headers)


_encoder = msgspec.json.Encoder()
