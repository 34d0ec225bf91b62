"""A tenant that is made with its realm, and the first login there, against an answerer that speaks as Keycloak does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


class Answerer(ThreadingHTTPServer):
    """An issuer that refuses whoever must change a password, and an API that takes every tenant."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.bodies: list[Any] = []


class _Answers(BaseHTTPRequestHandler):
    server: Answerer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._answer(200, {"issuer": self.server.url, "token_endpoint": f"{self.server.url}/token"})

    def do_POST(self) -> None:
        self._read()
        self._answer(400, {"error": "invalid_grant", "error_description": "Account is not fully set up"})

    def do_PUT(self) -> None:
        self.server.bodies.append(json.loads(self._read()))
        tenant = {"id": "globex", "issuer": self.server.url, "state": "active", "createdAt": "2026-01-01T00:00:00Z"}
        self._answer(201, tenant)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.fixture
def answerer() -> Iterator[Answerer]:
    with Answerer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_who_must_change_a_password_is_sent_to_the_browser(run: Run, answerer: Answerer) -> None:
    where = ["--url", answerer.url, "--issuer", answerer.url, "--username", "hank"]
    ran = run("login", *where, "--password-stdin", stdin="first\n")
    assert ran.status == Exit.SIGN_IN
    assert "not fully set up. A first password is changed in the browser" in ran.err
    assert "penstock login" not in ran.err


def test_the_program_of_a_new_realm_is_named(run: Run, answerer: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_TOKEN", "any")
    monkeypatch.setenv("PENSTOCK_URL", answerer.url)
    person = ["--admin", "hank", "--email", "hank@globex.example"]
    named = run("tenants", "create", "globex", *person, "--service-client", "feeder", "--json")
    assert named.status == 0, named.err
    assert run("tenants", "create", "globex", *person, "--json").status == 0
    assert [body.get("serviceClient") for body in answerer.bodies] == ["feeder", None]
