"""The wire of the Aidbox face: JSON or YAML in and out, and refusals as RPC errors (contract aidbox 1)."""

from collections.abc import Iterable
from typing import Any, cast

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import Response

from api import bodies, replies
from api.schemas.common import storable
from core import errors
from core.errors import Fault

YAML = "text/yaml"
_YAMLS = ("yaml",)
_CODES = {
    errors.NotFound: "resource-not-found",
    errors.LeaseLost: "exec-id-mismatch",
    errors.AlreadyExists: "resource-already-exists",
}


class RpcError(errors.PenstockError):
    """A refusal that has a type of its own on this face."""

    status = 422

    def __init__(self, kind: str, message: str, faults: list[Fault] | None = None) -> None:
        super().__init__(message, faults=faults or [])
        self.kind = kind


class _Loader(yaml.CSafeLoader):
    """YAML's JSON schema: times stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


async def read(request: Request) -> Any:
    """The request's body as plain values; raises `RpcError`, `TooLarge`."""
    if _is_yaml(request.headers.get("content-type", "")):
        try:
            return storable(_loaded(await request.body()))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise RpcError("invalid-request", f"The body is not YAML: {str(error).splitlines()[0]}") from None
    try:
        return storable((await bodies.accept(request)).decoded)
    except ValueError as error:
        raise RpcError("invalid-request", str(error)) from None


def _loaded(text: bytes) -> Any:
    """YAML without aliases, by which a small text can become huge."""
    events = cast("Iterable[object]", yaml.parse(text, Loader=_Loader))  # pyright: ignore[reportUnknownMemberType]
    if any(isinstance(event, yaml.events.AliasEvent) for event in events):
        raise ValueError("aliases are not taken here")
    return _plain(yaml.load(text, Loader=_Loader))  # noqa: S506 - a safe loader


def answer(request: Request, value: Any, status: int = 200) -> Response:
    """An answer in the form that the caller asked for, else in that of its request."""
    wanted = request.query_params.get("_format") or request.headers.get("accept", "*/*")
    if wanted in {"*/*", ""}:
        wanted = request.headers.get("content-type", "")
    if _is_yaml(wanted):
        plain = msgspec.json.decode(replies.encode(value))
        text = yaml.dump(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
        return Response(text, status_code=status, media_type=YAML)
    return replies.reply(value, status=status)


def error_of(error: errors.PenstockError, method: str | None) -> dict[str, Any]:
    """What an answer says of a refusal: a type in kebab case, a sentence, and the places of what was wrong."""
    if isinstance(error, RpcError):
        kind = error.kind
    else:
        kind = next((name for cls, name in _CODES.items() if type(error) is cls), error.code)
    told: dict[str, Any] = {"type": kind, "message": error.detail}
    if method is not None:
        told["method"] = method
    if error.faults:
        told["errors"] = [
            {"type": kind, "message": each.message, "path": each.field.split(".")} for each in error.faults
        ]
    return told | error.extra


def status_of(error: errors.PenstockError) -> int:
    """The HTTP status: 422 for all that a caller can mend in its request, as upstream."""
    return error.status if error.status in {401, 403, 413, 429, 503} or error.status >= 500 else 422


def _is_yaml(media_type: str) -> bool:
    return any(word in media_type.lower() for word in _YAMLS)


def _plain(value: Any) -> Any:
    """YAML's values as JSON has them: names of members are text."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Any]", value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"a value of the type {type(value).__name__} has no place in JSON")
