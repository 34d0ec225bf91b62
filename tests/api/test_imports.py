"""Imports over HTTP, with an engine that reads them: uploads, links, progress, refused lines, cancel, refusals."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.routes.imports import UPLOADS
from broker import engine
from core import imports, lines
from core.clock import system_clock
from tests.support import api as support
from tests.support import storages
from tests.support import target as targets
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"
IMPORTS = f"{QUEUE}/imports"
UPLOAD = f"{QUEUE}/imports/upload"


@pytest.fixture
async def running(api: Api, queue: str) -> AsyncGenerator[None]:
    """An engine that works in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    yield
    stop.set()
    await working


def ndjson(*values: object) -> bytes:
    return b"".join(value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n" for value in values)


async def upload(api: Api, data: bytes | AsyncIterator[bytes], *, user: str = "sub", **asked: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": asked.pop("key")} if "key" in asked else {}
    answer = await api(user).post(UPLOAD, content=data, params=asked, headers=headers)
    assert answer.status_code in {200, 202}, answer.text
    assert answer.headers["location"] == f"/api/v1/imports/{answer.json()['id']}"
    return answer.json()


async def ended(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    """The import once it has ended."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        answer = await api("ada").get(f"/api/v1/imports/{job['id']}")
        found.clear()
        found.update(answer.json())
        return found["state"] == "done"

    await wait_until(done, what="the import's end", timeout=20)
    return found


async def imported(api: Api, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks of an import, in the worklist's order."""
    items: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = (await api("ada").get(f"{QUEUE}/tasks", params={"limit": 1000} | after)).json()
        items += [task for task in page["items"] if task["id"].startswith(job["id"])]
        if page["next"] is None:
            return items
        after = {"after": page["next"]}


async def pieces_kept(api: Api) -> int:
    return await api.parts.record.database["uploadPieces"].count_documents({"tenant": "demo"})


async def make_import(api: Api, **body: Any) -> httpx.Response:
    return await api("ada").post(IMPORTS, json=body)


# --- uploads ---


@pytest.mark.usefixtures("running")
async def test_each_line_of_an_uploaded_file_becomes_a_task(api: Api) -> None:
    reports = [{"airport": f"airport {number}", "id": number} for number in range(1200)]
    asked: dict[str, Any] = {
        "fileName": "january.ndjson",
        "name": "report",
        "priority": "high",
        "label": ["new"],
        "recordIdField": "id",
    }
    job = await upload(api, ndjson(*reports), **asked)
    assert job["state"] == "waiting"
    done = await ended(api, job)
    assert (done["outcome"], done["source"]["fileName"]) == ("succeeded", "january.ndjson")
    size = len(ndjson(*reports))
    assert done["progress"] == {
        "lines": 1200, "accepted": 1200, "refused": 0, "bytesRead": size, "bytesTotal": size, "share": 1.0,
    }  # fmt: skip
    tasks = await imported(api, job)
    assert [task["params"] for task in tasks] == reports
    last = tasks[-1]
    assert (last["id"], last["recordId"], last["name"]) == (f"{job['id']}.00001200", "1199", "report")
    assert (last["priority"], last["labels"], last["createdBy"]["name"]) == ("high", ["new"], job["createdBy"]["name"])
    await wait_until(lambda: _none_kept(api), what="the file to be erased")


async def _none_kept(api: Api) -> bool:
    return await pieces_kept(api) == 0


@pytest.mark.usefixtures("running")
async def test_gzip_is_told_by_itself_and_a_file_may_come_in_small_parts(api: Api) -> None:
    data = gzip.compress(ndjson(*range(300)))

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 7):
            yield data[at : at + 7]

    done = await ended(api, await upload(api, parts()))
    assert (done["outcome"], done["progress"]["accepted"]) == ("succeeded", 300)
    assert done["source"]["contentEncoding"] == "gzip"


@pytest.mark.usefixtures("running")
async def test_lines_that_are_no_task_are_told_by_their_numbers_and_the_rest_goes_on(api: Api) -> None:
    schema = {"type": "object", "required": ["airport"]}
    definition = {"queue": KEY, "paramsSchema": schema}
    assert (await api("ada").put("/api/v1/definitions/reports/scan", json=definition)).status_code == 201
    long = b'{"airport": "' + b"x" * (1024 * 1024) + b'"}\n'
    data = ndjson({"airport": 1}, b"{oops\n", b"\n", {"state": 2}, long, b"  \r\n", {"airport": 3}, b'{"airport": 4}')
    done = await ended(api, await upload(api, data, definition="reports/scan"))
    assert done["outcome"] == "succeeded"
    assert {name: done["progress"][name] for name in ("lines", "accepted", "refused")} == {
        "lines": 8, "accepted": 3, "refused": 3,
    }  # fmt: skip
    assert [task["params"] for task in await imported(api, done)] == [{"airport": n} for n in (1, 3, 4)]
    told = (await api("sub").get(f"/api/v1/imports/{done['id']}/errors")).json()
    assert [(each["line"], each["code"], each.get("field")) for each in told["items"]] == [
        (2, "not-json", None), (4, "payload-mismatch", "params"), (5, "too-long", None),
    ]  # fmt: skip
    assert "airport" in told["items"][1]["message"]
    first = (await api("sub").get(f"/api/v1/imports/{done['id']}/errors?limit=1")).json()
    assert first["next"] == 2
    rest = (await api("sub").get(f"/api/v1/imports/{done['id']}/errors?after={first['next']}")).json()
    assert (first["items"] + rest["items"], rest["next"]) == (told["items"], None)


@pytest.mark.usefixtures("running")
async def test_lines_may_be_whole_tasks(api: Api) -> None:
    done = await ended(api, await upload(api, ndjson({"name": "a", "params": 1, "priority": "urgent"}), lines="tasks"))
    (task,) = await imported(api, done)
    assert (task["name"], task["params"], task["priority"]) == ("a", 1, "urgent")


@pytest.mark.usefixtures("running")
async def test_what_is_no_gzip_fails_with_a_reason(api: Api) -> None:
    for data in (b"{}\n", gzip.compress(b"{}\n")[:-3]):
        done = await ended(api, await upload(api, data, contentEncoding="gzip"))
        assert (done["outcome"], done["reason"]["type"]) == ("failed", "broken")
    empty = await ended(api, await upload(api, b""))
    assert (empty["outcome"], empty["progress"]["lines"], empty["progress"]["share"]) == ("succeeded", 0, 1.0)


@pytest.mark.usefixtures("queue")
async def test_a_repeat_under_the_same_key_answers_the_import_of_then(api: Api) -> None:
    first = await upload(api, b"1\n", key="k")
    assert (await upload(api, b"1\n", key="k"))["id"] == first["id"]
    assert await pieces_kept(api) == 1
    other = await api("sub").post(UPLOAD, content=b"1\n", params={"name": "x"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, support.code(other)) == (409, "key-reused")
    assert len((await api("ada").get("/api/v1/imports")).json()["items"]) == 1


async def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_sent_again(api: Api, queue: str) -> None:
    messages = iter([{"type": "http.request", "body": b"1\n" * 1024 * 1024, "more_body": True}])
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"{queue}/imports/upload"
    headers = [(b"authorization", f"Bearer {api.token('sub')}".encode()), (b"idempotency-key", b"k")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "root_path": ""}
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert await pieces_kept(api) == 0
    assert (await api("ada").get("/api/v1/imports")).json()["items"] == []
    assert (await upload(api, b"1\n", key="k"))["state"] == "waiting"


async def test_an_upload_of_an_api_that_died_is_taken_over_or_ends(api: Api, queue: str) -> None:
    kept, record = api.parts.record.imports, api.parts.record
    dead = await upload(api, b"1\n", key="k")
    lost = await upload(api, b"2\n", key="l")
    long_ago = system_clock() - imports.BROKEN_OFF - timedelta(minutes=1)
    for job in (dead, lost):
        # As a process leaves it that dies while it receives.
        sets = {"state": "receiving", "updatedAt": long_ago}
        await record.database["imports"].update_one({"_id": f"demo/{job['id']}"}, {"$set": sets})
    again = await upload(api, b"3\n", key="k")
    assert (again["id"], again["state"]) == (dead["id"], "waiting")
    there = await kept.get("demo", dead["id"])
    assert there is not None
    assert len(there.uploads) == 2

    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    done, gone = await ended(api, dead), await ended(api, lost)
    await wait_until(lambda: _none_kept(api), what="all files to be erased")
    stop.set()
    await working
    assert (done["outcome"], [task["params"] for task in await imported(api, done)]) == ("succeeded", [3])
    assert (gone["outcome"], gone["reason"]["type"]) == ("failed", "upload-broken-off")


@pytest.mark.usefixtures("queue")
async def test_a_file_may_be_longer_than_other_bodies_but_not_without_end(api: Api) -> None:
    intake: Any = api.parts.intake
    intake._most = 3 * 1024 * 1024
    assert (await upload(api, b" " * (2 * 1024 * 1024)))["progress"]["bytesTotal"] == 2 * 1024 * 1024
    answer = await api("sub").post(UPLOAD, content=b" " * (3 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["limit"]) == (413, 3 * 1024 * 1024)
    assert await pieces_kept(api) == 2
    assert UPLOADS.fullmatch(f"/api/v1/definitions/{UPLOAD}") is None


# --- addresses ---


async def test_a_link_is_read_where_the_tenant_may_reach_it(api: Api, running: None) -> None:
    data = ndjson(*range(700))

    async def answer(request: Request) -> Response:
        return Response(data, headers={"ETag": '"1"'})

    async with targets.listening(answer) as target:
        refused = await ended(api, (await make_import(api, url=f"{target.url}/x.ndjson?signature=secret")).json())
        assert (refused["outcome"], refused["reason"]["type"]) == ("failed", "blocked")
        assert "secret" not in json.dumps(refused)
        assert target.headers == []
        allow = {"httpTargets": {"allow": [f"{target.url}/files"]}}
        await api("ada").patch("/api/v1/tenants/demo", json=allow)
        still = await ended(api, (await make_import(api, url=f"{target.url}/x.ndjson")).json())
        assert still["reason"]["type"] == "blocked"
        done = await ended(api, (await make_import(api, url=f"{target.url}/files/x.ndjson")).json())
        assert (done["outcome"], done["progress"]["accepted"]) == ("succeeded", 700)
        assert done["progress"]["bytesTotal"] == len(data)
        assert target.headers[-1]["accept-encoding"] == "identity"


@pytest.mark.usefixtures("running")
async def test_what_an_address_answers_decides(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_FIRST_REST", 0.01)
    monkeypatch.setattr(imports, "MOST_FAILURES", 2)
    tries: list[str] = []

    async def answer(request: Request) -> Response:
        tries.append(request.url.path)
        match request.url.path:
            case "/gone":
                return Response(status_code=404)
            case "/away":
                return RedirectResponse("http://169.254.169.254/latest")
            case "/late" if tries.count("/late") > 2:
                return Response(b"1\n2\n")
            case _:
                return Response(status_code=503)

    async with targets.listening(answer) as target:
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [target.url]}})
        for path, outcome, reason in (
            ("gone", "failed", "source-not-found"),
            ("away", "failed", "source-refused"),
            ("late", "succeeded", None),
            ("down", "failed", "source-unreachable"),
        ):
            done = await ended(api, (await make_import(api, url=f"{target.url}/{path}")).json())
            assert (done["outcome"], done.get("reason", {}).get("type")) == (outcome, reason)
        assert {path: tries.count(path) for path in tries} == {"/gone": 1, "/away": 1, "/late": 3, "/down": 3}


async def test_a_link_goes_on_where_it_was_unless_the_file_was_changed(api: Api, running: None) -> None:
    data = ndjson(*[{"n": number} for number in range(3000)])
    ranges: list[str | None] = []
    etag = '"1"'

    async def answer(request: Request) -> Response:
        ranges.append(request.headers.get("range"))
        begin = int((ranges[-1] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": etag, "Content-Length": str(len(data) - begin)}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        cut = len(data) // 2 if len(ranges) == 1 else len(data)

        async def body() -> AsyncIterator[bytes]:
            yield data[begin:cut]

        return targets.streamed(body(), status=206 if begin else 200, headers=headers)

    async with targets.listening(answer) as target:
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [target.url]}})
        job = (await make_import(api, url=target.url + "/x")).json()
        done = await ended(api, job)
        assert (done["outcome"], done["progress"]["accepted"]) == ("succeeded", 3000)
        assert ranges[0] is None
        assert ranges[1] is not None
        assert [task["params"]["n"] for task in await imported(api, job)] == list(range(3000))

        ranges.clear()
        other = asyncio.create_task(make_import(api, url=target.url + "/x"))
        await wait_until(lambda: bool(ranges), what="the file to be read")
        etag = '"2"'
        changed = await ended(api, (await other).json())
        assert (changed["outcome"], changed["reason"]["type"]) == ("failed", "source-changed")


async def test_objects_in_buckets_are_imported_with_the_tenants_secret(api: Api, running: None, tmp_path: Path) -> None:
    data = gzip.compress(ndjson(*range(600)))
    await api("ada").put("/api/v1/secrets/bucket", json={"value": json.dumps(storages.KEY)})
    with storages.s3(tmp_path / "s3") as s3, storages.google(tmp_path / "google") as google:
        await asyncio.to_thread(storages.put_s3, s3, "reports", "2026/january.ndjson.gz", data)
        await asyncio.to_thread(storages.put_google, google, "reports", "2026/january.ndjson.gz", data)
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [s3, google]}})
        for url, endpoint, more in (("s3", s3, {"secretRef": "bucket", "region": "eu-central-1"}), ("gs", google, {})):
            body = {"url": f"{url}://reports/2026/january.ndjson.gz", "endpoint": endpoint} | more
            done = await ended(api, (await make_import(api, **body)).json())
            assert (done["outcome"], done["progress"]["accepted"]) == ("succeeded", 600), done
            assert done["progress"]["bytesTotal"] == len(data)
            assert [task["params"] for task in await imported(api, done)] == list(range(600))
        gone = await ended(api, (await make_import(api, url="gs://reports/none", endpoint=google)).json())
        assert (gone["outcome"], gone["reason"]["type"]) == ("failed", "source-not-found")


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://x/y"}, "url"),
        ({"url": "https://user:word@example.org/x"}, "url"),
        ({"url": "s3://reports"}, "url"),
        ({"url": "s3://Re/../x"}, "url"),
        ({"url": "gs://reports/x?y=1"}, "url"),
        ({"url": "s3://reports/x", "region": "x.example.org/"}, "region"),
        ({"url": "s3://reports/x", "secretRef": "none"}, "secretRef"),
        ({"url": "s3://reports/x", "contentEncoding": "br"}, "contentEncoding"),
        ({"url": "https://example.org/x", "definition": "none"}, "definition"),
        ({"url": "https://example.org/x", "definition": "elsewhere"}, "definition"),
        ({"url": "https://example.org/x", "lines": "rows"}, "lines"),
        ({"url": "https://example.org/x", "unknown": 1}, "unknown"),
    ],
)
async def test_what_cannot_be_imported_is_refused_with_its_place(api: Api, body: dict[str, Any], field: str) -> None:
    await support.make_queue(api("ada"), "/api/v1/queues/intake/other")
    await api("ada").put("/api/v1/definitions/elsewhere", json={"queue": "intake:other"})
    answer = await api("ada").post(IMPORTS, json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field])
    assert (await api("ada").get("/api/v1/imports")).json()["items"] == []


