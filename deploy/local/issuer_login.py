"""The local issuer's pages for people: logging in for a code (with PKCE), and logging out."""

import html
import re
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from deploy.local import issuer_grants
from deploy.local.issuer_grants import Code, Grants, OAuthError
from deploy.local.issuer_realms import Client, Realm
from deploy.local.issuer_tokens import SESSION, Mint, Session

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/[^\s#]*)?")
"""Where a client may have people sent back to: any port of this machine (RFC 8252 section 7.3)."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization request that may be answered by a redirect."""

    client: Client
    redirect_uri: str
    state: str | None
    fragment: bool
    query: Mapping[str, str]


class Pages:
    """The authorization and logout endpoints."""

    def __init__(self, mint: Mint, grants: Grants) -> None:
        self._mint = mint
        self._grants = grants

    async def authorize(self, request: Request, realm: Realm) -> Response:
        """GET shows the form, or answers at once for somebody logged in; POST is the form coming back."""
        asked = _asked(realm, request.query_params)
        if isinstance(asked, Response):
            return asked
        try:
            challenge, scope = _checked(asked)
        except OAuthError as refusal:
            return _back(asked, {"error": refusal.error, "error_description": refusal.description})
        if request.method == "POST":
            async with request.form() as fields:
                form = {name: value for name, value in fields.items() if isinstance(value, str)}
            user = issuer_grants.login(realm, form)
            if user is None:
                return _form(realm, asked, failed=form.get("username", ""))
            session = self._grants.session(realm, user, asked.client, scope)
            return self._admit(realm, asked, session, challenge)
        return self._without_form(request, realm, asked, challenge, scope)

    async def logout(self, request: Request, realm: Realm) -> Response:
        """Ends a session: by a refresh token (for programs, 204), or by the cookie (for people, with a page)."""
        async with request.form() as fields:
            asked = {**request.query_params} | {k: v for k, v in fields.items() if isinstance(v, str)}
        if "refresh_token" in asked:
            session = self._mint.unseal(realm, "Refresh", asked["refresh_token"])
            if session is None:
                raise OAuthError("invalid_grant", "Invalid refresh token")
            self._mint.end(realm, session.sid)
            return Response(status_code=HTTPStatus.NO_CONTENT)
        hint = self._mint.read(realm, asked.get("id_token_hint", ""), "ID", expired=True)
        if hint is None and request.method == "GET":
            return _logout_page(realm)
        cookie = self._cookie(request, realm)
        for sid in {str(hint["sid"])} if hint else {cookie.sid} if cookie else set[str]():
            self._mint.end(realm, sid)
        return _logged_out(realm, asked, hinted=hint is not None)

    def _without_form(self, request: Request, realm: Realm, asked: _Asked, challenge: str, scope: str) -> Response:
        prompt = asked.query.get("prompt", "")
        known = None if prompt == "login" else self._cookie(request, realm)
        if known is not None:
            session = msgspec.structs.replace(known, azp=asked.client.client_id, scope=scope)
            return self._admit(realm, asked, session, challenge)
        if prompt == "none":
            return _back(asked, {"error": "login_required"})
        return _form(realm, asked)

    def _admit(self, realm: Realm, asked: _Asked, session: Session, challenge: str) -> Response:
        session = msgspec.structs.replace(session, nonce=asked.query.get("nonce"))
        code = Code(realm=realm.name, session=session, redirect_uri=asked.redirect_uri, challenge=challenge)
        answer = {"session_state": session.sid, "iss": self._mint.issuer(realm), "code": self._grants.new_code(code)}
        reply = _back(asked, answer)
        reply.set_cookie(
            _cookie_name(realm),
            self._mint.seal(realm, "Login", session),
            max_age=int(SESSION.total_seconds()),
            path=f"/realms/{realm.name}/",
            httponly=True,
            samesite="lax",
        )
        return reply

    def _cookie(self, request: Request, realm: Realm) -> Session | None:
        return self._mint.unseal(realm, "Login", request.cookies.get(_cookie_name(realm), ""))


def _asked(realm: Realm, query: Mapping[str, str]) -> _Asked | Response:
    """The request, or a page that says why nobody can be sent back anywhere."""
    client = realm.client(query.get("client_id", ""))
    redirect_uri = query.get("redirect_uri", "")
    if client is None or not client.code:
        return _page(realm, "We are sorry", "<p>Client not found, or not one that people log in with.</p>", 400)
    if _LOOPBACK.fullmatch(redirect_uri) is None:
        return _page(realm, "We are sorry", "<p>Invalid parameter: redirect_uri</p>", 400)
    fragment = query.get("response_mode") == "fragment"
    return _Asked(client=client, redirect_uri=redirect_uri, state=query.get("state"), fragment=fragment, query=query)


def _checked(asked: _Asked) -> tuple[str, str]:
    """Challenge and scope of a request that is in order; raises OAuthError."""
    if asked.query.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "Only response_type code is supported")
    if asked.query.get("response_mode", "query") not in ("query", "fragment"):
        raise OAuthError("invalid_request", "Invalid parameter: response_mode")
    if asked.query.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "Missing parameter: code_challenge_method, which must be S256")
    challenge = asked.query.get("code_challenge", "")
    if _CHALLENGE.fullmatch(challenge) is None:
        raise OAuthError("invalid_request", "Invalid parameter: code_challenge")
    return challenge, issuer_grants.scope_of(asked.query.get("scope"))


