"""Which published keys are used, and how rarely an issuer is asked whatever tokens come in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwk

from auth import keys
from core import errors
from deploy.local import issuer
from tests.auth import plain
from tests.auth.plain import EC, ISSUER, RSA, Plain
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

MINUTE = timedelta(minutes=1)
DISCOVERY, JWKS = "/.well-known/openid-configuration", "/jwks"


@pytest.fixture
def there() -> Plain:
    made = plain.Plain()
    made.publish(RSA)
    return made


@pytest.fixture
async def known(there: Plain, fake_clock: FakeClock) -> AsyncIterator[keys.Keys]:
    async with there.client() as http:
        found = keys.Keys(http, fake_clock, timeout=timedelta(seconds=1))
        yield found
        await found.aclose()


async def test_a_key_is_found_by_its_kid_and_type(known: keys.Keys, there: Plain) -> None:
    there.publish(EC)
    rsa, ec = await known.find(ISSUER, "RS256", RSA.kid), await known.find(ISSUER, "ES256", EC.kid)
    assert isinstance(rsa, jwk.RSAKey)
    assert isinstance(ec, jwk.ECKey)
    assert not rsa.is_private
    assert await known.find(ISSUER, "ES256", RSA.kid) is None
    assert await known.find(ISSUER, "RS256", EC.kid) is None


async def test_without_a_kid_the_key_must_be_the_only_one_of_its_type(known: keys.Keys, there: Plain) -> None:
    there.publish(EC)
    assert await known.find(ISSUER, "RS256", None) is not None
    assert await known.find(ISSUER, "ES256", None) is not None


async def test_without_a_kid_two_keys_are_too_many(known: keys.Keys, there: Plain) -> None:
    there.publish(jwk.RSAKey.generate_key(2048, auto_kid=True))
    assert await known.find(ISSUER, "RS256", None) is None


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    "odd",
    [
        RSA.as_dict() | {"kid": "odd", "use": "enc", "alg": "RSA-OAEP"},
        RSA.as_dict() | {"kid": "odd", "use": "enc"},
        RSA.as_dict() | {"kid": "odd", "alg": "PS256"},
        RSA.as_dict() | {"kid": "odd", "use": 7},
        {"kty": "RSA", "kid": "odd", "n": "w" + "7" * 170, "e": "AQAB"},
        jwk.ECKey.generate_key("P-384").as_dict() | {"kid": "odd"},
        jwk.OctKey.generate_key(256).as_dict() | {"kid": "odd"},
        {"kty": "RSA", "kid": "odd", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "odd"},
        {"kty": "AKP", "kid": "odd", "pub": "x"},
        {"kid": "odd"},
        {"kty": ["RSA"], "kid": "odd"},
        {"kty": "RSA", "kid": "odd", "n": 1, "e": 2},
        {"kty": "EC", "kid": "odd", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "odd", "crv": "P-256", "x": "AA", "y": "AA"},
    ],
    ids=[
        "encryption", "encryption-of-any-kind", "other-alg",
        "use-a-number", "short", "other-curve", "symmetric", "broken", "empty",
        "unknown-type", "no-type", "type-a-list", "numbers", "unknown-curve", "off-the-curve",
    ],
)  # fmt: skip
async def test_an_odd_key_is_passed_over_and_spoils_no_other(
    known: keys.Keys, there: Plain, odd: dict[str, Any]
) -> None:
    there.keys.insert(0, odd)
    assert await known.find(ISSUER, "RS256", RSA.kid) is not None
    assert await known.find(ISSUER, "RS256", "odd") is None
    assert await known.find(ISSUER, "ES256", "odd") is None


async def test_keys_are_kept_for_max_age_and_then_fetched_again(
    known: keys.Keys, there: Plain, fake_clock: FakeClock
) -> None:
    for _ in range(5):
        await known.find(ISSUER, "RS256", RSA.kid)
        fake_clock.advance(MINUTE)
    assert there.hits.count(JWKS) == 1
    await known.find(ISSUER, "RS256", RSA.kid)
    assert there.hits.count(JWKS) == 2
    assert len(there.hits) == 3, "discovery is not repeated while it works"


async def test_a_removed_key_is_refused_after_max_age(known: keys.Keys, there: Plain, fake_clock: FakeClock) -> None:
    assert await known.find(ISSUER, "RS256", RSA.kid) is not None
    there.keys.clear()
    fake_clock.advance(timedelta(minutes=4, seconds=59))
    assert await known.find(ISSUER, "RS256", RSA.kid) is not None
    fake_clock.advance(timedelta(seconds=1))
    assert await known.find(ISSUER, "RS256", RSA.kid) is None


async def test_a_clock_set_back_does_not_keep_keys_alive(known: keys.Keys, there: Plain, fake_clock: FakeClock) -> None:
    await known.find(ISSUER, "RS256", RSA.kid)
    there.keys.clear()
    fake_clock.advance(-MINUTE)
    assert await known.find(ISSUER, "RS256", RSA.kid) is None


async def test_unknown_kids_ask_once_a_pause(known: keys.Keys, there: Plain, fake_clock: FakeClock) -> None:
    await known.find(ISSUER, "RS256", RSA.kid)
    for second in range(20):
        for number in range(50):
            assert await known.find(ISSUER, "RS256", f"kid-{second}-{number}") is None
        fake_clock.advance(timedelta(seconds=1))
    assert there.hits.count(JWKS) == 1 + 4


async def test_an_unknown_kid_right_after_the_first_fetch_asks_no_second_time(known: keys.Keys, there: Plain) -> None:
    assert await known.find(ISSUER, "RS256", "unknown") is None
    assert there.hits.count(JWKS) == 1


async def test_a_new_key_is_found_at_once(known: keys.Keys, there: Plain) -> None:
    await known.find(ISSUER, "RS256", RSA.kid)
    there.publish(EC)
    assert await known.find(ISSUER, "ES256", EC.kid) is not None
    assert there.hits.count(JWKS) == 2


async def test_a_hundred_callers_share_one_fetch(known: keys.Keys, there: Plain) -> None:
    there.gate = asyncio.Event()
    waiting = [asyncio.create_task(known.find(ISSUER, "RS256", RSA.kid)) for _ in range(100)]
    await wait_until(lambda: JWKS in there.hits, what="the fetch began")
    there.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert there.hits.count(JWKS) == 1


async def test_a_hundred_callers_with_a_new_kid_share_one_fetch(known: keys.Keys, there: Plain) -> None:
    await known.find(ISSUER, "RS256", RSA.kid)
    there.publish(EC)
    there.gate = asyncio.Event()
    waiting = [asyncio.create_task(known.find(ISSUER, "ES256", EC.kid)) for _ in range(100)]
    await wait_until(lambda: there.hits.count(JWKS) == 2, what="the second fetch began")
    there.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert there.hits.count(JWKS) == 2


async def test_an_issuer_that_is_away_is_tried_once_a_pause(
    known: keys.Keys, there: Plain, fake_clock: FakeClock
) -> None:
    there.status = 500
    for _ in range(10):
        with pytest.raises(errors.Unavailable) as away:
            await known.find(ISSUER, "RS256", RSA.kid)
        assert away.value.retry_after == 5
    assert there.hits.count(JWKS) == 1
    fake_clock.advance(timedelta(seconds=5))
    there.status = 200
    assert await known.find(ISSUER, "RS256", RSA.kid) is not None


async def test_an_issuer_that_moved_its_keys_is_found_again(
    known: keys.Keys, there: Plain, fake_clock: FakeClock
) -> None:
    await known.find(ISSUER, "RS256", RSA.kid)
    there.status = 404
    fake_clock.advance(timedelta(minutes=5))
    await known.find(ISSUER, "RS256", RSA.kid)
    there.status = 200
    fake_clock.advance(timedelta(seconds=5))
    await known.find(ISSUER, "RS256", RSA.kid)
    assert there.hits == [DISCOVERY, JWKS, JWKS, DISCOVERY, JWKS]


async def test_keys_outlive_an_outage_of_the_issuer_for_a_while(
    known: keys.Keys, there: Plain, fake_clock: FakeClock
) -> None:
    await known.find(ISSUER, "RS256", RSA.kid)
    there.status = 503
    fake_clock.advance(timedelta(minutes=14, seconds=59))
    assert await known.find(ISSUER, "RS256", RSA.kid) is not None
    with pytest.raises(errors.Unavailable):
        await known.find(ISSUER, "RS256", "unknown")
    fake_clock.advance(timedelta(seconds=1))
    with pytest.raises(errors.Unavailable):
        await known.find(ISSUER, "RS256", RSA.kid)
    there.status = 200
    fake_clock.advance(timedelta(seconds=5))
    assert await known.find(ISSUER, "RS256", RSA.kid) is not None


async def test_an_issuer_that_does_not_answer_is_given_up(there: Plain, fake_clock: FakeClock) -> None:
    there.gate = asyncio.Event()
    async with there.client() as http:
        impatient = keys.Keys(http, fake_clock, timeout=timedelta(milliseconds=50))
        with pytest.raises(errors.Unavailable):
            await impatient.find(ISSUER, "RS256", RSA.kid)
        await impatient.aclose()


async def test_what_is_not_a_key_set_is_no_answer(
    known: keys.Keys, there: Plain, fake_clock: FakeClock, subtests: pytest.Subtests
) -> None:
    bodies = [b"", b"[]", b'{"keys": 1}', b'{"keys": [1]}', b"<html>", b'{"keys": ' + b" " * 300_000 + b"[]}"]
    for body in bodies:
        with subtests.test(repr(body[:12])):
            there.body = body
            fake_clock.advance(MINUTE)
            with pytest.raises(errors.Unavailable):
                await known.find(ISSUER, "RS256", RSA.kid)


async def test_no_redirect_is_followed(known: keys.Keys, there: Plain) -> None:
    there.moves_keys_to = "https://elsewhere.example/jwks"
    with pytest.raises(errors.Unavailable):
        await known.find(ISSUER, "RS256", RSA.kid)


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed(known: keys.Keys, there: Plain) -> None:
    there.calls_itself = "https://other.example"
    with pytest.raises(errors.Unavailable):
        await known.find(ISSUER, "RS256", RSA.kid)
    assert JWKS not in there.hits


async def test_an_address_that_is_none_is_away(published: keys.Keys) -> None:
    for nonsense in ("nonsense", "http://", "http://[", "ftp://127.0.0.1/", "http://127.0.0.1:1"):
        with pytest.raises(errors.Unavailable):
            await published.find(nonsense, "RS256", RSA.kid)


async def test_the_local_issuer_over_loopback(published: keys.Keys, live: issuer.Issuer) -> None:
    live.user_token("demo", "ada")
    assert await published.find(live.issuer_of("demo"), "RS256", None) is not None
    assert live.hits == {"demo/discovery": 1, "demo/certs": 1}
