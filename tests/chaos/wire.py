"""Calls of the API as the cast makes them: over several addresses, with a verdict in place of an exception."""

import itertools
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Self

import httpx
import msgspec

from core.clock import system_clock
from tests.chaos.ledger import Ledger, Verdict

Json = dict[str, Any]
_PATIENCE = httpx.Timeout(4.0, connect=1.0)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call."""

    verdict: Verdict
    status: int
    sent: datetime
    answered: datetime
    json: Any = None

    @property
    def code(self) -> str | None:
        """The problem's code, where it was refused."""
        return str(self.json.get("type", "")).rpartition(":")[2] if self.verdict is Verdict.REFUSED else None


class Wire:
    """One caller; each call goes to the next of the addresses, as through a load balancer without health checks."""

    def __init__(self, apis: list[str], auth: str, realm: str, name: str, ledger: Ledger) -> None:
        self.ledger = ledger
        self._apis = itertools.cycle(apis)
        self._auth = auth
        self._realm = realm
        self._name = name
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        self._http = httpx.AsyncClient(timeout=_PATIENCE, limits=limits, trust_env=False)

    async def __aenter__(self) -> Self:
        """Get a token."""
        await self.login()
        return self

    async def login(self) -> None:
        """Get a token, which lasts for an hour."""
        login = {"grant_type": "password", "client_id": "penstock-cli", "username": self._name, "password": self._name}
        url = f"{self._auth}/realms/{self._realm}/protocol/openid-connect/token"
        grant = (await self._http.post(url, data=login)).raise_for_status().json()
        self._http.headers["Authorization"] = f"Bearer {grant['access_token']}"

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self, method: str, path: str, body: object = None, *, wait: float = 0.0, key: str | None = None
    ) -> Answer:
        """One call, below /api/v1; `wait` is how long the server may wait by itself, `key` its idempotency key."""
        sent = system_clock()
        names = {} if key is None else {"Idempotency-Key": key}
        timeout = httpx.Timeout(4.0 + wait, connect=1.0)
        url = f"{next(self._apis)}/api/v1{path}"
        try:
            got = await self._http.request(method, url, json=body, headers=names, timeout=timeout)
            json = got.json() if got.content else None
        except (httpx.TransportError, ValueError):
            self.ledger.unknown += 1
            return Answer(verdict=Verdict.UNKNOWN, status=0, sent=sent, answered=system_clock())
        verdict = Verdict.ACCEPTED if got.is_success else Verdict.REFUSED if got.status_code < 500 else Verdict.UNKNOWN
        answer = Answer(verdict=verdict, status=got.status_code, sent=sent, answered=system_clock(), json=json)
        self.count(answer)
        return answer

    def count(self, answer: Answer) -> None:
        """Add a refusal to the ledger's sums."""
        if answer.verdict is Verdict.UNKNOWN:
            self.ledger.unknown += 1
        elif answer.code is not None:
            self.ledger.refused[answer.code] = self.ledger.refused.get(answer.code, 0) + 1
            if answer.code == "unauthenticated":
                self.ledger.shut_out.append(f"{answer.answered.isoformat()}: {answer.json}")

    async def insist(self, method: str, path: str, body: object = None) -> Answer:
        """Call until somebody answers; for calls that are safe to repeat. Raises AssertionError for a refusal."""
        while True:
            answer = await self.call(method, path, body)
            if answer.verdict is not Verdict.UNKNOWN:
                assert answer.verdict is Verdict.ACCEPTED, answer
                return answer

    def stream(self, path: str, headers: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """An open GET, for `async with`; raises httpx.TransportError as it goes along."""
        url = f"{next(self._apis)}/api/v1{path}"
        return self._http.stream("GET", url, headers=headers, timeout=httpx.Timeout(20.0, connect=1.0))
