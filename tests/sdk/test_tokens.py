"""Tokens from the local issuer by every grant, renewed in time, asked for once whoever waits."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from penstock import ClientCredentials, ConnectionLost, Password, RefreshToken, StaticToken, TokenRefused, tokens

from deploy.local import issuer
from tests.sdk import wire


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def demo(tokens: issuer.Issuer) -> str:
    return tokens.issuer_of("demo")


def password(demo: str, **more: str) -> Password:
    return Password(**{"issuer": demo, "client_id": "penstock-cli", "username": "wim", "password": "wim"} | more)


async def test_a_persons_password_gives_a_token_and_its_end(http: httpx.AsyncClient, demo: str) -> None:
    grant = await password(demo).fetch(http, None)
    assert grant.refresh_token is not None
    assert grant.expires_at is not None
    assert grant.renew_at is not None
    assert time.time() < grant.renew_at < grant.expires_at


async def test_a_program_has_its_own_account(http: httpx.AsyncClient, demo: str) -> None:
    provider = ClientCredentials(issuer=demo, client_id="intake", client_secret="intake")
    assert (await provider.fetch(http, None)).refresh_token is None


async def test_the_session_is_used_before_the_password(
    http: httpx.AsyncClient, demo: str, tokens: issuer.Issuer
) -> None:
    provider = password(demo)
    first = await provider.fetch(http, None)
    moved = Password(issuer=demo, client_id="penstock-cli", username="wim", password="changed since")
    assert (await moved.fetch(http, first)).access_token != first.access_token
    spoiled = tokens_of("nonsense")
    with pytest.raises(TokenRefused):
        await moved.fetch(http, spoiled)
    assert (await provider.fetch(http, spoiled)).refresh_token != "nonsense"


def tokens_of(refresh: str) -> tokens.Grant:
    return tokens.Grant(access_token="old", refresh_token=refresh)


async def test_a_session_goes_on_and_says_what_it_was_given(http: httpx.AsyncClient, demo: str) -> None:
    begun = await password(demo).fetch(http, None)
    told: list[tokens.Grant] = []
    provider = RefreshToken(
        issuer=demo,
        client_id="penstock-cli",
        refresh_token=begun.refresh_token or "",
        on_grant=told.append,
        first=begun,
    )
    keeper = tokens.TokenKeeper(provider)
    assert await keeper.token(http) == begun.access_token
    assert keeper.refuse(begun.access_token)
    renewed = await keeper.token(http)
    assert renewed != begun.access_token
    assert [grant.access_token for grant in told] == [renewed]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "Invalid user credentials"),
        ({"client_id": "nobody"}, "Invalid client"),
    ],
)
async def test_a_refusal_says_why(http: httpx.AsyncClient, demo: str, changes: dict[str, str], words: str) -> None:
    with pytest.raises(TokenRefused, match=words):
        await password(demo, **changes).fetch(http, None)


async def test_an_issuer_that_is_away_is_no_refusal(http: httpx.AsyncClient) -> None:
    with pytest.raises(ConnectionLost) as lost:
        await password("http://127.0.0.1:1").fetch(http, None)
    assert not lost.value.sent
    async with wire.answering(lambda asked, n: wire.answer({}, 503)) as server:
        with pytest.raises(ConnectionLost):
            await password(server.url).fetch(http, None)


async def test_what_is_no_issuer_gets_no_password(http: httpx.AsyncClient) -> None:
    async with wire.answering(lambda asked, n: wire.answer({"hello": 1})) as server:
        with pytest.raises(TokenRefused, match="is not an OpenID discovery document"):
            await password(server.url).fetch(http, None)
    other = {"issuer": "https://elsewhere.example", "token_endpoint": "https://elsewhere.example/token"}
    async with wire.answering(lambda asked, n: wire.answer(other)) as server:
        with pytest.raises(TokenRefused, match="speaks for another issuer"):
            await password(server.url).fetch(http, None)
    assert [asked.method for asked in server.asked] == ["GET"]


async def test_many_who_wait_ask_once(http: httpx.AsyncClient) -> None:
    asked = 0

    async def slowly() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return f"token{asked}"

    keeper = tokens.TokenKeeper(StaticToken(slowly))
    assert set(await asyncio.gather(*[keeper.token(http) for _ in range(50)])) == {"token1"}


async def test_a_token_is_renewed_before_it_ends(http: httpx.AsyncClient) -> None:
    now = time.time()
    assert tokens.Grant(access_token="x", renew_at=now + 1).fresh(now)
    assert not tokens.Grant(access_token="x", renew_at=now).fresh(now)
    stale = StaticToken(lambda: str(time.time_ns()), seconds=0)
    keeper = tokens.TokenKeeper(stale)
    assert await keeper.token(http) != await keeper.token(http)


def test_secrets_do_not_show() -> None:
    shown = repr(password("https://id.example")) + repr(StaticToken("abc")) + repr(tokens.Grant(access_token="abc"))
    assert "wim'" not in shown.replace("username='wim'", "")
    assert "abc" not in shown
