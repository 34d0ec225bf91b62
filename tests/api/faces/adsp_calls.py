"""Short calls of ADSP's face for its tests."""

import base64
import itertools
from typing import Any

import httpx
import msgspec

from tests.support.api import Api

PATH = "/task/v1/queues/intake/strike-reports/tasks"
TASKS = "/task/v1/tasks"
_numbers = itertools.count(1)


async def create(api: Api, **body: Any) -> dict[str, Any]:
    """A task, made by a task-writer."""
    answer = await api("sub").post(PATH, json={"name": f"Task {next(_numbers)}"} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def operate(client: httpx.AsyncClient, task: dict[str, Any], operation: str, **body: Any) -> httpx.Response:
    """An operation on a task."""
    return await client.post(f"{TASKS}/{task['id']}", json={"operation": operation} | body)


async def assign(api: Api, task: dict[str, Any], user: str | None) -> None:
    """Give a task to a user, or to nobody."""
    to = None if user is None else {"id": subject(api, user), "name": user, "email": None}
    answer = await operate(api("ann"), task, "assign", assignTo=to)
    assert answer.status_code == 200, answer.text


def subject(api: Api, user: str) -> str:
    """The id in a user's tokens."""
    payload = api.token(user).split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


def message(answer: httpx.Response) -> str:
    """The text of a refusal."""
    return str(answer.json()["errorMessage"])
