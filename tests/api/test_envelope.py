"""What surrounds every request: ids, traces, headers, measures, the answer to a bug, and what is logged of it."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from api import app as applications
from api import guards, middleware, routing
from core import errors, logs
from core.settings import Settings
from tests.support import api as support
from tests.support.api import Api
from tests.support.keycloaks import Issuer

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_request_has_an_id_that_is_everywhere(api: Api) -> None:
    given = await api("ada").get("/api/v1/tasks/none", headers={"X-Request-Id": "abc-1.2_3"})
    assert given.headers["x-request-id"] == given.json()["requestId"] == "abc-1.2_3"
    assert given.json()["instance"] == "/api/v1/tasks/none"
    made = [(await api("ada").get("/api/v1/me")).headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    wild = await api("ada").get("/api/v1/me", headers={"X-Request-Id": "a b\tc"})
    assert wild.headers["x-request-id"] != "a b\tc"


async def test_answers_are_neither_kept_nor_guessed_at(api: Api) -> None:
    answer = await api("ada").get("/api/v1/me")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert (answer.headers["x-frame-options"], answer.headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert "strict-transport-security" not in answer.headers, "only in production: there it is behind HTTPS"


async def test_pages_of_other_origins_call_us_only_where_they_are_listed(settings: Settings, tokens: Issuer) -> None:
    listed = settings.model_copy(update={"cors_origins": "https://tasks.example, https://other.example"})
    async with support.serving(listed, tokens) as api:
        for origin, allowed in (("https://other.example", True), ("https://evil.example", False)):
            answer = await api("ada").get("/api/v1/me", headers={"Origin": origin})
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
    async with support.serving(settings, tokens) as api:
        answer = await api("ada").get("/api/v1/me", headers={"Origin": "https://tasks.example"})
        assert "access-control-allow-origin" not in answer.headers


async def test_a_body_that_stops_coming_is_not_waited_for() -> None:
    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        await receive()

    parts: list[Message] = [{"type": "http.request", "body": b"a", "more_body": True}]
    stuck = asyncio.Event()

    async def receive() -> Message:
        if parts:
            return parts.pop(0)
        await stuck.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None: ...

    limit = middleware.BodyLimit(app, most=100, longer={}, patience=0.05)
    scope: Scope = {"type": "http", "path": "/x", "headers": []}
    with pytest.raises(errors.TooSlow):
        await limit(scope, receive, send)
    parts.append({"type": "http.request", "body": b"a", "more_body": False})
    waiting = asyncio.create_task(limit(scope, receive, send))
    await asyncio.wait([waiting], timeout=0.2)
    assert not waiting.done(), "whoever sent its body may wait for ever"
    stuck.set()
    await waiting


async def test_requests_are_measured_by_route(api: Api, queue: str) -> None:
    await support.submit(api("sub"))
    await api("ada").get("/api/v1/tasks/none")
    await api("ada").get("/nowhere/at/all")
    await api("ada").request("BREW", "/api/v1/me")
    text = (await api(None).get("/metrics")).text
    for line in (
        'method="POST",route="/api/v1/queues/{namespace}/{name}/tasks",status="201"} 1.0',
        'method="GET",route="/api/v1/tasks/{task_id}",status="404"} 1.0',
        'method="GET",route="unknown",status="404"} 1.0',
        'method="other",',
    ):
        assert f"penstock_http_requests_total{{{line}" in text
    assert 'penstock_http_request_seconds_count{method="POST"' in text


async def test_health(api: Api) -> None:
    assert (await api(None).get("/health/live")).json() == {"status": "live"}
    ready = await api(None).get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


class Bug(Exception):
    """Something that nobody foresaw."""


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What is logged meanwhile."""
    with structlog.testing.capture_logs(processors=[logs.about]) as captured:
        yield captured  # pyright: ignore[reportReturnType]


async def test_a_bug_says_nothing_of_itself_but_in_the_log(settings: Settings, lines: list[dict[str, Any]]) -> None:
    app = applications.build(settings)

    async def bug() -> None:
        raise Bug("secret of the house")

    app.router.routes.insert(0, routing.Plain("/bug", bug))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://penstock.test") as client:
        answer = await client.get("/bug", headers={"traceparent": TRACE, "X-Request-Id": "r-1"})
    assert (answer.status_code, support.code(answer), answer.json()["requestId"]) == (500, "internal", "r-1")
    assert "secret" not in answer.text
    (line,) = [line for line in lines if line["event"] == "request failed"]
    assert (line["request_id"], line["trace_id"], line["path"]) == ("r-1", TRACE.split("-")[1], "/bug")


async def test_a_line_about_a_task_says_whose_it_is_and_which_attempt(
    api: Api, queue: str, lines: list[dict[str, Any]]
) -> None:
    async def bug(at: guards.WorkingOn) -> None:
        raise Bug(at.task.id)

    group = routing.router("bugs")
    group.add_api_route("/tasks/{task_id}/bug", bug, methods=["POST"])
    api.app.router.routes[:0] = group.routes
    made = await support.submit(api("sub"), queue)
    await support.claim(api("wim"), queue)
    # Not through the client that holds every answer against the document: this route is not in it.
    transport, login = httpx.ASGITransport(api.app), {"Authorization": f"Bearer {api.token('wim', 'demo')}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test", headers=login) as client:
        answer = await client.post(f"/api/v1/tasks/{made['id']}/bug")
    assert answer.status_code == 500
    (line,) = [line for line in lines if line["event"] == "request failed"]
    assert (line["tenant"], line["task"], line["attempt"]) == ("demo", made["id"], 1)
    task = await api.parts.record.tasks.get("demo", made["id"])
    assert task is not None
    assert logs.of(task) == {"tenant": "demo", "task": made["id"], "attempt": 1}


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("detail", "got Bearer abc.def-1", "got [hidden]"),
        ("detail", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln", "[hidden]"),
        ("url", "amqp://guest:secret@host/vhost", "amqp://[hidden]@host/vhost"),
        ("authorization", "anything", "[hidden]"),
        ("access_token", "anything", "[hidden]"),
        ("task", "019c1a3e-7a10", "019c1a3e-7a10"),
        ("count", 3, 3),
    ],
)
def test_no_line_holds_a_secret(field: str, value: object, shown: object) -> None:
    assert logs.hide(None, "info", {field: value}) == {field: shown}


def test_lines_are_json_whoever_logs(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level, configured = root.handlers[:], root.level, structlog.get_config()
    try:
        logs.configure(settings)
        structlog.get_logger("ours").warning("said", who="a Bearer x.y.z")
        logging.getLogger("uvicorn.error").error("theirs %s", 1)
        assert not logging.getLogger("uvicorn.access").hasHandlers(), "uvicorn would log every call"
    finally:
        root.handlers = before
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.configure(**configured)
    ours, theirs = [msgspec.json.decode(line) for line in capfd.readouterr().err.splitlines()]
    assert (ours["event"], ours["level"], ours["logger"], ours["who"]) == ("said", "warning", "ours", "a [hidden]")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("theirs 1", "error", "uvicorn.error")
