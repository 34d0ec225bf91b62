"""The local issuer as a web application: Keycloak's paths for each realm."""

from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local import issuer_keys, issuer_tokens
from deploy.local.issuer_admin import Admin
from deploy.local.issuer_grants import Grants, OAuthError
from deploy.local.issuer_login import Pages
from deploy.local.issuer_realms import Realm
from deploy.local.issuer_tokens import Mint

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_LOOPBACK_ORIGIN = r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?"
_MAX_BODY = 64 * 1024

Endpoint = Callable[[Request, Realm], Awaitable[Response]]


class Endpoints:
    """The endpoints of all realms. `hits` counts requests as `realm/endpoint`, for tests that watch traffic."""

    def __init__(self, realms: tuple[Realm, ...], mint: Mint, grants: Grants, vault: issuer_keys.Vault) -> None:
        self.hits: Counter[str] = Counter()
        self._realms = {realm.name: realm for realm in realms}
        self._mint = mint
        self._grants = grants
        self._vault = vault
        self._pages = Pages(mint, grants)
        self._people = Admin(mint)

    def app(self) -> Starlette:
        """The application. It answers to loopback host names only, and lets pages of this machine read it."""
        base, oidc = "/realms/{realm}", "/realms/{realm}/protocol/openid-connect"
        return Starlette(
            routes=[
                Route(f"{base}/.well-known/openid-configuration", self._at("discovery", self._discovery)),
                Route(f"{oidc}/certs", self._at("certs", self._certs)),
                Route(f"{oidc}/token", self._at("token", self._token), methods=["POST"]),
                Route(f"{oidc}/auth", self._at("auth", self._pages.authorize), methods=["GET", "POST"]),
                Route(f"{oidc}/userinfo", self._at("userinfo", self._userinfo), methods=["GET", "POST"]),
                *self._people.routes(self._at),
                Route(f"{oidc}/logout", self._at("logout", self._pages.logout), methods=["GET", "POST"]),
            ],
            middleware=[
                # A page elsewhere that lets its name point at 127.0.0.1 is not to reach us.
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False),
                Middleware(
                    CORSMiddleware,
                    allow_origin_regex=_LOOPBACK_ORIGIN,
                    allow_methods=["GET", "POST"],
                    allow_headers=["Authorization", "Content-Type"],
                ),
            ],
            exception_handlers={OAuthError: _refused, HTTPException: _failed},
            max_body_size=_MAX_BODY,
        )

    def _at(self, name: str, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            realm = self._realms.get(request.path_params["realm"])
            if realm is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "Realm does not exist")
            self.hits[f"{realm.name}/{name}"] += 1
            return await endpoint(request, realm)

        return handle

    async def _discovery(self, request: Request, realm: Realm) -> Response:
        del request
        issuer = self._mint.issuer(realm)
        oidc = f"{issuer}/protocol/openid-connect"
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{oidc}/auth",
                "token_endpoint": f"{oidc}/token",
                "userinfo_endpoint": f"{oidc}/userinfo",
                "end_session_endpoint": f"{oidc}/logout",
                "jwks_uri": f"{oidc}/certs",
                "grant_types_supported": [
                    "authorization_code",
                    "client_credentials",
                    "password",
                    "refresh_token",
                ],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "fragment"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid", "email", "profile", "roles", "web-origins", "offline_access"],
                "claims_supported": ["iss", "sub", "aud", "name", "preferred_username", "email"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _certs(self, request: Request, realm: Realm) -> Response:
        del request
        return JSONResponse({"keys": self._vault.published(realm.name)})

    async def _token(self, request: Request, realm: Realm) -> Response:
        async with request.form() as fields:
            form = {name: value for name, value in fields.items() if isinstance(value, str)}
        reply = self._grants.token(realm, form, request.headers.get("Authorization"))
        return JSONResponse(reply, headers=_NO_STORE)

    async def _userinfo(self, request: Request, realm: Realm) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = self._mint.read(realm, token, "Bearer") if scheme.lower() == "bearer" else None
        user = realm.user_of(claims["sub"]) if claims else None
        if claims is None or user is None:
            raise OAuthError("invalid_token", "Token verification failed", HTTPStatus.UNAUTHORIZED)
        if "openid" not in claims["scope"].split():
            raise OAuthError("insufficient_scope", "Missing openid scope", HTTPStatus.FORBIDDEN)
        about = {"sub": claims["sub"], **issuer_tokens.profile(realm, user)}
        return JSONResponse(about, headers=_NO_STORE)


async def _refused(request: Request, refusal: Exception) -> Response:
    del request
    assert isinstance(refusal, OAuthError)
    headers = dict(_NO_STORE)
    if refusal.error in ("invalid_token", "insufficient_scope"):
        headers["WWW-Authenticate"] = f'Bearer error="{refusal.error}"'
    body = {"error": refusal.error, "error_description": refusal.description}
    return JSONResponse(body, refusal.status, headers)


async def _failed(request: Request, failure: Exception) -> Response:
    del request
    assert isinstance(failure, HTTPException)
    return JSONResponse({"error": failure.detail}, failure.status_code, failure.headers)
