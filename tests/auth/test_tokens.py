"""Tokens of a real issuer over loopback: the good ones are read right, the others refused for the right reason."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from auth import keys, tenants, tokens
from core import errors
from deploy.local import issuer
from tests.auth import plain
from tests.auth.plain import ISSUER, Plain, signed
from tests.auth.registry import Registry
from tests.support.clock import FakeClock

SECOND = timedelta(seconds=1)
RSA = jwk.RSAKey.generate_key(2048, auto_kid=True)
EC = jwk.ECKey.generate_key("P-256", auto_kid=True)
NO_HTTP = httpx.AsyncClient()
"""For those who never get as far as asking an issuer."""


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def hs256(secret: bytes, claims: dict[str, Any], kid: str) -> str:
    """A token signed with a shared secret, by hand: the library refuses a public key as the secret."""
    text = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims)}"
    mac = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def claims_of(token: str) -> dict[str, Any]:
    middle = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=="))
    return read


async def refused(verifier: tokens.Verifier, token: str) -> str:
    """Why the token was refused."""
    with pytest.raises(errors.Unauthenticated) as refusal:
        await verifier.verify(token)
    assert verifier.peek(token) is None
    assert token == "" or token not in refusal.value.detail
    return str(refusal.value.extra["reason"])


class Nobody:
    """No issuer is anybody's."""

    def peek(self, issuer: str) -> None: ...

    async def find(self, issuer: str) -> None: ...


@pytest.fixture
def there() -> Plain:
    """An issuer other than Keycloak, which publishes one key of each kind."""
    made = plain.Plain()
    made.publish(RSA)
    made.publish(EC)
    return made


@pytest.fixture
async def foreign(there: Plain, fake_clock: FakeClock) -> AsyncIterator[tokens.Verifier]:
    """A verifier for a tenant with that issuer."""
    registry = Registry()
    registry.add("globex", ISSUER, fake_clock)
    known = tenants.Tenants(registry.load, fake_clock)
    async with there.client() as http:
        made = tokens.Verifier(lookup=known, http=http, audience="penstock", client_id="penstock", now=fake_clock)
        yield made
        await made.aclose()


@pytest.fixture
def good(fake_clock: FakeClock) -> dict[str, Any]:
    """The claims of a plain OIDC token that is good for a minute."""
    exp = int(fake_clock().timestamp()) + 60
    return {"iss": ISSUER, "sub": "s1", "aud": "penstock", "exp": exp}


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
        with subtests.test(case[:30]):
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


# --- rotation, outage ------------------------------------------------------------------------------------------------


async def test_a_rotation_is_followed_without_a_restart(
    verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock
) -> None:
    before = live.user_token("demo", "ada")
    await verifier.verify(before)
    live.rotate("demo")
    after = live.user_token("demo", "ada")
    assert (await verifier.verify(after)).tenant == "demo"
    assert live.hits["demo/certs"] == 2
    fake_clock.advance(61 * SECOND)
    assert await verifier.verify(before), "the old key is still published"


async def test_a_key_that_was_taken_away_is_refused_within_six_minutes(
    verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock
) -> None:
    before = live.user_token("demo", "ada")
    await verifier.verify(before)
    live.rotate("demo")
    live.retire("demo")
    fake_clock.advance(timedelta(minutes=5))
    assert await refused(verifier, before) == "signature"
    assert await verifier.verify(live.user_token("demo", "ada"))


async def test_unknown_kids_do_not_hammer_the_issuer(
    verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock
) -> None:
    claims = claims_of(live.user_token("demo", "ada"))
    await verifier.verify(live.user_token("demo", "wim"))
    mine = jwk.RSAKey.generate_key(2048)
    forged = [signed(mine, "RS256", claims, kid=f"kid-{number}") for number in range(200)]
    reasons = await asyncio.gather(*(refused(verifier, token) for token in forged))
    assert set(reasons) == {"signature"}
    assert live.hits["demo/certs"] == 2, "one for the first token, one for all the unknown kids"
    fake_clock.advance(5 * SECOND)
    await asyncio.gather(*(refused(verifier, token) for token in forged))
    assert live.hits["demo/certs"] == 3
    assert live.hits["demo/discovery"] == 1


