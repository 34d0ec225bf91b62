"""Tokens of a real issuer over loopback: the good ones are read right, the others refused for the right reason."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from auth import tokens
from core import errors
from deploy.local import issuer
from tests.auth.forging import claims_of, hs256, part, refused, signed
from tests.auth.plain import EC, ISSUER, RSA
from tests.auth.registry import Registry
from tests.support.clock import FakeClock

NO_HTTP = httpx.AsyncClient()
"""For those who never get as far as asking an issuer."""


class Nobody:
    """No issuer is anybody's."""

    def peek(self, issuer: str) -> None: ...

    async def find(self, issuer: str) -> None: ...


# --- what is believed ------------------------------------------------------------------------------------------------


async def test_a_persons_token(verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock) -> None:
    who = await verifier.verify(live.user_token("demo", "ada"))
    assert (who.tenant, who.home, who.name, who.email) == ("demo", "demo", "Ada Admin", "ada@demo.example")
    assert (who.kind, who.is_operator) == ("user", False)
    assert who.roles >= {"task-admin", "penstock:task-admin", "default-roles-demo", "account:view-profile"}
    assert who.expires_at == fake_clock() + timedelta(hours=1)


async def test_a_services_token(verifier: tokens.Verifier, live: issuer.Issuer) -> None:
    who = await verifier.verify(live.service_token("demo", "intake"))
    assert (who.tenant, who.name, who.email, who.kind) == ("demo", "service-account-intake", None, "service")
    assert "task-writer" in who.roles


async def test_an_operators_token(verifier: tokens.Verifier, live: issuer.Issuer) -> None:
    who = await verifier.verify(live.user_token("core", "root"))
    assert (who.tenant, who.is_operator) == ("core", True)


async def test_the_same_person_is_another_subject_in_every_realm(
    verifier: tokens.Verifier, live: issuer.Issuer, registry: Registry, fake_clock: FakeClock
) -> None:
    registry.add("acme", live.issuer_of("acme"), fake_clock)
    one, other = [await verifier.verify(live.user_token(realm, "ada")) for realm in ("demo", "acme")]
    assert one.name == other.name
    assert one.subject != other.subject
    assert (one.tenant, other.tenant) == ("demo", "acme")


async def test_es256_and_a_token_without_keycloaks_claims(foreign: tokens.Verifier, good: dict[str, Any]) -> None:
    for key, alg in ((EC, "ES256"), (RSA, "RS256")):
        who = await foreign.verify(signed(key, alg, good, kid=key.kid))
        assert (who.tenant, who.subject, who.name, who.roles) == ("globex", "s1", "s1", frozenset[str]())


async def test_a_header_with_more_than_we_read(foreign: tokens.Verifier, good: dict[str, Any]) -> None:
    chain = ["M" * 2_000]
    assert await foreign.verify(signed(RSA, "RS256", good, kid=RSA.kid, x5c=chain, typ="at+jwt", jku=f"{ISSUER}/evil"))


async def test_the_audience_may_be_one_of_several(foreign: tokens.Verifier, good: dict[str, Any]) -> None:
    assert await foreign.verify(signed(EC, "ES256", good | {"aud": ["account", "penstock"]}, kid=EC.kid))


async def test_a_clock_that_is_a_little_off(
    foreign: tokens.Verifier, good: dict[str, Any], fake_clock: FakeClock
) -> None:
    now = int(fake_clock().timestamp())
    assert await foreign.verify(signed(EC, "ES256", good | {"nbf": now + 5, "exp": now - 4}, kid=EC.kid))


# --- what is not -----------------------------------------------------------------------------------------------------


async def test_forgeries(verifier: tokens.Verifier, live: issuer.Issuer, subtests: pytest.Subtests) -> None:
    token = live.user_token("demo", "nil")
    claims = claims_of(token)
    head, middle, end = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    admin = claims | {"realm_access": {"roles": ["task-admin"]}}
    mine = jwk.RSAKey.generate_key(2048)
    (public,) = live.vault.published("demo")
    pem = jwk.RSAKey.import_key(public).as_pem(private=False)
    same_key = jwk.RSAKey.import_key(live.vault.signing_key("demo").as_pem(private=True))
    another_realm = live.vault.signing_key("acme")
    cases = {
        "alg none": (f"{part({'alg': 'none'})}.{part(admin)}.", "algorithm"),
        "alg none with a kid": (f"{part({'alg': 'none', 'kid': kid})}.{part(admin)}.", "algorithm"),
        "alg None": (f"{part({'alg': 'None'})}.{part(admin)}.", "algorithm"),
        "HS256 with the public PEM": (hs256(pem, admin, kid), "algorithm"),
        "HS256 with the modulus": (hs256(public["n"].encode(), admin, kid), "algorithm"),
        "PS256 with the right key": (signed(same_key, "PS256", admin, kid=kid), "algorithm"),
        "no alg": (f"{part({'kid': kid})}.{part(admin)}.{end}", "malformed"),
        "another key, the right kid": (signed(mine, "RS256", admin, kid=kid), "signature"),
        "another key, its own kid": (signed(mine, "RS256", admin, kid="mine"), "signature"),
        "another key, embedded": (signed(mine, "RS256", admin, jwk=mine.as_dict(private=False)), "signature"),
        "another key, embedded, the right kid": (
            signed(mine, "RS256", admin, kid=kid, jwk=mine.as_dict(private=False)),
            "signature",
        ),
        "another realm's key": (signed(another_realm, "RS256", admin, kid=another_realm.kid), "signature"),
        "ES256 said, RSA key": (f"{part({'alg': 'ES256', 'kid': kid})}.{middle}.{end}", "signature"),
        "other claims, the same signature": (f"{head}.{part(admin)}.{end}", "signature"),
        "no signature": (f"{head}.{middle}.", "signature"),
        "half a signature": (f"{head}.{middle}.{end[: len(end) // 2]}", "signature"),
        "a signature that is no base64": (f"{head}.{middle}.!!!", "signature"),
        "a critical extension": (signed(mine, "RS256", admin, kid=kid, crit=["b64"], b64=True), "malformed"),
        "an unencoded payload": (f"{part({'alg': 'RS256', 'b64': False})}.{middle}.{end}", "malformed"),
    }
    for name, (forged, reason) in cases.items():
        with subtests.test(name):
            assert await refused(verifier, forged) == reason
    assert await verifier.verify(token), "the one they were made from is good"


