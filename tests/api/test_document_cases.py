"""Requests made up from the OpenAPI document, well and badly formed: no 5xx, and no answer but those that it describes.

`make test` tries some of every operation; PENSTOCK_DOCUMENT_CASES=20000 spreads so many over all of them.
"""

import asyncio
import json
import os
import re
import zlib
from collections.abc import Mapping
from typing import Any, cast

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import strategies
from schemathesis.core import NOT_SET
from schemathesis.generation import GenerationMode

from tests.api import test_access, test_sweep
from tests.support import api as support
from tests.support.api import Api

world = test_access.world
things = test_sweep.things

CASES = int(os.environ.get("PENSTOCK_DOCUMENT_CASES", "320"))
_PARTS = 4
_UNHURRIED = (
    hypothesis.HealthCheck.too_slow,
    hypothesis.HealthCheck.filter_too_much,
    hypothesis.HealthCheck.data_too_large,
)
_NOISE = "\nFalsifying"
_WAITS = frozenset({"waitSeconds", "wait"})
_JSON = {"Accept": "application/json"}
"""Without it, events are a stream without an end."""


def _takes_json(operation: Any) -> bool:
    """Uploads of files are tried elsewhere."""
    bodies = operation.definition.raw.get("requestBody", {}).get("content", {"application/json": {}})
    return "application/json" in bodies


_document: Any = schemathesis.openapi.from_dict(support.document())
_operations: list[Any] = [each for result in _document.get_all_operations() if _takes_json(each := result.ok())]


@strategies.composite
def _cases(draw: strategies.DrawFn, operation: Any, known: Mapping[str, str]) -> Any:
    """A request, fitting the document or not. Half of them are about what is really there."""
    mode = draw(strategies.sampled_from([GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case: Any = draw(operation.as_strategy(generation_mode=mode))
    if draw(strategies.booleans()):
        real = {name: known[name] for name in case.path_parameters if name in known}
        case.path_parameters = {**case.path_parameters, **real}
    return case


@pytest.mark.timeout(60 + CASES // 10)
@pytest.mark.parametrize("number", range(_PARTS))
async def test_every_answer_is_one_that_the_document_describes(api: Api, things: dict[str, str], number: int) -> None:
    """The transport of `api` holds each answer against the document, as in every test; the requests are made up."""
    loop = asyncio.get_running_loop()
    mine = [each for each in _operations if zlib.crc32(each.label.encode()) % _PARTS == number]
    each_time = max(CASES // len(_operations), 2)

    def try_all() -> list[str]:
        return [fault for operation in mine if (fault := _try(operation, each_time)) is not None]

    def _try(operation: Any, times: int) -> str | None:
        @hypothesis.settings(
            max_examples=times,
            deadline=None,
            database=None,
            suppress_health_check=_UNHURRIED,
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.seed(int(os.environ.get("PENSTOCK_DOCUMENT_SEED", "1")))
        @hypothesis.given(_cases(operation, things))
        def tried(made: Any) -> None:
            asyncio.run_coroutine_threadsafe(_send(api, made), loop).result(60)

        try:
            tried()
        except AssertionError as fault:
            return f"{operation.label}: {str(fault).partition(_NOISE)[0]}"
        return None

    faults = await asyncio.to_thread(try_all)
    assert not faults, "\n".join(faults)


async def _send(api: Api, case: Any) -> None:
    # What no server of HTTP gets to see, or no framework takes for a part of a path.
    path = re.sub(r"[\x00-\x20\x7f]|%[01][0-9A-Fa-f]|%7[Ff]|%C2%[89][0-9A-Fa-f]", "-", case.formatted_path)
    client = api("root" if path.startswith("/api/v1/tenants") else "ada")
    query = cast("dict[str, Any]", _without_waits(case.query or {}))
    content = None if case.body is NOT_SET else _bytes(_without_waits(case.body))
    given = cast("dict[str, Any]", case.headers or {})
    headers = {name: value for name, value in given.items() if _sendable(name, value)}
    params = httpx.QueryParams([(name, _word(each)) for name, value in query.items() for each in _all(value)])
    answer = await client.request(case.method, path, params=params, content=content, headers=headers | _JSON)
    assert answer.status_code < 500, f"{case.method} {path} {query} {case.body!r}: {answer.text}"


def _without_waits(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    return {name: member for name, member in members.items() if name not in _WAITS}


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, default=str).encode()


def _all(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _word(value: Any) -> str:
    return value.encode(errors="replace").decode() if isinstance(value, str) else json.dumps(value, default=str)


def _sendable(name: str, value: Any) -> bool:
    """What an HTTP client can put on the wire, and is no credential."""
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9-]+", name) is None:
        return False
    plain = value.isascii() and value.isprintable() and value == value.strip()
    return plain and name.lower() not in {"authorization", "accept"}
