"""HTTP push: how many tasks a second go to a target and end by its answer, and how soon a task reaches an idle one."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.bench.load import Load
from tests.bench.ours import PAYLOAD, Ours
from tests.support.waiting import wait_until

CONCURRENCY = 32
_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'


class _Target(asyncio.Protocol):
    """A connection of a target that answers at once, and notes when which task came."""

    def __init__(self, came: list[tuple[float, float]]) -> None:
        self._came = came
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            task = json.loads(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._came.append((time.perf_counter(), float(task["params"].get("at", 0.0))))
            self._transport.write(_ANSWER)


@asynccontextmanager
async def listening() -> AsyncGenerator[tuple[str, list[tuple[float, float]]]]:
    """A target on loopback: its address, and when it was sent what."""
    came: list[tuple[float, float]] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Target(came), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}", came
    finally:
        server.close()


async def measure(bench: Ours, *, count: int, single: int) -> tuple[float, list[float]]:
    """Tasks a second from the first submit to the last answer, of `count`; and milliseconds of `single` alone."""
    path = await bench.queue()
    async with listening() as (url, came):
        allowed = await bench.ada.call("PATCH", "/tenants/demo", {"httpTargets": {"allow": [url]}})
        assert allowed.is_success, allowed.text
        target = {"kind": "http", "url": f"{url}/x", "options": {"concurrency": CONCURRENCY, "timeoutSeconds": 10}}
        await bench.ada.put(
            "/definitions/bench-push", {"queue": path.removeprefix("/queues/").replace("/", ":"), "target": target}
        )
        await _sent(bench, path, 200)
        await wait_until(lambda: len(came) >= 200, what="the first pushes", timeout=60)
        began, before = time.perf_counter(), len(came)
        await _sent(bench, path, count)
        await wait_until(lambda: len(came) >= before + count, what="all pushes", timeout=120)
        rate = count / (time.perf_counter() - began)
        came.clear()
        async with bench.load(bench.sub, 1) as load:
            for number in range(single):
                body = {"definition": "bench-push", "params": {"at": time.perf_counter()}}
                await load.connections[0].send(load.request("POST", f"{path}/tasks", body))
                await wait_until(lambda number=number: len(came) > number, what="a push", timeout=60, every=0.001)
        return rate, [(at - submitted) * 1000 for at, submitted in came]


async def _sent(bench: Ours, path: str, count: int) -> None:
    async with bench.load(bench.sub, 2) as load:
        await load.each([_batch(load, path)] * (count // 100))


def _batch(load: Load, path: str) -> bytes:
    return load.request(
        "POST", f"{path}/tasks/batch", {"tasks": [{"definition": "bench-push", "params": PAYLOAD}] * 100}
    )