async def test_well_signed_and_still_refused(
    verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock, subtests: pytest.Subtests
) -> None:
    now = int(fake_clock().timestamp())
    claims = claims_of(live.user_token("demo", "ada"))
    without = {name: {k: v for k, v in claims.items() if k != name} for name in ("iss", "sub", "exp", "aud")}
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "expired": (claims | {"exp": now - 5}, "expired"),
        "not valid yet": (claims | {"nbf": now + 6}, "not-yet-valid"),
        "another audience": (claims | {"aud": ["account"]}, "audience"),
        "another audience that begins like ours": (claims | {"aud": "penstock-2"}, "audience"),
        "no audience": (without["aud"], "audience"),
        "an empty audience": (claims | {"aud": []}, "audience"),
        "an unregistered issuer": (claims | {"iss": live.issuer_of("acme")}, "issuer"),
        "an issuer with a slash more": (claims | {"iss": live.issuer_of("demo") + "/"}, "issuer"),
        "another tenant's issuer": (claims | {"iss": live.issuer_of("core")}, "signature"),
        "an ID token": (claims | {"typ": "ID"}, "type"),
        "a refresh token": (claims | {"typ": "Refresh"}, "type"),
        "no issuer": (without["iss"], "malformed"),
        "no subject": (without["sub"], "malformed"),
        "an empty subject": (claims | {"sub": ""}, "malformed"),
        "no end": (without["exp"], "malformed"),
        "an end in words": (claims | {"exp": "tomorrow"}, "malformed"),
        "an end beyond time": (claims | {"exp": 1e300}, "malformed"),
        "an end that is true": (claims | {"exp": True}, "malformed"),
        "a subject that is a number": (claims | {"sub": 7}, "malformed"),
        "roles that are a word": (claims | {"realm_access": {"roles": "task-admin"}}, "malformed"),
        "roles that are numbers": (claims | {"realm_access": {"roles": [1]}}, "malformed"),
    }
    for name, (odd, reason) in cases.items():
        with subtests.test(name):
            assert await refused(verifier, live.sign("demo", odd)) == reason


async def test_real_tokens_that_are_no_access_tokens(
    verifier: tokens.Verifier, live: issuer.Issuer, http: httpx.AsyncClient
) -> None:
    form = {"grant_type": "password", "client_id": "penstock-cli", "username": "ada", "password": "ada"}
    reply = await http.post(f"{live.issuer_of('demo')}/protocol/openid-connect/token", data=form | {"scope": "openid"})
    answered = reply.json()
    assert await verifier.verify(answered["access_token"])
    assert await refused(verifier, answered["id_token"]) == "audience"
    assert await refused(verifier, answered["refresh_token"]) == "algorithm"


async def test_what_is_no_token(verifier: tokens.Verifier, live: issuer.Issuer, subtests: pytest.Subtests) -> None:
    head, middle, end = live.user_token("demo", "ada").split(".")
    deep = base64.urlsafe_b64encode(b'{"a":' * 2_000).decode()
    cases = [
        "x",
        "a.b.c",
        "..",
        f"{head}.{middle}",
        f"{head}.{middle}.{end}.{end}",
        f"{head}..{end}",
        f".{middle}.{end}",
    ]
    cases += [
        f"{part([])}.{middle}.{end}",
        f"{head}.{part([])}.{end}",
        f"{head}.{deep}.{end}",
        f"{deep}.{middle}.{end}",
    ]
    cases += ["ü.ü.ü", "\ud800.a.b", "a" * (tokens.MAX_TOKEN + 1), "\x00", f"{head}.\n{middle}.{end}x" * 20]
    for case in cases:
        with subtests.test(ascii(case[:30])):
            assert await refused(verifier, case) == "malformed"
    assert await refused(verifier, "") == "absent"
    assert live.hits == {}, "nobody was asked about any of them"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
CLAIMS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("iss", "sub", "exp", "nbf", "aud", "realm_access", "resource_access"), JSON)
)
HEADER = st.fixed_dictionaries({}, optional={"alg": JSON | st.just("RS256"), "kid": JSON, "crit": JSON, "b64": JSON})


@given(
    st.text(max_size=300)
    | st.lists(st.text(max_size=40), min_size=3, max_size=3).map(".".join)
    | st.tuples(JSON | HEADER, JSON | CLAIMS).map(lambda parts: f"{part(parts[0])}.{part(parts[1])}.c2ln")
)
def test_no_text_whatever_breaks_it(text: str) -> None:
    """Nobody is registered, so all of it is refused; and as nothing is awaited, one step tells."""
    frozen = FakeClock()
    made = tokens.Verifier(lookup=Nobody(), http=NO_HTTP, audience="penstock", client_id="penstock", now=frozen)
    with pytest.raises(errors.Unauthenticated):
        made.verify(text).send(None)
