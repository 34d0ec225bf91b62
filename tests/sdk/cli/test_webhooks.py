"""Webhooks on the command line, against the real server and a receiver."""

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest
from penstock import push
from penstock.cli.exits import Exit

from tests.sdk.cli.conftest import Run


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what is signed with the secret that it knows; answers 401 to everything else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = ""
        self.taken: list[bytes] = []
        self.took = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            push.verify(dict(self.headers), body, self.server.secret)
        except push.BadSignature:
            self.send_response(401)
        else:
            self.server.taken.append(body)
            self.server.took.set()
            self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_webhook_from_its_beginning_to_its_end(
    ada: Run, as_: Callable[..., Run], queue: str, receiver: Receiver
) -> None:
    allowed = as_("root", "core")("tenants", "set", "demo", f'httpTargets={{"allow": ["{receiver.url}"]}}')
    assert allowed.status == 0, allowed.err
    made = ada("webhooks", "create", "Archive", receiver.url, "--queue", queue, "--type", "created", "--json")
    assert made.status == 0, made.err
    hook, receiver.secret = made.json["id"], made.json["secret"]
    assert ada("webhooks", "test", hook).out.startswith("Taken: it answered 204, ")
    receiver.took.clear()
    task = ada("tasks", "submit", queue, "--json").json["id"]
    assert receiver.took.wait(20)
    assert task.encode() in receiver.taken[-1]
    assert hook in ada("webhooks", "list").out
    assert receiver.url in ada("webhooks", "show", hook).out
    (sent,) = [each for each in ada("webhooks", "deliveries", hook, "--json").lines if each.get("task") == task]
    receiver.took.clear()
    assert ada("webhooks", "replay", hook, sent["id"]).out == f"{sent['id']} is sent again.\n"
    assert receiver.took.wait(20)
    assert ada("webhooks", "replay", hook, "--status", "failed", "--json").json == {"replayed": 0}
    assert ada("webhooks", "pause", hook).out == f"{hook} is paused.\n"
    assert ada("webhooks", "resume", hook, "--json").json["status"] == "active"
    rotated = ada("webhooks", "rotate-secret", hook, "--overlap", "0s", "--json").json
    assert rotated["secret"] not in {receiver.secret, None}
    ran = ada("webhooks", "test", hook)
    assert (ran.status, ran.out[:28]) == (Exit.NOT_SUCCEEDED, "Not taken: it answered 401, ")
    assert ada("webhooks", "delete", hook).out == f"Deleted {hook}.\n"
    assert ada("webhooks", "show", hook).status == Exit.NOT_FOUND
    assert as_("wim")("webhooks", "list").status == Exit.FORBIDDEN
