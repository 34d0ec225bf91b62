"""A stack that is measured: an API and an engine over servers that others use too, and the work that it is given."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local import children, issuer, ports
from tests.bench.scale import memory

BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
OPEN = 2_000
"""Open tasks in the measured queue of either stack."""


class Stack:
    """An API and an engine of one database, started and ended at will."""

    def __init__(self, name: str, mongodb: str, rabbitmq: str, tokens: issuer.Issuer, home: Path) -> None:
        self.name = name
        self.mongodb = mongodb
        self._env = {
            "PENSTOCK_ENVIRONMENT": "local",
            "PENSTOCK_AUTH_URL": tokens.url,
            "PENSTOCK_MONGODB_URL": mongodb,
            "PENSTOCK_MONGODB_DATABASE": name,
            "PENSTOCK_RABBITMQ_URL": rabbitmq,
            "PENSTOCK_BROKER_PREFIX": name,
        }
        self._home = home / name
        self._running: dict[str, children.Child] = {}
        self.url = ""
        self.people = {who: tokens.user_token("demo", who) for who in ("ada", "sub", "wim")}

    async def api(self) -> float:
        """Start the API; seconds until it says that it is ready."""
        port = ports.free()
        self.url = f"http://{ports.LOOPBACK}:{port}"
        flags = ("--factory", "--port", str(port), "--log-level", "warning", "--no-access-log")
        argv = (sys.executable, "-m", "uvicorn", "api.app:create_app", *flags)
        return await self._start("api", argv, {}, self._ready)

    async def engine(self, **settings: str) -> float:
        """Start the engine; seconds until it works, which its probe tells."""
        port = ports.free()
        env = {"PENSTOCK_ENGINE_PORT": str(port), **settings}
        self._probe = f"http://{ports.LOOPBACK}:{port}"
        return await self._start("engine", (sys.executable, "-m", "broker", "engine"), env, self._works)

    async def end(self, *roles: str) -> None:
        """Stop these processes."""
        for role in roles:
            if (child := self._running.pop(role, None)) is not None:
                await children.stop(child)

    def memory(self, role: str) -> float:
        """Megabytes of a process."""
        return memory(self._running[role].pid) / 2**20

    async def call(self, who: str, method: str, path: str, **more: Any) -> Any:
        """The JSON of an answer that is a success."""
        login = {"Authorization": f"Bearer {self.people[who]}"}
        answer = await self.http.request(method, f"{self.url}/api/v1{path}", headers=login, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Both processes, and a client."""
        async with httpx.AsyncClient(timeout=60, trust_env=False) as self.http:
            try:
                await self.api()
                await self.engine()
                yield
            finally:
                await self.end("engine", "api")

    async def _start(
        self, role: str, argv: tuple[str, ...], env: dict[str, str], ready: Callable[[], Awaitable[None]]
    ) -> float:
        command = children.Command(argv=argv, env={**self._env, **env})
        service = children.Service(role=role, home=self._home, command=lambda: command, ready=ready)
        began = time.perf_counter()
        self._running[role] = await children.start(service)
        return time.perf_counter() - began

    async def _ready(self) -> None:
        await self._answers(f"{self.url}/health/ready")

    async def _works(self) -> None:
        await self._answers(f"{self._probe}/health/ready")

    async def _answers(self, url: str) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await self.http.get(url)).is_success:
                    return
            await asyncio.sleep(0.01)


async def furnish(stack: Stack, rounds: int) -> None:
    """The measured queues with their open tasks."""
    for name in ("q0", "claims"):
        await stack.call("ada", "PUT", f"/queues/growth/{name}", json={"bindings": BINDINGS})
    for name, count in (("q0", OPEN), ("claims", 30 * rounds)):
        for _ in range(0, count, 100):
            tasks = [{"name": "kept", "recordId": f"r-{n}", "params": {"n": n}} for n in range(100)]
            await stack.call("sub", "POST", f"/queues/growth/{name}/tasks/batch", json={"tasks": tasks})
