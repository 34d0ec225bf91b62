"""A caller of Aidbox's RPC: `POST /rpc` with a method and params, and HTTP Basic. Nothing in it knows Penstock."""

from typing import Any, Self

import httpx


class RpcError(Exception):
    """The server refused a call: `error` is what it said."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(f"{status}: {error.get('type')}: {error.get('message')}")
        self.status = status
        self.error = error


class Rpc:
    """Calls methods; use it as `async with`, or give it a client of your own."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @classmethod
    def at(cls, url: str, client_id: str, secret: str) -> Self:
        """By the address of the server, and a client's id and secret."""
        return cls(httpx.AsyncClient(base_url=url, auth=(client_id, secret), timeout=90))

    async def __aenter__(self) -> Self:
        """Opens connections as they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes them."""
        await self._http.aclose()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method; `name_` stands for `name?`. Raises RpcError."""
        named = {name[:-1] + "?" if name.endswith("_") else name: value for name, value in params.items()}
        body = {"method": method, "params": {name.replace("_", "-"): value for name, value in named.items()}}
        answer = await self._http.post("/rpc", json=body)
        said = answer.json()
        if "error" in said:
            raise RpcError(answer.status_code, said["error"])
        return said["result"]
