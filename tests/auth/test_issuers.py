"""What a token means does not depend on who issued it: the same tests on the local issuer and on a real Keycloak."""

import html
import json
import re
import secrets
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwk

from auth import keys, tenants, tokens
from auth.principal import Principal
from core.clock import system_clock
from core.tenant import Tenant
from deploy.local import issuer as local
from deploy.local import issuer_grants
from tests.auth.forging import claims_of, hs256, part, refused, signed
from tests.support import api as support
from tests.support import keycloaks
from tests.support.keycloaks import Issuer, Keycloak

CALLBACK = "http://127.0.0.1:5173/callback"

pytestmark = pytest.mark.xdist_group("keycloak")


@pytest.fixture(scope="module", params=["local", "keycloak"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    """Each of the two."""
    with support.issuing() if request.param == "local" else keycloaks.running() as running:
        yield running


class _Registered:
    def __init__(self, issuer: Issuer, *realms: str) -> None:
        self._tenants = {
            issuer.issuer_of(realm): Tenant(
                id=realm, issuer=issuer.issuer_of(realm), created_at=system_clock(), version=1
            )
            for realm in realms
        }

    async def load(self, issuer: str) -> Tenant | None:
        return self._tenants.get(issuer)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A browser: it keeps cookies, and stops at redirects."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def verifier(issuer: Issuer, http: httpx.AsyncClient) -> AsyncIterator[tokens.Verifier]:
    """Knows `core` and `demo`; `acme` is a realm of nobody's."""
    lookup = tenants.Tenants(_Registered(issuer, "core", "demo").load, system_clock)
    made = tokens.Verifier(lookup=lookup, http=http, audience="penstock", client_id="penstock", now=system_clock)
    yield made
    await made.aclose()
    await lookup.aclose()


async def test_people(verifier: tokens.Verifier, issuer: Issuer) -> None:
    ada = await verifier.verify(issuer.user_token("demo", "ada"))
    assert (ada.tenant, ada.home, ada.name, ada.email) == ("demo", "demo", "Ada Admin", "ada@demo.example")
    assert (ada.kind, ada.is_operator) == ("user", False)
    assert ada.roles >= {"task-admin", "penstock:task-admin", "default-roles-demo", "account:view-profile"}
    roles = {name: (await verifier.verify(issuer.user_token("demo", name))).roles for name in ("wim", "ann", "nil")}
    assert "reviewer" in roles["wim"]
    assert "supervisor" in roles["ann"]
    assert roles["nil"].isdisjoint({"task-admin", "task-writer", "task-reader", "reviewer", "supervisor"})


async def test_a_service(verifier: tokens.Verifier, issuer: Issuer) -> None:
    who = await verifier.verify(issuer.service_token("demo", "intake"))
    assert (who.tenant, who.name, who.kind) == ("demo", "service-account-intake", "service")
    assert "task-writer" in who.roles


async def test_an_operator(verifier: tokens.Verifier, issuer: Issuer) -> None:
    who = await verifier.verify(issuer.user_token("core", "root"))
    assert (who.tenant, who.is_operator) == ("core", True)


async def test_subjects_are_those_of_the_realm_and_the_same_at_both_issuers(
    verifier: tokens.Verifier, issuer: Issuer
) -> None:
    who = await verifier.verify(issuer.user_token("demo", "ada"))
    (demo,) = [realm for realm in local.issuer_realms.REALMS if realm.name == "demo"]
    assert who.subject == demo.subject("ada")
    assert claims_of(issuer.user_token("acme", "ada"))["sub"] != who.subject
    service = await verifier.verify(issuer.service_token("demo", "intake"))
    assert service.subject == demo.subject("service-account-intake")


async def test_a_code_with_pkce(verifier: tokens.Verifier, issuer: Issuer, http: httpx.AsyncClient) -> None:
    who = await log_in(verifier, issuer, http)
    assert (who.tenant, who.name, who.kind) == ("demo", "Ada Admin", "user")
    assert "task-admin" in who.roles


async def test_a_realm_that_is_no_tenants(verifier: tokens.Verifier, issuer: Issuer) -> None:
    assert await refused(verifier, issuer.user_token("acme", "ada")) == "issuer"


async def test_only_access_tokens_count(verifier: tokens.Verifier, issuer: Issuer, http: httpx.AsyncClient) -> None:
    form = {"grant_type": "password", "client_id": "penstock-cli", "username": "ada", "password": "ada"}
    answer = await http.post(f"{_oidc(issuer)}/token", data=form | {"scope": "openid"})
    granted = answer.raise_for_status().json()
    assert await refused(verifier, granted["id_token"]) in {"audience", "type"}
    assert await refused(verifier, granted["refresh_token"]) == "algorithm"
    assert await verifier.verify(granted["access_token"])


async def test_what_the_realm_signed_and_we_do_not_take(verifier: tokens.Verifier, issuer: Issuer) -> None:
    good = claims_of(issuer.user_token("demo", "nil"))
    now = int(system_clock().timestamp())
    assert (await verifier.verify(issuer.sign("demo", good))).subject == good["sub"]
    assert await refused(verifier, issuer.sign("demo", good | {"exp": now - 10})) == "expired"
    assert await refused(verifier, issuer.sign("demo", good | {"nbf": now + 60})) == "not-yet-valid"
    assert await refused(verifier, issuer.sign("demo", good | {"aud": "account"})) == "audience"
    assert await refused(verifier, issuer.sign("demo", good | {"typ": "ID"})) == "type"
    assert await refused(verifier, issuer.sign("demo", good | {"iss": issuer.issuer_of("core")})) == "signature"


async def test_forgeries(
    verifier: tokens.Verifier, issuer: Issuer, http: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    token = issuer.user_token("demo", "nil")
    head, middle, end = token.split(".")
    admin = claims_of(token) | {"realm_access": {"roles": ["task-admin"]}}
    published = (await http.get(f"{_oidc(issuer)}/certs")).json()["keys"]
    (public,) = [key for key in published if key["kid"] == _header(token)["kid"]]
    pem = jwk.RSAKey.import_key(public).as_pem(private=False)
    mine = jwk.RSAKey.generate_key(2048)
    cases = {
        "alg none": (f"{part({'alg': 'none', 'kid': public['kid']})}.{part(admin)}.", "algorithm"),
        "HS256 with the public PEM": (hs256(pem, admin, public["kid"]), "algorithm"),
        "another key, the right kid": (signed(mine, "RS256", admin, kid=public["kid"]), "signature"),
        "another key, embedded": (signed(mine, "RS256", admin, jwk=mine.as_dict(private=False)), "signature"),
        "another realm's key": (issuer.sign("acme", admin), "signature"),
        "other claims, the same signature": (f"{head}.{part(admin)}.{end}", "signature"),
        "a letter changed": (f"{head}.{middle}.{'B' if end[0] != 'B' else 'C'}{end[1:]}", "signature"),
    }
    for name, (forged, reason) in cases.items():
        with subtests.test(name):
            assert await refused(verifier, forged) == reason


async def test_a_rotation_is_followed_and_a_retired_key_is_not_believed(
    issuer: Issuer, http: httpx.AsyncClient
) -> None:
    """Criterion 5, by what the issuer really publishes; the limits of asking are in test_keys.py."""
    known = keys.Keys(http, system_clock)
    lookup = tenants.Tenants(_Registered(issuer, "demo").load, system_clock)
    made = tokens.Verifier(
        lookup=lookup, http=http, audience="penstock", client_id="penstock", now=system_clock, published=known
    )
    before = issuer.user_token("demo", "ada")
    assert await made.verify(before)
    _rotate(issuer)
    after = issuer.user_token("demo", "ada")
    assert _header(after)["kid"] != _header(before)["kid"]
    assert await made.verify(after), "a new key is fetched at once"
    await made.aclose()
    await lookup.aclose()
    if isinstance(issuer, Keycloak):
        issuer.drop_added_keys("demo")
        late = tenants.Tenants(_Registered(issuer, "demo").load, system_clock)
        fresh = tokens.Verifier(lookup=late, http=http, audience="penstock", client_id="penstock", now=system_clock)
        assert await refused(fresh, after) == "signature"
        assert await fresh.verify(issuer.user_token("demo", "ada"))
        await fresh.aclose()
        await late.aclose()


async def log_in(verifier: tokens.Verifier, issuer: Issuer, http: httpx.AsyncClient) -> Principal:
    """Ada, through the form, as a browser and the console do it."""
    proof = secrets.token_urlsafe(48)
    asked = {
        "response_type": "code", "client_id": "penstock-console", "redirect_uri": CALLBACK, "state": "s1",
        "scope": "openid", "code_challenge": issuer_grants.challenge_of(proof), "code_challenge_method": "S256",
    }  # fmt: skip
    page = await http.get(f"{_oidc(issuer)}/auth", params=asked)
    assert page.status_code == 200, page.text
    _trust_loopback(http)
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    action = urllib.parse.urljoin(str(page.url), html.unescape(form[1])) if form else str(page.url)
    sent = await http.post(action, data={"username": "ada", "password": "ada"})
    assert sent.status_code in {302, 303}, sent.text
    carried = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sent.headers["location"]).query))
    assert carried["state"] == "s1"
    _trust_loopback(http)
    redeemed: dict[str, Any] = {
        "grant_type": "authorization_code", "client_id": "penstock-console", "code": carried["code"],
        "redirect_uri": CALLBACK, "code_verifier": proof,
    }  # fmt: skip
    wrong = await http.post(f"{_oidc(issuer)}/token", data=redeemed | {"client_id": "penstock-cli"})
    assert wrong.status_code == 400
    again = await http.get(f"{_oidc(issuer)}/auth", params=asked)
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(again.headers["location"]).query))["code"]
    answer = await http.post(f"{_oidc(issuer)}/token", data=redeemed | {"code": code})
    return await verifier.verify(answer.raise_for_status().json()["access_token"])


def _trust_loopback(http: httpx.AsyncClient) -> None:
    """Browsers send Secure cookies to loopback without TLS, too; httpx does not."""
    for cookie in http.cookies.jar:
        cookie.secure = False


def _rotate(issuer: Issuer) -> None:
    if isinstance(issuer, Keycloak):
        issuer.add_key("demo", priority=1_000)
    else:
        assert isinstance(issuer, local.Issuer)
        issuer.rotate("demo")


def _header(token: str) -> dict[str, Any]:
    head = token.split(".", maxsplit=1)[0]
    return json.loads(tokens._decode(head))  # pyright: ignore[reportPrivateUsage]


def _oidc(issuer: Issuer) -> str:
    return f"{issuer.issuer_of('demo')}/protocol/openid-connect"