def _back(asked: _Asked, answer: dict[str, str]) -> RedirectResponse:
    """Send the browser back to the client."""
    if asked.state is not None:
        answer = {"state": asked.state, **answer}
    fields = urllib.parse.urlencode(answer)
    mark = "#" if asked.fragment else "&" if "?" in asked.redirect_uri else "?"
    return RedirectResponse(f"{asked.redirect_uri}{mark}{fields}", HTTPStatus.SEE_OTHER)


def _form(realm: Realm, asked: _Asked, failed: str | None = None) -> HTMLResponse:
    problem, describes = "", ""
    if failed is not None:
        problem = '<p id="problem" role="alert">Invalid username or password.</p>'
        describes = ' aria-invalid="true" aria-describedby="problem"'
    names = ", ".join(f"<code>{html.escape(user.username)}</code>" for user in realm.users)
    body = f"""{problem}<form method="post">
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required
 autofocus value="{html.escape(failed or "")}"{describes}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{describes}>
<button>Sign in</button></form>
<p>For this machine only: {names}; the password is the user name.</p>"""
    split = urllib.parse.urlsplit(asked.redirect_uri)
    return _page(realm, "Sign in", body, 200, sends_to=f"{split.scheme}://{split.netloc}")


def _logout_page(realm: Realm) -> HTMLResponse:
    return _page(realm, "Sign out", '<form method="post"><button>Sign out</button></form>', 200)


def _logged_out(realm: Realm, asked: Mapping[str, str], *, hinted: bool) -> Response:
    target = asked.get("post_logout_redirect_uri", "")
    reply: Response
    if hinted and _LOOPBACK.fullmatch(target):
        state = {"state": asked["state"]} if "state" in asked else {}
        mark = "&" if "?" in target else "?"
        where = f"{target}{mark}{urllib.parse.urlencode(state)}" if state else target
        reply = RedirectResponse(where, HTTPStatus.SEE_OTHER)
    else:
        reply = _page(realm, "You are signed out", "", 200)
    reply.delete_cookie(_cookie_name(realm), path=f"/realms/{realm.name}/", httponly=True, samesite="lax")
    return reply


def _cookie_name(realm: Realm) -> str:
    # Cookies do not keep ports apart: two stacks on one machine overwrite each other's login, and none is let in
    # by the other's, because each has its own secret.
    return f"PENSTOCK_LOGIN_{realm.name}"


_STYLE = """body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem;color:#1a1a1a;
background:#fff}label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}label{margin-top:1rem}
input{padding:.5rem;border:1px solid
#595959;border-radius:4px}button{margin-top:1.5rem;padding:.6rem;border:0;
border-radius:4px;background:#0b4f8a;color:#fff}:focus-visible{outline:3px solid #d97706;outline-offset:2px}
[role=alert]{color:#a30000;font-weight:600}"""


def _page(realm: Realm, title: str, body: str, status: int, *, sends_to: str = "") -> HTMLResponse:
    where = html.escape(realm.display_name)
    text = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title} - {where}</title>
<style>{_STYLE}</style></head><body><main><h1>{title}</h1><p>{where}</p>{body}</main></body></html>"""
    # Browsers apply form-action to the redirect that answers the form too, so the client's origin is in it.
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {sends_to}"
    )
    return HTMLResponse(text, status, {"Content-Security-Policy": policy.strip(), "Cache-Control": "no-store"})
