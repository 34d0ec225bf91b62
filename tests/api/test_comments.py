"""Comments over HTTP: natively, and as ADSP's comment service."""

import json
from typing import Any

import pytest

from tests.support import api as support
from tests.support.api import Api

URN = "urn:ads:platform:task-service:v1:/tasks/"
TOPICS = "/comment/v1/topics"


@pytest.fixture
async def task(api: Api, queue: str) -> str:
    """The id of a task of sub's making."""
    return (await support.submit(api("sub"), name="x"))["id"]


async def test_said_changed_and_taken_back_by_its_author_or_an_admin(api: Api, task: str) -> None:
    path = f"/api/v1/tasks/{task}/comments"
    made = await api("wim").post(path, json={"content": "Looked at.", "title": "Note", "context": {"a.b": "$x"}})
    assert made.status_code == 201
    comment = (await api("sub").get(made.headers["location"])).json()
    assert (comment["id"], comment["content"], comment["context"]) == (1, "Looked at.", {"a.b": "$x"})
    assert comment["createdBy"]["name"] == "Wim Reviewer"
    changed = await api("wim").patch(made.headers["location"], json={"content": "Seen.", "title": None})
    assert (changed.json()["content"], "title" in changed.json()) == ("Seen.", False)
    by_ada = await api("ada").patch(made.headers["location"], json={"requiresAttention": True})
    assert (by_ada.json()["updatedBy"]["name"], by_ada.json()["content"]) == ("Ada Admin", "Seen.")
    assert (await api("ann").patch(made.headers["location"], json={"content": "y"})).status_code == 403
    assert (await api("ann").delete(made.headers["location"])).status_code == 403
    assert (await api("wim").delete(made.headers["location"])).status_code == 204
    assert (await api("wim").get(made.headers["location"])).status_code == 404
    again = await api("wim").post(path, json={"content": "Another."})
    assert again.json()["id"] == 2


async def test_pages_are_newest_first_and_skip_nothing(api: Api, task: str) -> None:
    path = f"/api/v1/tasks/{task}/comments"
    for number in range(7):
        await api("wim").post(path, json={"content": str(number)})
    said: list[str] = []
    after: dict[str, Any] = {}
    while True:
        page = (await api("rex").get(path, params={"limit": 3} | after)).json()
        said += [each["content"] for each in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert said == ["6", "5", "4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    "body", [{}, {"content": ""}, {"content": None}, {"content": 1}, {"content": "x", "title": ""}, {"text": "x"}]
)
async def test_what_is_no_comment_is_refused(api: Api, task: str, body: Any) -> None:
    assert (await api("wim").post(f"/api/v1/tasks/{task}/comments", json=body)).status_code == 400


async def topic(api: Api, task: str, user: str = "wim") -> dict[str, Any]:
    """The topic of a task, as ADSP's applications look for it."""
    criteria = json.dumps({"resourceIdEquals": URN + task})
    answer = await api(user).get(TOPICS, params={"criteria": criteria})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["results"]
    return found


async def test_adsps_way_through_a_topic(api: Api, task: str) -> None:
    found = await topic(api, task)
    assert (found["name"], found["resourceId"], found["typeId"]) == (f"Task ({task})", URN + task, "task-comments")
    path = f"{TOPICS}/{found['id']}/comments"
    body = {"title": "t", "requiresAttention": True}
    made = [await api("wim").post(path, json={"content": str(number)} | body) for number in range(3)]
    assert [each.status_code for each in made] == [200, 200, 200]
    comment = made[-1].json()
    assert (comment["id"], comment["topicId"], comment["content"]) == (3, found["id"], "2")
    assert comment["createdBy"] == comment["lastUpdatedBy"]
    first = (await api("rex").get(path, params={"top": 2})).json()
    assert ([each["id"] for each in first["results"]], first["page"]["size"]) == ([3, 2], 2)
    rest = (await api("rex").get(path, params={"top": 2, "after": first["page"]["next"]})).json()
    assert ([each["id"] for each in rest["results"]], "next" in rest["page"]) == ([1], False)
    one = f"{path}/{comment['id']}"
    assert (await api("wim").patch(one, json={"content": "new"})).json()["content"] == "new"
    refused = await api("wes").patch(one, json={"content": "mine"})
    assert refused.status_code == 403
    assert refused.json()["errorMessage"].endswith("not permitted to update comment.")
    assert (await api("ada").delete(one)).json() == {"deleted": True}
    assert (await api("wim").get(one)).status_code == 404
    native = (await api("wim").get(f"/api/v1/tasks/{task}/comments")).json()["items"]
    assert [each["content"] for each in native] == ["1", "0"]


async def test_adsps_refusals(api: Api, task: str) -> None:
    path = f"{TOPICS}/{task}/comments"
    assert (await api("wim").get(TOPICS)).json() == {"page": {"size": 0}, "results": []}
    assert (await api("wim").get(TOPICS, params={"criteria": "{"})).status_code == 400
    assert (await api("nil").get(f"{TOPICS}/{task}")).status_code == 403
    assert (await api("nil").post(path, json={"content": "x"})).status_code == 403
    assert (await api("wim", "acme").get(path)).status_code == 404
    assert (await api("wim").get(f"{TOPICS}/nothing/comments")).status_code == 404
    assert (await api("wim").get(f"{path}/x")).status_code == 404
    assert (await api("wim").get(path, params={"after": "?"})).status_code == 400
    wrong: list[dict[str, Any]] = [{}, {"content": ""}, {"content": 5}, {"content": "x", "title": ""}]
    wrong += [{"content": "x", "context": []}]
    for body in wrong:
        refused = await api("wim").post(path, json=body)
        assert refused.status_code == 400, body
        assert refused.json()["errorMessage"].startswith("Validation failed")
    assert (await api(None).get(path)).text == "Unauthorized"