@pytest.mark.usefixtures("queue")
async def test_secrets_and_endpoints_are_for_those_who_manage_and_as_the_list_allows(api: Api) -> None:
    await api("ada").put("/api/v1/secrets/bucket", json={"value": "{}"})
    for more in ({"secretRef": "bucket"}, {"endpoint": "http://127.0.0.1:9"}):
        answer = await api("sub").post(IMPORTS, json={"url": "s3://reports/x"} | more)
        assert answer.status_code == 403
    answer = await make_import(api, url="s3://reports/x", endpoint="http://127.0.0.1:9")
    assert (answer.status_code, support.code(answer)) == (403, "blocked")


# --- looking, and cancelling ---


@pytest.mark.usefixtures("queue")
async def test_imports_are_listed_to_those_whom_they_concern(api: Api) -> None:
    await support.make_queue(api("ada"), "/api/v1/queues/intake/other", bindings={"submitters": ["reviewer"]})
    made = [await upload(api, b"1\n") for _ in range(3)]
    mine = (await api("wim").post("/api/v1/queues/intake/other/imports/upload", content=b"1\n")).json()

    async def listed(user: str, **asked: Any) -> list[str]:
        return [job["id"] for job in (await api(user).get("/api/v1/imports", params=asked)).json()["items"]]

    newest = [job["id"] for job in [mine, *made[::-1]]]
    assert await listed("ada") == await listed("rex") == newest
    assert await listed("wim") == newest
    assert await listed("sub") == newest[1:]
    assert await listed("nil") == []
    assert await listed("wim", queue=KEY) == await listed("ada", queue=KEY) == newest[1:]
    assert await listed("ada", state="done") == []
    page = (await api("ada").get("/api/v1/imports?limit=3")).json()
    assert await listed("ada", after=page["next"]) == newest[3:]
    assert await listed("ada", limit=4) == newest


