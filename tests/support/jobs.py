"""What tests of the jobs API share: a registered type, and the words of its refusals."""

from typing import Any

import httpx

from core import ids
from core.clock import system_clock
from core.definition import Definition
from core.task import Actor, Limits
from tests.support.api import Api

QUEUE = "intake:strike-reports"
_ADA = Actor(id="ada", name="Ada Admin")


async def register(api: Api, name: str = "reports/scan", *, tenant: str = "demo", **fields: Any) -> None:
    """Make a definition, which is what a type is."""
    at = system_clock()
    made = Definition(
        tenant=tenant, name=name, queue=fields.pop("queue", QUEUE), lane=ids.new_id(), version=1, created_at=at,
        created_by=_ADA, updated_at=at, updated_by=_ADA, limits=fields.pop("limits", Limits()), **fields,
    )  # fmt: skip
    await api.parts.record.definitions.insert(tenant, made)
    api.parts.directory.forget_definition(tenant, name)


def wrong(answer: httpx.Response) -> list[str]:
    """The places that a 422 names, dotted; fails where it is none of FastAPI's shape."""
    assert answer.status_code == 422, answer.text
    found = answer.json()["detail"]
    assert all(set(each) == {"type", "loc", "msg"} for each in found)
    return [".".join(map(str, each["loc"])) for each in found]


def detail(answer: httpx.Response) -> str:
    """The text of a refusal."""
    body = answer.json()
    assert set(body) == {"detail"}
    assert isinstance(body["detail"], str)
    return body["detail"]
