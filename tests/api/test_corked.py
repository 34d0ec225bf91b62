"""Head and body leave together; whatever leaves alone leaves at once; and HTTP is as it was."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.corked import Corked
from tests.support import serving

_GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n"


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.written.append(b"closed")


async def test_two_parts_leave_in_one_write_and_one_alone_with_the_turn() -> None:
    wire = _Wire()
    corked = Corked(wire, asyncio.get_running_loop())
    corked.write(b"head ")
    corked.write(b"body")
    assert wire.written == [b"head body"]
    corked.write(b"alone")
    corked.write(b"")
    await asyncio.sleep(0)
    assert wire.written == [b"head body", b"alone"]
    corked.write(b"last")
    corked.close()
    await asyncio.sleep(0)
    assert wire.written == [b"head body", b"alone", b"last", b"closed"]


async def test_answers_are_whole_one_after_the_other_and_streams_begin_at_once() -> None:
    go_on = asyncio.Event()
    app = FastAPI()

    @app.get("/{name}")
    async def answer(name: str, request: Request) -> Response:
        del request
        return Response(name.encode() * 3) if name != "none" else Response(status_code=204)

    @app.get("/slow/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            await go_on.wait()
            yield b"second"

        return StreamingResponse(parts())

    async with serving.listening(app) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        # Pipelined: the second comes in while the first is answered.
        writer.write(_GET % (b"one", b"") + _GET % (b"none", b"") + _GET % (b"two", b""))
        said = await reader.readuntil(b"oneoneone")
        assert said.startswith(b"HTTP/1.1 200")
        said = await reader.readuntil(b"\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 204")
        assert (await reader.readuntil(b"twotwotwo")).startswith(b"HTTP/1.1 200")
        writer.write(_GET % (b"slow/stream", b"Connection: close\r\n"))
        await reader.readuntil(b"first\r\n")
        go_on.set()
        assert (await reader.read()).endswith(b"second\r\n0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
