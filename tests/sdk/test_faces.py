"""The synchronous face is the asynchronous one behind a portal: same calls, same names, from any thread."""

import asyncio
import inspect
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from penstock import AsyncClient, Client, UsageError, faces

from tests.sdk import wire

GROUPS = (
    "tasks", "queues", "definitions", "flows", "flow_templates", "schedules", "imports", "webhooks",
    "secrets", "audit", "events", "tenants",
)  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_both_clients_offer_the_same_calls(group: str) -> None:
    one, other = getattr(Client("http://x"), group), getattr(AsyncClient("http://x"), group)
    calls = {name for name in dir(one) if not name.startswith("_")} - {"portal"}
    assert calls == {name for name in dir(other) if not name.startswith("_")}
    for name in calls:
        assert inspect.getdoc(getattr(one, name)), name


async def test_it_blocks_its_thread_and_not_the_loop() -> None:
    async with wire.answering(lambda asked, n: wire.answer(wire.task(id=asked.path.rsplit("/", 1)[1]))) as server:

        def work() -> list[str]:
            with Client(server.url) as client, ThreadPoolExecutor(4) as threads:
                return [task.id for task in threads.map(client.tasks.get, [f"t{n}" for n in range(20)])]

        assert await asyncio.to_thread(work) == [f"t{n}" for n in range(20)]


async def test_pages_are_fetched_as_they_are_looked_at() -> None:
    def page(asked: wire.Asked, number: int) -> wire.Response:
        return wire.answer({"items": [wire.task(id=f"t{number}")], "next": f"c{number}" if number < 3 else None})

    async with wire.answering(page) as server:

        def work() -> list[str]:
            with Client(server.url) as client:
                return [task.id for task in client.tasks.list("a:b", state=["ready", "done"], created_by="x")]

        def glance() -> str:
            with Client(server.url) as client:
                return next(iter(client.tasks.list())).id

        assert await asyncio.to_thread(work) == ["t1", "t2", "t3"]
        assert [asked.query.get("after") for asked in server.asked] == [None, "c1", "c2"]
        assert server.asked[0].query["createdBy"] == "x"
        server.asked.clear()
        assert await asyncio.to_thread(glance) == "t1"
        assert len(server.asked) == 1


async def test_a_client_goes_on_in_a_forked_process() -> None:
    """The parent's connections and thread are not the child's: it makes its own."""
    async with wire.answering(lambda asked, n: wire.answer(wire.task(id="x"))) as server:

        def work() -> int:
            with Client(server.url) as client:
                assert client.tasks.get("x").id == "x"
                pid = os.fork()
                if pid == 0:
                    os._exit(0 if client.tasks.get("x").id == "x" else 1)
                _, status = os.waitpid(pid, 0)
                assert client.tasks.get("x").id == "x"
                return os.waitstatus_to_exitcode(status)

        assert await asyncio.to_thread(work) == 0
        assert len(server.asked) == 3


async def test_the_synchronous_face_on_the_loop_is_refused() -> None:
    async with AsyncClient("http://x") as client:
        lent = client.blocking(faces.LoopPortal(asyncio.get_running_loop()))
        with pytest.raises(UsageError, match="event loop"):
            lent.tasks.get("x")


def test_a_closed_client_leaves_no_thread() -> None:
    before = threading.active_count()
    client = Client("http://127.0.0.1:1", token="t")
    assert client.token() == "t"
    assert threading.active_count() == before + 1
    client.close()
    assert threading.active_count() == before
