"""What is remembered of keys and tokens, for how long, and how rarely the issuer is asked."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwk

from auth import keys, tenants, tokens
from core import errors
from deploy.local import issuer
from tests.auth.forging import claims_of, refused, signed
from tests.auth.plain import EC
from tests.auth.registry import Registry
from tests.support.clock import FakeClock

SECOND = timedelta(seconds=1)


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
