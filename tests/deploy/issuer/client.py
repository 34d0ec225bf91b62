"""A client of one realm of the local issuer: what a program or a browser sees of it."""

import secrets
import urllib.parse
from typing import Any

import httpx
from joserfc import jwk, jwt

from deploy.local import issuer_grants

CALLBACK = "http://127.0.0.1:5173/callback"
VERIFIER = secrets.token_urlsafe(48)
PASSWORD = {"grant_type": "password", "client_id": "penstock-cli", "username": "ada", "password": "ada"}
AUTH = {
    "response_type": "code",
    "client_id": "penstock-console",
    "redirect_uri": CALLBACK,
    "state": "s&1",
    "scope": "openid",
    "code_challenge": issuer_grants.challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


class Realm:
    """One realm of a running issuer, as a client sees it."""

    def __init__(self, http: httpx.AsyncClient, url: str, name: str = "demo") -> None:
        self.http = http
        self.url = f"{url}/realms/{name}"
        self.oidc = f"{self.url}/protocol/openid-connect"

    async def token(self, form: dict[str, str], auth: tuple[str, str] | None = None) -> httpx.Response:
        return await self.http.post(f"{self.oidc}/token", data=form, auth=auth or httpx.USE_CLIENT_DEFAULT)

    async def log_in(self, username: str = "ada", **changes: str) -> dict[str, str]:
        """Through the form, to what the browser carries back."""
        reply = await self.http.post(
            f"{self.oidc}/auth", params=AUTH | changes, data={"username": username, "password": username}
        )
        assert reply.status_code == 303, reply.text
        return carried(reply)

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "penstock-console",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return await self.token(form | changes)

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims, after the signature was checked with what the realm publishes."""
        published = (await self.http.get(f"{self.oidc}/certs")).json()
        return jwt.decode(token, jwk.KeySet.import_key_set(published), algorithms=["RS256"]).claims


def carried(reply: httpx.Response) -> dict[str, str]:
    """What a redirect carries to the client."""
    target = urllib.parse.urlsplit(reply.headers["location"])
    return dict(urllib.parse.parse_qsl(target.query or target.fragment))


def problem(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]


async def refresh(realm: Realm, token: str, client_id: str = "penstock-cli") -> httpx.Response:
    return await realm.token({"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token})
