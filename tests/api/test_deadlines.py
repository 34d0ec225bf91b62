"""Due dates, follow-ups, reminders, escalations and attachments over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import api as support
from tests.support import serving
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

RULES: dict[str, Any] = {
    "dueInSeconds": 3600,
    "remindBeforeSeconds": [600],
    "escalations": [{"afterSeconds": 60, "raiseTo": "urgent", "giveBack": True, "notify": ["supervisor"]}],
}


async def test_a_queue_shows_its_rules_and_a_patch_replaces_them(api: Api) -> None:
    made = await support.make_queue(api("ada"), deadlines=RULES)
    assert made["deadlines"] == RULES
    patched = await api("ada").patch(QUEUE, json={"deadlines": {"remindBeforeSeconds": [5]}})
    assert patched.json()["deadlines"] == {"dueInSeconds": None, "remindBeforeSeconds": [5], "escalations": []}
    assert (await api("ada").patch(QUEUE, json={"deadlines": None})).json()["deadlines"]["remindBeforeSeconds"] == []


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"dueInSeconds": 0}, "deadlines.dueInSeconds"),
        ({"escalations": [{"afterSeconds": -1}]}, "deadlines.escalations.0.afterSeconds"),
        ({"escalations": [{"afterSeconds": 1}, {"afterSeconds": 1.0}]}, "deadlines"),
        ({"escalations": [{"giveBack": True, "assignTo": {"id": "x", "name": "X"}}]}, "deadlines.escalations.0"),
        ({"remindBeforeSeconds": [1, 1]}, "deadlines"),
    ],
)
async def test_rules_that_make_no_sense_are_refused(api: Api, rules: Any, field: str) -> None:
    answer = await api("ada").put(QUEUE, json={"deadlines": rules})
    assert (answer.status_code, support.fields(answer)) == (400, [field])


async def test_a_task_has_dates_and_attachments_that_can_be_changed(api: Api, queue: str) -> None:
    files = [{"name": "photo", "url": "https://files.example.org/1.jpg", "mediaType": "image/jpeg"}]
    made = await support.submit(
        api("sub"), dueDate="2031-01-01T12:00:00+02:00", followUpDate="2030-01-01T00:00:00Z", attachments=files
    )
    path = f"/api/v1/tasks/{made['id']}"
    task = (await api("wim").get(path)).json()
    assert (task["dueDate"], task["followUpDate"]) == ("2031-01-01T10:00:00.000Z", "2030-01-01T00:00:00.000Z")
    assert task["attachments"] == files
    patched = (await api("sub").patch(path, json={"dueDate": None, "attachments": None})).json()
    assert {"dueDate", "attachments"}.isdisjoint(patched)
    assert "followUpDate" in patched
    refused = await api("sub").patch(path, json={"attachments": [{"name": "x", "url": "javascript:alert(1)"}]})
    assert support.fields(refused) == ["attachments.0.url"]


async def test_an_engine_rings_each_mark_once(api: Api) -> None:
    rules = RULES | {"escalations": [RULES["escalations"][0] | {"afterSeconds": 0}], "remindBeforeSeconds": [600]}
    await support.make_queue(api("ada"), deadlines=rules)
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    made = await support.submit(api("sub"), dueDate=past)
    path = f"/api/v1/tasks/{made['id']}"
    await api("wim").post(f"{path}/assign", json={"to": "me"})

    async def escalated() -> bool:
        items = (await api("wim").get(f"{path}/history")).json()["items"]
        return bool(items) and items[-1]["type"] == "escalated"

    async with serving.working(api.parts):
        await wait_until(escalated, what="the escalation")
    history = (await api("wim").get(f"{path}/history")).json()["items"]
    assert [each["type"] for each in history] == [
        "created", "assigned", "overdue", "priority-set", "assigned", "escalated"
    ]  # fmt: skip
    assert history[-1]["by"]["id"] == "penstock"
    task = (await api("wim").get(path)).json()
    assert (task["priority"], "to" in task["assignment"]) == ("urgent", False)
    assert [each["id"] for each in await support.claim(api("wim"))] == [made["id"]]
