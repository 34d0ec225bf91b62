"""Every operation of an OpenAPI document, tried by callers who must get nothing: what `tests/api/test_sweep.py` asks.

Nothing is listed here: operations, their paths and their methods come from the document. What a path is about is
replaced by what there really is in `demo`, so that a caller who is let through would find something.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jwk, jwt

from tests.auth.forging import claims_of, part
from tests.support import access
from tests.support.api import Api

_METHODS = frozenset({"get", "put", "post", "patch", "delete", "head", "options", "trace"})
_BODIED = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str

    def at(self, things: Mapping[str, str]) -> str:
        """The path about real things; raises KeyError for a parameter that nobody said anything about."""
        return self.path.format_map(things)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """All that need a token: those of the document but the ones that `tests/support/access.py` calls public."""
    public = {(method, path.replace(":path}", "}")) for method, path in access.PUBLIC}
    for path, methods in document["paths"].items():
        for method in methods:
            if method in _METHODS and (method.upper(), path) not in public:
                yield Operation(method=method.upper(), path=path)


def bad_tokens(api: Api) -> dict[str, str | None]:
    """Tokens that must not be believed, made of an administrator's of `demo`."""
    good = api.token("ada")
    head, _, signature = good.split(".")
    claims = claims_of(good)
    now = int(claims["iat"])
    mine = jwk.RSAKey.generate_key(2048)
    elsewhere = api.tokens.sign("acme", claims)
    return {
        "nobody": None,
        "expired": api.tokens.sign("demo", claims | {"exp": now - 3600}),
        "not yet valid": api.tokens.sign("demo", claims | {"nbf": now + 3600}),
        "for somebody else": api.tokens.sign("demo", claims | {"aud": "account"}),
        "no access token": api.tokens.sign("demo", claims | {"typ": "ID"}),
        "forged, unsigned": f"{part({'alg': 'none'})}.{part(claims)}.",
        "forged, the signature of another": f"{head}.{part(claims | {'sub': 'x'})}.{signature}",
        "re-signed by a key of one's own": jwt.encode({"alg": "RS256", "kid": "x"}, claims, mine),
        "re-signed by another tenant": elsewhere,
        "of a realm that is no tenant": api.tokens.sign("demo", claims | {"iss": f"{api.tokens.url}/realms/nobody"}),
        "garbage": "a.b.c",
    }


async def refused(api: Api, document: Mapping[str, Any], things: Mapping[str, str]) -> list[str]:
    """What answered a caller whose token is none: must be nothing. Each is named with what it answered."""
    found: list[str] = []
    for kind, token in bad_tokens(api).items():
        client = api.client(token)
        for operation in operations(document):
            answer = await send(client, operation, things)
            if answer.status_code != 401:
                found.append(f"{operation} as {kind}: {answer.status_code} {answer.text[:200]}")
    return found


async def leaks(
    client: httpx.AsyncClient,
    document: Mapping[str, Any],
    things: Mapping[str, str],
    shows: Callable[[str], bool],
) -> list[str]:
    """Which operations showed this caller something of `demo`, or broke."""
    found: list[str] = []
    for operation in operations(document):
        answer = await send(client, operation, things)
        if answer.status_code >= 500 or shows(answer.text):
            found.append(f"{operation}: {answer.status_code} {answer.text[:300]}")
    return found


async def send(client: httpx.AsyncClient, operation: Operation, things: Mapping[str, str]) -> httpx.Response:
    """The operation on real things, with the smallest body."""
    path = re.sub(r"[ ]", "%20", operation.at(things))
    body: dict[str, Any] | None = {} if operation.method in _BODIED else None
    return await client.request(operation.method, path, json=body, headers={"Accept": "application/json"})
