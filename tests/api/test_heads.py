"""Heads that are too long or too slow end their connections; all others are read as ever."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from api import heads
from api.corked import Protocol

_LIMIT = 60


class Impatient(Protocol):
    """Waits less."""

    seconds = 0.2


@asynccontextmanager
async def connected(
    kind: type[heads.Heads], *, keep_alive: int = 5
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that greets whoever asks."""
    config = uvicorn.Config(PlainTextResponse("hello"), log_config=None, timeout_keep_alive=keep_alive)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()
            await asyncio.wait_for(asyncio.gather(writer.wait_closed(), return_exceptions=True), _LIMIT)


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of what comes until the connection ends."""
    head, _, body = (await asyncio.wait_for(reader.read(), _LIMIT)).partition(b"\r\n\r\n")
    return int(head[9:12]), body


async def greeted(reader: asyncio.StreamReader) -> bool:
    """Whether one greeting comes."""
    told = await asyncio.wait_for(reader.readuntil(b"hello"), _LIMIT)
    return told.startswith(b"HTTP/1.1 200 ")


async def test_a_head_without_end_is_refused_and_the_connection_closed() -> None:
    async with connected(Protocol) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for _ in range(heads.MOST // 1000 + 1):
            writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        status, body = await answered(reader)
    problem = msgspec.json.decode(body)
    assert (status, problem["status"], problem["type"]) == (431, 431, "urn:penstock:problem:head-too-large")


async def test_a_head_that_stops_coming_is_not_waited_for() -> None:
    async with connected(Impatient) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await greeted(reader)
        writer.write(b"GET / HTTP/1.1\r\nHost")
        status, body = await answered(reader)
    assert (status, msgspec.json.decode(body)["type"]) == (408, "urn:penstock:problem:too-slow")


async def test_who_never_says_anything_is_not_waited_for() -> None:
    async with connected(Protocol, keep_alive=0) as (reader, _):
        assert await asyncio.wait_for(reader.read(), _LIMIT) == b""


async def test_heads_in_pieces_and_one_after_another_are_read() -> None:
    async with connected(Protocol) as (reader, writer):
        for _ in range(3):
            for piece in (b"GET / HT", b"TP/1.1\r\nHo", b"st: x\r\nX-Long: " + b"x" * 30_000, b"\r\n\r", b"\n"):
                writer.write(piece)
                await writer.drain()
            assert await greeted(reader)
        # A body is none of a head's, however long.
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
        assert await greeted(reader)
