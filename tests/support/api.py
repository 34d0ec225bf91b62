"""The HTTP application in this process, with a client for every caller of the local realms; every answer is held
against the OpenAPI document.
"""

import asyncio
import json
import re
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any

import httpx
import jsonschema_rs
from fastapi import FastAPI
from pydantic import SecretStr

from api import app as applications
from api import context
from broker import assembly
from broker.rabbit import topology
from core.clock import Clock, system_clock
from core.settings import Settings
from core.tenant import Tenant
from deploy.local import issuer
from deploy.local.issuer_realms import PEOPLE
from store import indexes
from tests.support.keycloaks import Issuer
from tests.support.waiting import wait_until

REALMS = ("core", "demo", "acme")
QUEUE = "/api/v1/queues/intake/strike-reports"
BINDINGS = {"submitters": [], "workers": ["reviewer"], "assigners": ["supervisor"], "readers": []}


@contextmanager
def issuing() -> Generator[issuer.Issuer]:
    """The local issuer in a thread of its own, so that one serves the loops of many tests."""
    started: list[issuer.Issuer] = []
    up, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        async with issuer.start_issuer() as running:
            for realm in REALMS:
                running.sign(realm, {})
            started.append(running)
            loops.append(asyncio.get_running_loop())
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="issuer")
    thread.start()
    try:
        assert up.wait(30), "the issuer did not start"
        yield started[0]
    finally:
        for loop in loops:
            loop.call_soon_threadsafe(stop.set)
        thread.join()


class Documented(httpx.AsyncBaseTransport):
    """Passes requests on; fails where an answer is not as the OpenAPI document says."""

    def __init__(self, inner: httpx.AsyncBaseTransport, document: dict[str, Any]) -> None:
        self._inner = inner
        self._document = document
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        self._operations = [
            (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        await response.aread()
        operation = self._operation(request)
        if operation is not None:
            self._check(request, response, operation)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        found = (
            o for method, path, o in self._operations if method == request.method and path.fullmatch(request.url.path)
        )
        return next(found, None)

    def _check(self, request: httpx.Request, response: httpx.Response, operation: dict[str, Any]) -> None:
        where = f"{request.method} {request.url.path} -> {response.status_code}"
        described = operation["responses"].get(str(response.status_code))
        assert described is not None, f"{where} is not documented: {response.text}"
        content = described.get("content")
        if content is None:
            assert not response.content, f"{where} has a body"
            return
        media_type = response.headers["content-type"]
        media_type = media_type if media_type in content else media_type.partition(";")[0]
        assert media_type in content, f"{where} is {media_type}"
        schema = content[media_type].get("schema")
        if schema:
            fault = next(self._validator(schema).iter_errors(response.json()), None)
            assert fault is None, f"{where}: {fault}"

    def _validator(self, schema: dict[str, Any]) -> jsonschema_rs.Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.validator_for(schema | {"components": self._document["components"]})
        return self._validators[key]


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, which is the same for all applications and takes 0.2 s to make."""
    return applications.build(settings("mongodb://x", "amqp://x", "http://x", "x")).openapi()


class Api:
    """One application and its callers: `api("wim").get(...)`, `api("ada", "acme")`, `api("root")`, `api(None)`."""

    def __init__(self, app: FastAPI, tokens: Issuer) -> None:
        self.app = app
        self.tokens = tokens
        self._transport = Documented(httpx.ASGITransport(app), document())
        self._clients: dict[tuple[str | None, str], httpx.AsyncClient] = {}

    @property
    def parts(self) -> assembly.Parts:
        """What the application works with."""
        here: context.Context = self.app.state.context
        return here.parts

    def __call__(self, user: str | None, realm: str = "demo") -> httpx.AsyncClient:
        """The client of a caller; None has no token."""
        if (user, realm) not in self._clients:
            token = None if user is None else self.token(user, realm)
            self._clients[user, realm] = self.client(token)
        return self._clients[user, realm]

    def client(self, token: str | None) -> httpx.AsyncClient:
        """A client with any token whatever."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=self._transport, base_url="http://penstock.test", headers=headers)

    def token(self, user: str, realm: str = "demo") -> str:
        """A caller's access token."""
        if user == "intake":
            return self.tokens.service_token(realm, user)
        return self.tokens.user_token("core" if user == "root" else realm, user)


def settings(mongodb_url: str, rabbitmq_url: str, auth_url: str, name: str, **more: Any) -> Settings:
    """Settings of an application that has its database and its RabbitMQ names for itself."""
    secret = SecretStr(PEOPLE.client_id)
    usual: dict[str, Any] = {"people_client_id": PEOPLE.client_id, "people_client_secret": secret}
    return Settings(
        environment="local",
        mongodb_url=SecretStr(mongodb_url),
        mongodb_database=name,
        rabbitmq_url=SecretStr(rabbitmq_url),
        auth_url=auth_url,
        broker_prefix=name,
        **(usual | more),
    )


@asynccontextmanager
async def serving(chosen: Settings, tokens: Issuer, *, clock: Clock = system_clock) -> AsyncGenerator[Api]:
    """An application that is ready, its tenants registered."""
    app = applications.build(chosen, clock=clock)
    async with app.router.lifespan_context(app):
        api = Api(app, tokens)
        await ready(api)
        yield api


async def ready(api: Api) -> None:
    """Register the tenants of an application and wait until all of it works."""
    record, broker = api.parts.record, api.parts.broker
    await indexes.ensure(record.database)
    for realm in ("demo", "acme"):
        if await record.tenants.get(realm) is None:
            made = Tenant(id=realm, issuer=api.tokens.issuer_of(realm), created_at=system_clock(), version=1)
            await record.tenants.insert(made)
    await wait_until(lambda: record.tenants.get("core"), what="the operators' tenant")
    await wait_until(lambda: broker.publishing.connected and broker.consuming.connected, what="RabbitMQ")
    await broker.publisher.ready()
    await broker.consumer.ready()


async def drop_lanes(parts: assembly.Parts) -> None:
    """Remove what the test's queues have in RabbitMQ."""
    for queue in await parts.record.queues.every():
        await parts.broker.lanes.drop(topology.lane(parts.settings.broker_prefix, queue.tenant, queue.lane))


async def make_queue(client: httpx.AsyncClient, path: str = QUEUE, **body: Any) -> dict[str, Any]:
    """A queue with the usual bindings."""
    answer = await client.put(path, json={"bindings": BINDINGS} | body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def submit(client: httpx.AsyncClient, path: str = QUEUE, **body: Any) -> dict[str, Any]:
    """A task, accepted."""
    answer = await client.post(f"{path}/tasks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def claim(client: httpx.AsyncClient, path: str = QUEUE, **body: Any) -> list[dict[str, Any]]:
    """What a claim gives."""
    answer = await client.post(f"{path}/claims", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["tasks"]


def code(answer: httpx.Response) -> str:
    """The code of a problem; fails where the answer is none."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return problem["type"].removeprefix("urn:penstock:problem:")


def fields(answer: httpx.Response) -> list[str]:
    """The fields that a problem names."""
    return [each["field"] for each in answer.json().get("errors", [])]


async def somebody_waits(api: Api, *, count: int = 1) -> None:
    """Return when so many claims wait for a task."""
    await wait_until(lambda: api.parts.broker.consumer.waiters >= count, what="somebody to wait for a task")


async def nobody_waits(api: Api) -> None:
    """Return when no claim waits for a task any more."""
    await wait_until(lambda: not api.parts.broker.consumer.waiters, what="nobody to wait for a task")


def decode(body: bytes) -> Any:
    """The JSON of a body."""
    return json.loads(body)