@pytest.mark.usefixtures("queue")
async def test_an_import_that_waits_is_canceled_at_once_and_one_that_has_ended_is_not(api: Api) -> None:
    job = await upload(api, b"1\n")
    canceled = await api("sub").post(f"/api/v1/imports/{job['id']}/cancel")
    assert (canceled.status_code, canceled.json()["outcome"]) == (200, "canceled")
    again = await api("sub").post(f"/api/v1/imports/{job['id']}/cancel")
    assert (again.status_code, support.code(again)) == (409, "wrong-state")


async def test_an_import_that_runs_ends_at_its_next_batch(api: Api, running: None) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield ndjson(*range(600))
        await go_on.wait()
        yield ndjson(*range(600, 5000))

    async def answer(_: Request) -> Response:
        return targets.streamed(slow())

    async with targets.listening(answer) as target:
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [target.url]}})
        job = (await make_import(api, url=target.url)).json()

        async def begun() -> bool:
            progress = (await api("ada").get(f"/api/v1/imports/{job['id']}")).json()["progress"]
            return progress["accepted"] > 0

        await wait_until(begun, what="the first batch")
        asked = await api("ada").post(f"/api/v1/imports/{job['id']}/cancel")
        assert (asked.status_code, asked.json()["cancelRequested"]) == (202, True)
        go_on.set()
        done = await ended(api, job)
    assert done["outcome"] == "canceled"
    assert len(await imported(api, job)) == done["progress"]["accepted"] < 5000


