"""What could not be beaten on this machine: raw inserts, and a FastAPI endpoint that only authenticates and parses."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import joserfc.jwk
import joserfc.jwt
from cachetools import TTLCache
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from pymongo import AsyncMongoClient, WriteConcern

from deploy.local import home as homes
from deploy.local import ports
from tests.bench.load import Load
from tests.support.waiting import wait_until

PAYLOAD = {"applicant": "x" * 200, "number": 4711}


class Parsed(BaseModel):
    """As much of a task as anybody would check."""

    name: str
    params: dict[str, Any]
    priority: str = "normal"


def create_app() -> FastAPI:
    """The endpoint. A token's signature is checked once a minute, as ours is."""
    app = FastAPI()
    known: TTLCache[str, dict[str, Any]] = TTLCache(1000, 60)
    keys: list[joserfc.jwk.KeySet] = []

    async def caller(request: Request) -> dict[str, Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in known:
            if not keys:
                async with httpx.AsyncClient(timeout=60) as http:
                    url = f"{request.headers['x-issuer']}/protocol/openid-connect/certs"
                    keys.append(joserfc.jwk.KeySet.import_key_set((await http.get(url)).json()))
            try:
                known[token] = joserfc.jwt.decode(token, keys[0]).claims
            except ValueError as broken:
                raise HTTPException(401) from broken
        return known[token]

    @app.post("/tasks", status_code=201)
    async def submit(body: Parsed, who: Annotated[dict[str, Any], Depends(caller)]) -> dict[str, Any]:
        return {"name": body.name, "by": who["sub"]}

    return app


@asynccontextmanager
async def serving() -> AsyncGenerator[str]:
    """The endpoint in a process of its own, as the API runs; its address."""
    port = ports.free()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "tests.bench.limits:create_app", "--factory", "--port", str(port)),
        *("--log-level", "warning", "--no-access-log"),
        cwd=homes.ROOT,
    )
    url = f"http://{ports.LOOPBACK}:{port}"

    async def up() -> bool:
        async with httpx.AsyncClient() as http:
            try:
                return (await http.get(f"{url}/docs")).status_code == 200
            except httpx.TransportError:
                return False

    try:
        await wait_until(up, what="the endpoint")
        yield url
    finally:
        process.terminate()
        await process.wait()


async def endpoint(url: str, token: str, issuer: str, *, clients: int, count: int) -> float:
    """Requests a second."""
    async with Load(url, token, clients, headers={"X-Issuer": issuer}) as load:
        request = load.request("POST", "!/tasks", {"name": "x", "params": PAYLOAD})
        await load.connections[0].send(request)
        await load.each([request] * 100)
        return count / await load.each([request] * count)


async def inserts(mongodb: str, *, size: int, clients: int, count: int) -> float:
    """Documents a second by `insert_many`, with our durability and no index but `_id`."""
    async with AsyncMongoClient[dict[str, Any]](mongodb) as client:
        collection = client["bench"].get_collection("raw", write_concern=WriteConcern(w="majority", j=True))
        left = iter(range(count // size))
        document = {
            "tenant": "demo", "queue": "bench:raw", "state": "ready", "params": PAYLOAD, "name": "batch",
            "place": "2-0000000000000-x", "createdBy": {"id": "s" * 36, "name": "sub"}, "attempt": 0,
        }  # fmt: skip

        async def insert() -> None:
            for _ in left:
                await collection.insert_many([dict(document) for _ in range(size)], ordered=False)

        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*[insert() for _ in range(clients)])
        took = loop.time() - began
        await collection.drop()
    return count / took
