"""An OpenID issuer that is not Keycloak and says whatever a test wants, right or wrong; asked in process, over ASGI."""

import asyncio
from typing import Any

import httpx
from joserfc import jwk
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ISSUER = "https://login.example"
RSA = jwk.RSAKey.generate_key(2048, auto_kid=True)
EC = jwk.ECKey.generate_key("P-256", auto_kid=True)


class Plain:
    """`keys` are published as they are; every other attribute makes one thing go wrong. `hits` are the paths asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.hits: list[str] = []
        self.calls_itself = ISSUER
        self.status = 200
        self.body: bytes | None = None
        self.moves_keys_to: str | None = None
        self.gate: asyncio.Event | None = None
        routes = [Route("/.well-known/openid-configuration", self._discovery), Route("/jwks", self._jwks)]
        self.app = Starlette(routes=routes)

    def client(self) -> httpx.AsyncClient:
        """A client whose every request ends here."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app))

    def publish(self, key: jwk.RSAKey | jwk.ECKey, **more: Any) -> None:
        """Publish the public half of `key`, with members added or changed."""
        self.keys.append({**key.as_dict(), **more})

    async def _discovery(self, request: Request) -> Response:
        self.hits.append(request.url.path)
        return JSONResponse({"issuer": self.calls_itself, "jwks_uri": f"{ISSUER}/jwks"})

    async def _jwks(self, request: Request) -> Response:
        self.hits.append(request.url.path)
        if self.gate is not None:
            await self.gate.wait()
        if self.moves_keys_to is not None:
            return RedirectResponse(self.moves_keys_to)
        if self.body is not None:
            return Response(self.body)
        return JSONResponse({"keys": self.keys}, self.status)
