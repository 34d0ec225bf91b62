"""A caller of Penstock over plain HTTP: keeps a token fresh and tries again when the platform asks for patience."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any, Self

import httpx

_PATIENCE = 60.0
_RETRIED = {429, 500, 502, 503, 504}


def local_stack() -> dict[str, Any]:
    """Where the local stack listens, and its users: what `make run` wrote."""
    return json.loads((Path(os.environ.get("PENSTOCK_HOME", ".penstock")) / "local.json").read_text())


class Session:
    """Calls the native API as one user or service client of a tenant; use it as `async with`."""

    def __init__(self, api: str, auth: str, tenant: str, login: dict[str, str]) -> None:
        """`login` is the body of the token call, `grant_type` included."""
        self._token_url = f"{auth}/realms/{tenant}/protocol/openid-connect/token"
        self._login = login
        self._http = httpx.AsyncClient(base_url=f"{api}/api/v1", timeout=90)
        self._token = ""
        self._fresh_until = 0.0

    async def __aenter__(self) -> Self:
        """Opens connections as they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes them."""
        await self._http.aclose()

    async def post(self, path: str, body: object, **headers: str) -> dict[str, Any]:
        """POST and answer the JSON; raises httpx.HTTPStatusError for a refusal that patience does not cure."""
        return await self.call("POST", path, body, **headers)

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """The same by any method."""
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                bearer = {"Authorization": f"Bearer {await self._bearer()}"}
                answer = await self._http.request(method, path, json=body, headers={**bearer, **headers})
            except httpx.TransportError:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.5)
                continue
            if answer.status_code not in _RETRIED or time.monotonic() > give_up:
                return answer.raise_for_status().json()
            await asyncio.sleep(float(answer.headers.get("Retry-After", 0.5)))

    async def _bearer(self) -> str:
        if time.monotonic() >= self._fresh_until:
            answer = await self._http.post(self._token_url, data=self._login)
            grant = answer.raise_for_status().json()
            self._token = grant["access_token"]
            self._fresh_until = time.monotonic() + grant["expires_in"] * 0.8
        return self._token
