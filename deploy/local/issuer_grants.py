"""The local issuer's token endpoint: who may trade what for which tokens (RFC 6749, RFC 7636)."""

import base64
import binascii
import hashlib
import secrets
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from cachetools import TTLCache

from core import clock
from deploy.local.issuer_realms import Client, Realm, User
from deploy.local.issuer_tokens import SESSION, Mint, Session

Form = Mapping[str, str]

CODE_SECONDS = 60
_DEFAULT_SCOPE = ("email", "profile")
_SCOPES = {"openid", "email", "profile", "roles", "web-origins", "basic", "acr", "offline_access"}


class OAuthError(Exception):
    """A refusal as OAuth words it: `error` and `error_description`, with this HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        self.error = error
        self.description = description
        self.status = status
        super().__init__(description)


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization code stands for; good once, for a minute."""

    realm: str
    session: Session
    redirect_uri: str
    challenge: str


class Grants:
    """Every way to a token that the issuer knows."""

    def __init__(self, mint: Mint, now: clock.Clock) -> None:
        self._mint = mint
        self._codes: TTLCache[str, Code, float] = TTLCache(10_000, CODE_SECONDS, timer=lambda: now().timestamp())
        self._spent: TTLCache[str, Code, float] = TTLCache(10_000, CODE_SECONDS, timer=lambda: now().timestamp())

    def new_code(self, code: Code) -> str:
        """A code for the browser to carry to the client."""
        handle = secrets.token_urlsafe(32)
        self._codes[handle] = code
        return handle

    def token(self, realm: Realm, form: Form, authorization: str | None) -> dict[str, Any]:
        """The reply to a token request; raises OAuthError."""
        client = _client(realm, form, authorization)
        match form.get("grant_type"):
            case "password":
                return self._password(realm, client, form)
            case "client_credentials":
                return self._client_credentials(realm, client, form)
            case "refresh_token":
                return self._refresh(realm, client, form)
            case "authorization_code":
                return self._code(realm, client, form)
            case None:
                raise OAuthError("invalid_request", "Missing form parameter: grant_type")
            case other:
                raise OAuthError("unsupported_grant_type", f"Unsupported grant_type {other[:50]}")

    def _password(self, realm: Realm, client: Client, form: Form) -> dict[str, Any]:
        if not client.passwords:
            raise OAuthError("unauthorized_client", "Client not allowed for direct access grants")
        user = login(realm, form)
        if user is None:
            raise OAuthError("invalid_grant", "Invalid user credentials", 401)
        session = self.session(realm, user, client, scope_of(form.get("scope")))
        return self._reply(realm, user, session)

    def _client_credentials(self, realm: Realm, client: Client, form: Form) -> dict[str, Any]:
        if not client.service_account:
            raise OAuthError("unauthorized_client", "Client not enabled to retrieve service account", 401)
        scope = scope_of(form.get("scope"))
        return {
            "access_token": self._mint.service_token(realm, client, scope),
            "expires_in": int(self._mint.access.total_seconds()),
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": scope,
        }

    def _refresh(self, realm: Realm, client: Client, form: Form) -> dict[str, Any]:
        session = self._mint.unseal(realm, "Refresh", form.get("refresh_token", ""))
        user = realm.user_of(session.sub) if session else None
        if session is None or user is None:
            raise OAuthError("invalid_grant", "Invalid refresh token")
        if session.azp != client.client_id:
            raise OAuthError("invalid_grant", "Invalid refresh token. Token client and authorized client don't match")
        return self._reply(realm, user, session)

    def _code(self, realm: Realm, client: Client, form: Form) -> dict[str, Any]:
        handle = form.get("code", "")
        code = self._codes.pop(handle, None)
        if code is None:
            self._end_replayed(realm, handle)
            raise OAuthError("invalid_grant", "Code not valid")
        self._spent[handle] = code
        if code.realm != realm.name or code.session.azp != client.client_id:
            raise OAuthError("invalid_grant", "Code not valid")
        if form.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("invalid_grant", "Incorrect redirect_uri")
        if not secrets.compare_digest(challenge_of(form.get("code_verifier", "")), code.challenge):
            raise OAuthError("invalid_grant", "PKCE verification failed: Code mismatch")
        user = realm.user_of(code.session.sub)
        assert user is not None
        return self._reply(realm, user, code.session)

    def _end_replayed(self, realm: Realm, handle: str) -> None:
        """A code that comes twice was stolen: what it gave is taken back (RFC 6749 section 4.1.2)."""
        spent = self._spent.get(handle)
        if spent is not None and spent.realm == realm.name:
            self._mint.end(realm, spent.session.sid)

    def session(self, realm: Realm, user: User, client: Client, scope: str) -> Session:
        """A new session of somebody who has just proved who they are."""
        return Session(
            sid=str(uuid.uuid4()),
            sub=realm.subject(user.username),
            azp=client.client_id,
            scope=scope,
            auth_time=self._mint.moment(),
        )

    def _reply(self, realm: Realm, user: User, session: Session) -> dict[str, Any]:
        reply = {
            "access_token": self._mint.user_token(realm, user, session),
            "expires_in": int(self._mint.access.total_seconds()),
            "refresh_expires_in": int(SESSION.total_seconds()),
            "refresh_token": self._mint.seal(realm, "Refresh", session),
            "token_type": "Bearer",
            "not-before-policy": 0,
            "session_state": session.sid,
            "scope": session.scope,
        }
        if "openid" in session.scope.split():
            reply["id_token"] = self._mint.id_token(realm, user, session)
        return reply


def login(realm: Realm, form: Form) -> User | None:
    """The user whose name and password these are."""
    user = realm.user(form.get("username", ""))
    expected = user.password if user else ""
    right = secrets.compare_digest(form.get("password", "").encode(), expected.encode())
    return user if right else None


def scope_of(requested: str | None) -> str:
    """The scope granted: what is always given, and `openid` when asked for; raises OAuthError for unknown
    ones.
    """
    asked = (requested or "").split()
    if unknown := [name for name in asked if name not in _SCOPES]:
        raise OAuthError("invalid_scope", f"Invalid scopes: {' '.join(unknown)[:200]}")
    return " ".join([*(["openid"] if "openid" in asked else []), *_DEFAULT_SCOPE])


def challenge_of(verifier: str) -> str:
    """The PKCE challenge (S256) that belongs to a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _client(realm: Realm, form: Form, authorization: str | None) -> Client:
    """The client that asks, by HTTP Basic or by form fields; a confidential one has proved itself."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() == "basic":
        client_id, secret = _basic(encoded)
    client = realm.client(client_id)
    proved = client is not None and (
        client.secret is None or secrets.compare_digest(secret.encode(), client.secret.encode())
    )
    if client is None or not proved:
        raise OAuthError("invalid_client", "Invalid client or Invalid client credentials", 401)
    return client


def _basic(encoded: str) -> tuple[str, str]:
    """Client id and secret, each form-encoded inside (RFC 6749 section 2.3.1)."""
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as broken:
        raise OAuthError("invalid_client", "The Authorization header is malformed", 401) from broken
    return urllib.parse.unquote_plus(client_id), urllib.parse.unquote_plus(secret)