async def test_unknown_issuers_are_not_asked_at_all(
    verifier: tokens.Verifier, live: issuer.Issuer, registry: Registry
) -> None:
    claims = claims_of(live.user_token("acme", "ada"))
    for _ in range(20):
        assert await refused(verifier, live.sign("acme", claims)) == "issuer"
    assert live.hits == {}
    assert registry.asked == [live.issuer_of("acme")]


async def test_while_the_issuer_is_away_known_callers_go_on_and_new_realms_wait(
    http: httpx.AsyncClient, fake_clock: FakeClock
) -> None:
    registry = Registry()
    known = tenants.Tenants(registry.load, fake_clock)
    made = tokens.Verifier(lookup=known, http=http, audience="penstock", client_id="penstock", now=fake_clock)
    async with issuer.start_issuer(now=fake_clock) as live:
        for realm in ("demo", "acme"):
            registry.add(realm, live.issuer_of(realm), fake_clock)
        ada, wim, other = live.user_token("demo", "ada"), live.user_token("demo", "wim"), live.user_token("acme", "ada")
        await made.verify(ada)
    assert await made.verify(ada)
    assert await made.verify(wim), "the realm's keys are known"
    with pytest.raises(errors.Unavailable) as away:
        await made.verify(other)
    assert away.value.retry_after
    await made.aclose()


# --- the cache -------------------------------------------------------------------------------------------------------


async def test_a_verified_token_is_answered_without_waiting(verifier: tokens.Verifier, live: issuer.Issuer) -> None:
    token = live.user_token("demo", "ada")
    assert verifier.peek(token) is None
    who = await verifier.verify(token)
    assert verifier.peek(token) is who
    assert verifier.peek(token + "x") is None
    assert verifier.peek("") is None


async def test_it_is_kept_for_a_minute(verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock) -> None:
    token = live.user_token("demo", "ada")
    who = await verifier.verify(token)
    fake_clock.advance(59 * SECOND)
    assert await verifier.verify(token) is who
    fake_clock.advance(SECOND)
    again = await verifier.verify(token)
    assert again == who
    assert again is not who


async def test_it_is_not_kept_beyond_its_end(
    foreign: tokens.Verifier, good: dict[str, Any], fake_clock: FakeClock
) -> None:
    exp = int(fake_clock().timestamp()) + 30
    token = signed(EC, "ES256", good | {"exp": exp}, kid=EC.kid)
    await foreign.verify(token)
    fake_clock.advance(30 * SECOND)
    assert foreign.peek(token) is None
    fake_clock.advance(5 * SECOND)
    assert await refused(foreign, token) == "expired"


async def test_a_tenant_that_is_removed_is_shut_out_when_its_registration_is_forgotten(
    verifier: tokens.Verifier, live: issuer.Issuer, registry: Registry, fake_clock: FakeClock
) -> None:
    token = live.user_token("demo", "ada")
    await verifier.verify(token)
    registry.by_issuer.clear()
    assert verifier.peek(token) is not None
    fake_clock.advance(5 * SECOND)
    assert verifier.peek(token) is None
    assert await refused(verifier, token) == "issuer"


async def test_an_issuer_that_changes_hands_takes_its_callers_along(
    verifier: tokens.Verifier, live: issuer.Issuer, registry: Registry, fake_clock: FakeClock
) -> None:
    token = live.user_token("demo", "ada")
    await verifier.verify(token)
    registry.add("newdemo", live.issuer_of("demo"), fake_clock)
    fake_clock.advance(5 * SECOND)
    assert (await verifier.verify(token)).tenant == "newdemo"


async def test_the_cache_is_bounded(
    lookup: tenants.Tenants, http: httpx.AsyncClient, live: issuer.Issuer, fake_clock: FakeClock, published: keys.Keys
) -> None:
    made = tokens.Verifier(
        lookup=lookup,
        http=http,
        audience="penstock",
        client_id="penstock",
        now=fake_clock,
        published=published,
        size=3,
    )
    for username in ("ada", "ann", "wim", "wes", "rex"):
        await made.verify(live.user_token("demo", username))
    assert made.remembered == 3


async def test_refusals_are_not_kept(verifier: tokens.Verifier, live: issuer.Issuer, fake_clock: FakeClock) -> None:
    claims = claims_of(live.user_token("demo", "ada"))
    token = live.sign("demo", claims | {"nbf": int(fake_clock().timestamp()) + 60})
    assert await refused(verifier, token) == "not-yet-valid"
    fake_clock.advance(60 * SECOND)
    assert await verifier.verify(token)
