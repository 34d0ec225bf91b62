"""Outbound calls: connected to exactly what was resolved, so a name that changes its address gains nothing."""

from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.responses import Response

from broker.outbound import Blocked, Call, Outbound, Unreachable
from tests.support import target as targets


async def _hello(_: Request) -> Response:
    return Response(b"hello")


def call(url: str) -> Call:
    """A plain GET."""
    return Call(method="GET", url=url, headers={}, body=b"", timeout=5)


async def test_a_name_that_changes_between_check_and_use_reaches_nothing_private() -> None:
    """The only look-up is the one that is connected by; a second answer is never asked for."""
    async with targets.listening(_hello) as private:
        port = private.url.rpartition(":")[2]
        answers = iter([["203.0.113.7"], ["127.0.0.1"]])
        asked: list[str] = []

        async def resolver(host: str, _: int) -> Sequence[str]:
            asked.append(host)
            return next(answers)

        outbound = Outbound(resolver=resolver)
        for refusal in (Blocked, Blocked):
            with pytest.raises(refusal):
                await outbound.send("demo", call(f"http://rebind.example:{port}/"))
        assert asked == ["rebind.example", "rebind.example"]
        assert private.bodies == []
        await outbound.aclose()


async def test_among_many_addresses_only_the_public_count() -> None:
    async def resolver(_: str, __: int) -> Sequence[str]:
        return ["127.0.0.1", "::1", "169.254.169.254", "::ffff:10.0.0.1"]

    outbound = Outbound(resolver=resolver)
    with pytest.raises(Blocked):
        await outbound.send("demo", call("http://metadata.example/latest"))
    await outbound.aclose()


async def test_connections_to_allowed_addresses_serve_no_other_call() -> None:
    """A kept connection to a private address is not taken for a path that is not allowed, nor for another tenant."""
    async with targets.listening(_hello) as private:
        outbound = Outbound()
        allowed = [f"{private.url}/open"]
        answer = await outbound.send("demo", call(f"{private.url}/open"), allowed=allowed)
        assert (answer.status, answer.body, answer.cut) == (200, b"hello", False)
        for tenant, path, list_of_it in (("demo", "/admin", allowed), ("acme", "/open", [])):
            with pytest.raises(Blocked):
                await outbound.send(tenant, call(f"{private.url}{path}"), allowed=list_of_it)
        assert len(private.bodies) == 1
        await outbound.aclose()


async def test_a_name_that_is_not_known_is_unreachable() -> None:
    async def resolver(_: str, __: int) -> Sequence[str]:
        raise OSError("unknown host")

    outbound = Outbound(resolver=resolver)
    with pytest.raises(Unreachable):
        await outbound.send("demo", call("http://nowhere.example/"))
    await outbound.aclose()
