"""Callers of a running stack over real HTTP: each with a token of its own, as a browser or program would have."""

from typing import Any, Self

import httpx


class Caller:
    """One user or service client of one tenant; use it as `async with`."""

    def __init__(self, api: str, auth: str, realm: str, name: str) -> None:
        self._http = httpx.AsyncClient(base_url=api, timeout=90, limits=httpx.Limits(max_connections=None))
        self._auth = auth
        self._realm = realm
        self._name = name

    async def __aenter__(self) -> Self:
        """Get a token: by password for a user, by client credentials for `intake`."""
        login = {"grant_type": "password", "client_id": "penstock-cli", "username": self._name, "password": self._name}
        if self._name == "intake":
            login = {"grant_type": "client_credentials", "client_id": "intake", "client_secret": "intake"}
        url = f"{self._auth}/realms/{self._realm}/protocol/openid-connect/token"
        grant = (await self._http.post(url, data=login)).raise_for_status().json()
        self._http.headers["Authorization"] = f"Bearer {grant['access_token']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    @property
    def bearer(self) -> str:
        """What it says in `Authorization`."""
        return self._http.headers["Authorization"]

    @property
    def token(self) -> str:
        """The bearer token, for clients of another kind."""
        return self._http.headers["Authorization"].removeprefix("Bearer ")

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Any call below /api/v1, answered as it comes."""
        return await self._http.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def get(self, path: str, **params: Any) -> Any:
        """GET and the JSON; raises for a refusal."""
        return (await self._http.get(f"/api/v1{path}", params=params)).raise_for_status().json()

    async def post(self, path: str, body: object = None) -> Any:
        """POST and the JSON; raises for a refusal."""
        answer = await self.call("POST", path, {} if body is None else body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def put(self, path: str, body: object) -> Any:
        """PUT and the JSON; raises for a refusal."""
        answer = await self.call("PUT", path, body)
        assert answer.is_success, answer.text
        return answer.json()
