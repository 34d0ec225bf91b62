"""Reading a request's JSON: whatever its Content-Type says, strictly, with the place of an error."""

from typing import Any

import msgspec
from starlette.requests import Request

from core import errors

_decode = msgspec.json.Decoder().decode
_JSON = (b"content-type", b"application/json")


class JsonRequest(Request):
    """A request whose body is JSON for FastAPI too, in whatever Content-Type it came (`curl -d` says it is a form).

    Only bearer tokens authenticate, so a page elsewhere that posts a form here gains nothing by that.
    """

    decoded: Any = None

    async def json(self) -> Any:
        """The body, decoded already."""
        return self.decoded


async def accept(request: Request) -> JsonRequest:
    """The request with its body read, decoded and labelled as JSON; raises `TooLarge`, `Invalid`.

    NaN, lone surrogates, invalid UTF-8 and trailing text are refused, unlike by `json`.
    """
    headers = [header for header in request.scope["headers"] if header[0] != b"content-type"]
    request.scope["headers"] = [*headers, _JSON]
    incoming = JsonRequest(request.scope, request.receive)
    raw = await incoming.body()
    if raw:
        incoming.decoded = decoded(raw)
    return incoming


def decoded(raw: bytes) -> Any:
    """The value that this JSON says; raises `Invalid`."""
    try:
        return _decode(raw)
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _malformed(str(error)) from None


def _malformed(message: str) -> errors.Invalid:
    return errors.Invalid(f"The body is not JSON: {message}.", faults=[errors.Fault(field="", message=message)])
