"""The run's Keycloak, with the face of the local issuer: tests that ask for tokens need not know whose they are."""

import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
import pytest
from joserfc import jwk, jwt

from deploy.local import keycloak, keycloak_dist
from tests.support import servers

_KEYS = "org.keycloak.keys.KeyProvider"


class Issuer(Protocol):
    """What tests ask of an issuer, the local one or Keycloak."""

    @property
    def url(self) -> str:
        """The address without a realm."""
        ...

    def issuer_of(self, realm: str) -> str:
        """What that realm's tokens say in `iss`."""
        ...

    def user_token(self, realm: str, username: str) -> str:
        """An access token as the password grant gives it."""
        ...

    def service_token(self, realm: str, client_id: str) -> str:
        """An access token as the client-credentials grant gives it."""
        ...

    def sign(self, realm: str, claims: dict[str, Any]) -> str:
        """A token of any claims whatever, signed by that realm."""
        ...


class Keycloak:
    """A running Keycloak. Tokens come from it; what it would never say is signed with a key that it publishes."""

    def __init__(self, url: str, secret: str, http: httpx.Client) -> None:
        self.url = url
        self._secret = secret
        self._http = http
        self._signing: dict[str, jwk.RSAKey] = {}

    def issuer_of(self, realm: str) -> str:
        """As the local issuer's."""
        return f"{self.url}/realms/{realm}"

    def user_token(self, realm: str, username: str) -> str:
        """By the password grant."""
        form = {"grant_type": "password", "client_id": "penstock-cli", "username": username, "password": username}
        return self.grant(realm, form)["access_token"]

    def service_token(self, realm: str, client_id: str) -> str:
        """By client credentials."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_id}
        return self.grant(realm, form)["access_token"]

    def grant(self, realm: str, form: dict[str, str]) -> dict[str, Any]:
        """What the token endpoint answers."""
        answer = self._http.post(f"{self.issuer_of(realm)}/protocol/openid-connect/token", data=form)
        assert answer.is_success, answer.text
        return answer.json()

    def sign(self, realm: str, claims: dict[str, Any]) -> str:
        """By a key of our own that the realm publishes."""
        key = self._signing.get(realm)
        if key is None:
            key = self._signing[realm] = self.add_key(realm, priority=-1)
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def add_key(self, realm: str, *, priority: int) -> jwk.RSAKey:
        """Make the realm publish another key, by which it signs if its `priority` is highest; the private half."""
        key = jwk.RSAKey.generate_key(2048)
        pem = key.as_pem(private=True).decode()
        self.admin("POST", f"/{realm}/components", {
            "name": f"test-{uuid.uuid4()}", "providerId": "rsa", "providerType": _KEYS,
            "config": {"privateKey": [pem], "priority": [str(priority)], "algorithm": ["RS256"]},
        })  # fmt: skip
        certs = self._http.get(f"{self.issuer_of(realm)}/protocol/openid-connect/certs").raise_for_status()
        (mine,) = [each for each in certs.json()["keys"] if each.get("n") == key.as_dict(private=False)["n"]]
        return jwk.RSAKey.import_key({**key.as_dict(private=True), "kid": mine["kid"]})

    def drop_added_keys(self, realm: str) -> None:
        """Take the keys of `add_key` away again."""
        self._signing.pop(realm, None)
        for component in self.admin("GET", f"/{realm}/components?type={_KEYS}"):
            if component["name"].startswith("test-"):
                self.admin("DELETE", f"/{realm}/components/{component['id']}")

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the admin API below `/admin/realms`."""
        headers = {"Authorization": f"Bearer {self._admin_token}"}
        answer = self._http.request(method, f"{self.url}/admin/realms{path}", json=body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    @property
    def administrator(self) -> tuple[str, str]:
        """Id and secret of the service client that may do everything."""
        return keycloak.ADMIN, self._secret

    @property
    def _admin_token(self) -> str:
        # A token of `master` is good for a minute, and this is asked for seldom.
        client_id, secret = self.administrator
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        return self.grant("master", form)["access_token"]


def wanted() -> bool:
    """Whether this run is to take all its tokens from Keycloak."""
    return os.environ.get("PENSTOCK_TEST_ISSUER") == "keycloak"


@contextmanager
def running() -> Generator[Keycloak]:
    """The Keycloak of this run; skips where there is none, and fails instead where REQUIRE_KEYCLOAK=1 says so."""
    try:
        keycloak_dist.distribution(fetch=False)
    except keycloak_dist.KeycloakMissingError as missing:
        if os.environ.get("REQUIRE_KEYCLOAK") == "1":
            pytest.fail(f"NO KEYCLOAK, though REQUIRE_KEYCLOAK=1: {missing}", pytrace=False)
        pytest.skip(f"NO KEYCLOAK: {missing}")
    url, secret = servers.url(servers.KEYCLOAK).split(" ")
    with httpx.Client(trust_env=False, timeout=30) as http:
        yield Keycloak(url, secret, http)
