"""A receiver of webhooks on loopback, and short calls about webhooks, for their tests."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import standardwebhooks
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.support import target as targets
from tests.support.api import Api
from tests.support.waiting import wait_until

HOOKS = "/api/v1/webhooks"


class Taken(msgspec.Struct, frozen=True):
    """A message that the receiver verified and took."""

    id: str
    body: Any


class Receiver:
    """Verifies every message by the published library, and takes it unless it is `down`."""

    def __init__(self, target: targets.Target) -> None:
        self.target = target
        self.url = target.url
        self.secret = ""
        self.taken: list[Taken] = []
        self.tried: list[str] = []
        self.down = False
        self.refuses: Callable[[Any], bool] = lambda body: False

    def types(self) -> list[str]:
        """What it took, in the order in which it came."""
        return [each.body["type"] for each in self.taken]

    def take(self, headers: dict[str, str], body: bytes) -> Response:
        """What it answers."""
        said = standardwebhooks.Webhook(self.secret).verify(body, headers)
        self.tried.append(headers["webhook-id"])
        if self.down or self.refuses(said):
            return PlainTextResponse("not now", status_code=503)
        self.taken.append(Taken(headers["webhook-id"], said))
        return Response(status_code=204)


@asynccontextmanager
async def receiving(api: Api, realm: str = "demo") -> AsyncGenerator[Receiver]:
    """A receiver that the tenant may reach."""
    made: list[Receiver] = []

    async def handle(request: Request) -> Response:
        return made[0].take(dict(request.headers), await request.body())

    async with targets.listening(handle) as target:
        made.append(Receiver(target))
        await allow(api, target.url, realm=realm)
        yield made[0]


async def allow(api: Api, *urls: str, realm: str = "demo") -> None:
    """Let the tenant reach these, too."""
    path = f"/api/v1/tenants/{realm}"
    there = (await api("ada", realm).get(path)).json()["httpTargets"]["allow"]
    answer = await api("ada", realm).patch(path, json={"httpTargets": {"allow": [*there, *urls]}})
    assert answer.status_code == 200, answer.text


async def subscribe(api: Api, to: Receiver, *, realm: str = "demo", **body: Any) -> dict[str, Any]:
    """A webhook of that receiver."""
    answer = await api("ada", realm).post(HOOKS, json={"name": "Hook", "url": f"{to.url}/hook"} | body)
    assert answer.status_code == 201, answer.text
    to.secret = answer.json()["secret"]
    return answer.json()


async def deliveries(api: Api, hook: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    """A webhook's deliveries, the newest first."""
    answer = await api("ada").get(f"{HOOKS}/{hook['id']}/deliveries", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def shown(api: Api, hook: dict[str, Any]) -> dict[str, Any]:
    """The webhook as it is now."""
    return (await api("ada").get(f"{HOOKS}/{hook['id']}")).json()


async def took(receiver: Receiver, count: int, *, timeout: float = 15.0) -> None:
    """Return when it took so many."""
    await wait_until(lambda: len(receiver.taken) >= count, what=f"{count} messages", timeout=timeout)