async def test_quotas_slow_an_import_and_refuse_only_lines_that_are_too_large(api: Api, running: None) -> None:
    quotas = {"openTasks": 7, "payloadBytes": 20}
    answer = await api("root").patch("/api/v1/tenants/demo", json={"quotas": quotas})
    assert answer.status_code == 200, answer.text
    data = ndjson(1, "x" * 30, *range(3, 11))
    job = await upload(api, data)

    async def full() -> bool:
        found = (await api("ada").get(f"/api/v1/imports/{job['id']}")).json()
        return found["progress"]["accepted"] == 7 and "retryAt" in found

    await wait_until(full, what="the quota to be used up")
    assert len(await imported(api, job)) == 7
    await api("root").patch("/api/v1/tenants/demo", json={"quotas": quotas | {"openTasks": 100}})
    done = await ended(api, job)
    assert (done["outcome"], done["progress"]["accepted"], done["progress"]["refused"]) == ("succeeded", 9, 1)
    assert [task["params"] for task in await imported(api, job)] == [1, *range(3, 11)]
    (wrong,) = (await api("sub").get(f"/api/v1/imports/{job['id']}/errors")).json()["items"]
    assert (wrong["line"], wrong["code"]) == (2, "too-large")


async def test_an_import_of_a_suspended_tenant_waits(api: Api, queue: str) -> None:
    job = await upload(api, ndjson(1, 2))
    assert (await api("root").patch("/api/v1/tenants/demo", json={"state": "suspended"})).status_code == 200
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))

    async def postponed() -> bool:
        found = await api.parts.record.imports.get("demo", job["id"])
        return found is not None and found.failures > 0

    await wait_until(postponed, what="the import to be put off")
    assert (await api("root").patch("/api/v1/tenants/demo", json={"state": "active"})).status_code == 200
    kept = api.parts.record.imports

    async def done() -> bool:
        found = await kept.get("demo", job["id"])
        return found is not None and found.accepted == 2

    await wait_until(done, what="the import's end", timeout=20)
    stop.set()
    await working


async def test_a_line_that_was_submitted_before_it_was_noted_is_one_task(api: Api, queue: str) -> None:
    job = await upload(api, ndjson(*range(700)))
    sub = (await api("sub").get("/api/v1/me")).json()["subject"]
    # As an engine leaves it that dies between the submit of a batch and the note of it.
    known = await api.parts.directory.queue("demo", KEY)
    by = (await api.parts.record.imports.get("demo", job["id"])).created_by  # type: ignore[union-attr]
    assert by.id == sub
    before = [
        lines.submission(lines.Line(number, 0, str(number - 1).encode()), job["id"], imports.LineOrder())
        for number in range(1, 401)
    ]
    await api.parts.lifecycle.submit(known, before, by=by)

    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    done = await ended(api, job)
    stop.set()
    await working
    assert (done["progress"]["accepted"], done["progress"]["refused"]) == (700, 0)
    assert sorted(task["params"] for task in await imported(api, job)) == list(range(700))
