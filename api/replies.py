"""Answers as bytes: every JSON answer of ours is encoded here."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

JSON = "application/json"


def encode(value: Any) -> bytes:
    """The JSON of a view."""
    return _encoder.encode(value)


class Reply(Response):
    """Starlette's, whose head is written down at once."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str] | None, media_type: str) -> None:
        """`headers` name neither length nor type."""
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", media_type.encode())]
        if headers:
            self.raw_headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def reply(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> Response:
    """An answer whose body is the JSON of `value`."""
    return Reply(_encoder.encode(value), status, headers, media_type)


def nothing(*, status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers=headers)


_encoder = msgspec.json.Encoder()
