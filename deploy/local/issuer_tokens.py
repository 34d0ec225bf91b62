"""The local issuer's tokens, with the claims that Keycloak gives them."""

import uuid
from datetime import timedelta
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from core import clock
from deploy.local import issuer_keys
from deploy.local.issuer_realms import OUR_CLIENT, Client, Realm, User

ACCESS = timedelta(hours=1)
"""Longer than Keycloak's five minutes, so that a token pasted into a shell lasts for a look around."""
SESSION = timedelta(hours=10)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody logged in: what refresh tokens and login cookies hold."""

    sid: str
    sub: str
    azp: str = ""
    scope: str = ""
    auth_time: int = 0
    nonce: str | None = None


class Mint:
    """Makes tokens and reads its own again. `base` is the issuer's address without a path."""

    def __init__(self, base: str, vault: issuer_keys.Vault, now: clock.Clock, access: timedelta = ACCESS) -> None:
        self.base = base
        self.access = access
        self._vault = vault
        self._now = now

    def issuer(self, realm: Realm) -> str:
        """What the realm's tokens say in `iss`."""
        return f"{self.base}/realms/{realm.name}"

    def moment(self) -> int:
        """Now, in POSIX seconds."""
        return int(self._now().timestamp())

    def sign(self, realm: Realm, claims: dict[str, Any]) -> str:
        """A JWT of any claims with the realm's signing key; `typ` JWT and `kid` in its header, as Keycloak's."""
        key = self._vault.signing_key(realm.name)
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def user_token(self, realm: Realm, user: User, session: Session) -> str:
        """A person's access token."""
        claims = self._claims(realm, session.sub, session.azp, session.scope)
        claims |= {"sid": session.sid, "acr": "1", "allowed-origins": [], "auth_time": session.auth_time}
        claims |= profile(realm, user)
        roles = [f"default-roles-{realm.name}", "offline_access", "uma_authorization", *realm.realm_roles_of(user)]
        return self.sign(realm, claims | _roles(roles, user.service_roles))

    def service_token(self, realm: Realm, client: Client, scope: str) -> str:
        """The access token of a client that speaks for itself."""
        username = f"service-account-{client.client_id}"
        claims = self._claims(realm, realm.subject(username), client.client_id, scope)
        claims |= {"acr": "1", "preferred_username": username, "client_id": client.client_id}
        claims |= {"email_verified": False, "clientHost": "127.0.0.1", "clientAddress": "127.0.0.1"}
        roles = [f"default-roles-{realm.name}", "offline_access", "uma_authorization"]
        return self.sign(realm, claims | _roles(roles, client.service_roles))

    def id_token(self, realm: Realm, user: User, session: Session) -> str:
        """The token that tells the client, and nobody else, who logged in."""
        claims = self._claims(realm, session.sub, session.azp, session.scope)
        claims |= {"typ": "ID", "aud": session.azp, "sid": session.sid, "auth_time": session.auth_time}
        if session.nonce is not None:
            claims["nonce"] = session.nonce
        return self.sign(realm, claims | profile(realm, user))

    def seal(self, realm: Realm, typ: str, session: Session) -> str:
        """A refresh token (`Refresh`) or a login cookie (`Login`): signed HS512, for ourselves alone."""
        now = self.moment()
        claims = {key: value for key, value in msgspec.to_builtins(session).items() if value is not None}
        claims |= {"typ": typ, "iss": self.issuer(realm), "aud": self.issuer(realm), "iat": now}
        claims |= {"exp": now + int(SESSION.total_seconds()), "jti": str(uuid.uuid4())}
        return jwt.encode({"alg": "HS512"}, claims, self._vault.secret(realm.name), algorithms=["HS512"])

    def unseal(self, realm: Realm, typ: str, sealed: str) -> Session | None:
        """What `seal` put in; None when it is not ours, has expired or was logged out."""
        try:
            claims = jwt.decode(sealed, self._vault.secret(realm.name), algorithms=["HS512"]).claims
        except (JoseError, ValueError):
            return None
        good = claims["typ"] == typ and claims["iss"] == self.issuer(realm) and claims["exp"] > self.moment()
        session = msgspec.convert(claims, Session)
        return session if good and not self._vault.is_ended(realm.name, session.sid) else None

    def read(self, realm: Realm, token: str, typ: str, *, expired: bool = False) -> dict[str, Any] | None:
        """The claims of an access (`Bearer`) or `ID` token of this realm; None when it is not one, or is over."""
        try:
            claims = jwt.decode(token, self._vault.public_keys(realm.name), algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        good = claims.get("typ") == typ and (expired or claims["exp"] > self.moment())
        return claims if good and not self._vault.is_ended(realm.name, str(claims.get("sid"))) else None

    def end(self, realm: Realm, session: str) -> None:
        """Log a session out: its refresh token and cookie are good for nothing from now on."""
        until = self._now() + SESSION
        self._vault.end_session(realm.name, session, now=self.moment(), until=until.timestamp())

    def _claims(self, realm: Realm, subject: str, client_id: str, scope: str) -> dict[str, Any]:
        now = self.moment()
        return {
            "exp": now + int(self.access.total_seconds()),
            "iat": now,
            "jti": str(uuid.uuid4()),
            "iss": self.issuer(realm),
            "aud": [OUR_CLIENT, "account"],
            "sub": subject,
            "typ": "Bearer",
            "azp": client_id,
            "scope": scope,
        }


def profile(realm: Realm, user: User) -> dict[str, Any]:
    """The claims that say who a person is."""
    return {
        "email_verified": True,
        "name": user.name,
        "preferred_username": user.username,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "email": f"{user.username}@{realm.name}.example",
    }


def _roles(realm_roles: list[str], service_roles: tuple[str, ...]) -> dict[str, Any]:
    access = {"account": {"roles": ["manage-account", "manage-account-links", "view-profile"]}}
    if service_roles:
        access[OUR_CLIENT] = {"roles": [*service_roles]}
    return {"realm_access": {"roles": realm_roles}, "resource_access": access}
