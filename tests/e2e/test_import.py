"""The 10,000 reports as NDJSON: imported in seconds with progress to be seen, and whole whatever is killed."""

import asyncio
import collections
import gzip
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from deploy.local import home as homes
from examples.strike_reports import reports
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]

FULL = homes.ROOT.parent / "shared" / "data" / "birdstrikes.csv"


def rows() -> list[dict[str, Any]]:
    """The 10,000 reports; where only the sample is there, as many by its copies."""
    if FULL.exists():
        return list(reports.read(FULL))
    return [
        report | {"recordId": f"{report['recordId']}-{copy}"}
        for copy in range(20)
        for report in reports.read(reports.SAMPLE)
    ]


def ndjson() -> bytes:
    """Every report as a line: a whole task."""
    return b"".join(json.dumps(report).encode() + b"\n" for report in rows())


async def make_queue(ada: Caller, name: str) -> str:
    """A queue of this test alone."""
    await ada.put(f"/queues/intake/{name}", {"bindings": {"workers": ["reviewer"]}})
    return f"/queues/intake/{name}"


async def upload(local: dict[str, Any], ada: Caller, queue: str, data: bytes | AsyncIterator[bytes]) -> httpx.Response:
    """The file as the body of one request."""
    async with httpx.AsyncClient(base_url=local["api"], timeout=60) as http:
        return await http.post(
            f"/api/v1{queue}/imports/upload",
            params={"lines": "tasks", "fileName": "birdstrikes.ndjson"},
            content=data,
            headers={"Authorization": ada.bearer, "Idempotency-Key": "birdstrikes"},
        )


async def whole(ada: Caller, queue: str) -> None:
    """Every report is one task, in the order of the file within its priority."""
    expected = [report["recordId"] for report in rows()]
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await ada.get(f"{queue}/tasks", limit=1000, sort="createdAt", **after)
        found += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [each for each, count in collections.Counter(task["recordId"] for task in found).items() if count > 1] == []
    assert sorted(task["recordId"] for task in found) == sorted(expected)
    assert [task["id"].rpartition(".")[2] for task in sorted(found, key=lambda task: task["id"])] == [
        f"{line:08d}" for line in range(1, len(expected) + 1)
    ]


async def test_it_takes_seconds_and_shows_its_progress(stack: LocalStack, caller: Callable[..., Caller]) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "import")
        began = time.monotonic()
        job = (await upload(stack.local, ada, queue, gzip.compress(ndjson()))).json()
        shares: list[float] = []
        while job["state"] != "done":
            job = await ada.get(f"/imports/{job['id']}")
            shares.append(job["progress"]["lines"])
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
        count = len(ndjson().splitlines())
        assert (job["outcome"], job["progress"]["accepted"], job["progress"]["share"]) == ("succeeded", count, 1.0)
        assert took < 30, f"{took:.1f} s"
        assert shares == sorted(shares)
        assert len({*shares}) > count / 2000, "no progress was to be seen"
        await whole(ada, queue)


async def test_it_goes_on_with_no_line_twice_whatever_is_killed(
    stack: LocalStack, caller: Callable[..., Caller]
) -> None:
    async with caller("ada") as ada:
        queue = await make_queue(ada, "import-killed")
        data = ndjson()
        half_sent = asyncio.Event()

        async def halting() -> AsyncIterator[bytes]:
            yield data[: len(data) // 2]
            half_sent.set()
            await asyncio.sleep(30)

        sending = asyncio.create_task(upload(stack.local, ada, queue, halting()))
        await half_sent.wait()
        await wait_until(lambda: _is_receiving(ada), what="the upload to have begun")
        await _kill(stack, "api")
        with pytest.raises(httpx.TransportError):
            await sending

        job = (await upload(stack.local, ada, queue, data)).json()
        for share, roles in ((0.05, ("engine",)), (0.4, ("engine", "api"))):
            await wait_until(
                lambda share=share: _reached(ada, job["id"], share), what="progress", timeout=90, every=0.01
            )
            assert (await _import(ada, job["id"]))["state"] != "done", "it was over before it was killed"
            await asyncio.gather(*(_kill(stack, role) for role in roles))
        done: dict[str, Any] = {}

        async def ended() -> bool:
            done.update(await _import(ada, job["id"]))
            return done["state"] == "done"

        await wait_until(ended, what="the import's end", timeout=90, every=0.1)
        assert (done["outcome"], done["progress"]["refused"]) == ("succeeded", 0)
        assert done["progress"]["accepted"] == done["progress"]["lines"] == len(data.splitlines())
        assert [each["id"] for each in (await ada.get("/imports", queue="intake:import-killed"))["items"]] == [
            job["id"]
        ]
        await whole(ada, queue)


async def _is_receiving(ada: Caller) -> bool:
    return bool((await ada.get("/imports", queue="intake:import-killed", state="receiving"))["items"])


async def _import(ada: Caller, import_id: str) -> dict[str, Any]:
    return await _answered(lambda: ada.call("GET", f"/imports/{import_id}"))


async def _reached(ada: Caller, import_id: str, share: float) -> bool:
    job = await _import(ada, import_id)
    return job["state"] == "done" or (job["progress"]["share"] or 0) >= share


async def _answered(call: Callable[[], Awaitable[httpx.Response]]) -> dict[str, Any]:
    """The answer, as soon as the API is there to give one."""
    got: dict[str, Any] = {}

    async def answered() -> bool:
        try:
            answer = await call()
        except httpx.TransportError:
            return False
        if answer.is_success:
            got.update(answer.json())
        return answer.is_success

    await wait_until(answered, what="an answer", timeout=60, every=0.05)
    return got


async def _kill(stack: LocalStack, role: str) -> None:
    pid = stack.local["pids"][role]
    os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        return (stack.home / "local.json").exists() and stack.local["pids"].get(role) not in {None, pid}

    await wait_until(again, what=f"{role} again", timeout=60)
