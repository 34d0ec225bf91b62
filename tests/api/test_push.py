"""Tasks that are pushed to HTTP targets, with an engine: what each answer means, and what is never reached."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from broker import engine
from tests.support import api as support
from tests.support import target as targets
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
async def running(api: Api, queue: str) -> AsyncGenerator[None]:
    """An engine that works in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    yield
    stop.set()
    await working


async def define(api: Api, url: str, *, name: str = "send", realm: str = "demo", **more: Any) -> None:
    """A definition whose tasks go to that address."""
    target = {"kind": "http", "url": url} | more.pop("target", {})
    retry = {"maxAttempts": 3, "backoff": {"kind": "fixed", "initialSeconds": 0.05}}
    body = {"queue": KEY, "retry": retry, "target": target} | more
    answer = await api("ada", realm).put(f"/api/v1/definitions/{name}", json=body)
    assert answer.status_code in {200, 201}, answer.text


async def allow(api: Api, *urls: str, realm: str = "demo") -> None:
    """Let the tenant reach these."""
    answer = await api("ada", realm).patch(f"/api/v1/tenants/{realm}", json={"httpTargets": {"allow": [*urls]}})
    assert answer.status_code == 200, answer.text


async def ended(api: Api, task: dict[str, Any], *, realm: str = "demo") -> dict[str, Any]:
    """The task once it has ended."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        found.update((await api("ada", realm).get(f"/api/v1/tasks/{task['id']}")).json())
        return found["state"] == "done"

    await wait_until(done, what="the task's end", timeout=15)
    return found


async def test_a_task_is_sent_signed_and_its_answer_is_its_result(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(b'{"sent": true}', media_type="application/json")

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        for name, value in (("signing", SECRET), ("key", "k-123")):
            assert (await api("ada").put(f"/api/v1/secrets/{name}", json={"value": value})).status_code == 201
        headers = {"X-Api-Key": "Key ${secret:key}"}
        await define(api, f"{target.url}/hook", target={"headers": headers, "secretRef": "signing", "method": "PUT"})
        task = await support.submit(api("sub"), definition="send", params={"to": "x"}, context={"a": "b"})
        done = await ended(api, task)
        assert (done["outcome"], done["result"], done["holder"]["name"]) == ("succeeded", {"sent": True}, "HTTP push")
        (sent,) = target.headers
        assert (sent["x-api-key"], sent["penstock-task"], sent["penstock-attempt"]) == ("Key k-123", task["id"], "1")
        told = standardwebhooks.Webhook(SECRET).verify(target.bodies[0], sent)
        assert (told["id"], told["params"], told["context"]) == (task["id"], {"to": "x"}, {"a": "b"})
        listed = (await api("ada").get("/api/v1/secrets")).text
        assert SECRET not in listed
        assert '"signing"' in listed


async def test_text_is_a_result_too(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return PlainTextResponse("hello")

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        assert (await ended(api, await support.submit(api("sub"), definition="send")))["result"] == "hello"


async def test_a_target_that_is_not_well_is_tried_again(api: Api) -> None:
    answers = iter((500, 503, 200))

    async def answer(_: Request) -> Response:
        return Response(status_code=next(answers))

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        done = await ended(api, await support.submit(api("sub"), definition="send"))
        assert (done["outcome"], done["attempt"], len(target.bodies)) == ("succeeded", 3, 3)
        assert {headers["penstock-attempt"] for headers in target.headers} == {"1", "2", "3"}


async def test_the_last_attempt_leaves_what_the_target_said(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return PlainTextResponse("broken", status_code=500)

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        done = await ended(api, await support.submit(api("sub"), definition="send"))
        assert (done["outcome"], done["dead"]) == ("failed", True)
        assert done["error"] == {"type": "http-status", "status": 500, "body": "broken"}


async def test_what_would_be_refused_again_is_final(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=404)

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        done = await ended(api, await support.submit(api("sub"), definition="send"))
        assert (done["outcome"], done["attempt"], len(target.bodies)) == ("failed", 1, 1)
        await define(api, target.url, target={"options": {"success": ["2xx", "404"]}})
        assert (await ended(api, await support.submit(api("sub"), definition="send")))["outcome"] == "succeeded"


async def test_a_busy_target_says_when(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=429, headers={"Retry-After": "3600"})

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        task = await support.submit(api("sub"), definition="send")
        found: dict[str, Any] = {}

        async def waiting() -> bool:
            found.update((await api("ada").get(f"/api/v1/tasks/{task['id']}")).json())
            return found["state"] == "waiting"

        await wait_until(waiting, what="the task to wait")
        due = datetime.fromisoformat(found["executeAt"]) - datetime.now(UTC)
        assert timedelta(minutes=59) < due < timedelta(minutes=61)


async def test_a_target_that_hangs_is_given_up_and_holds_up_nobody(api: Api) -> None:
    async def hang(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    async def answer(_: Request) -> Response:
        return Response()

    async with targets.listening(hang) as slow, targets.listening(answer) as quick:
        await support.make_queue(api("ada", "acme"))
        await allow(api, slow.url, quick.url)
        await allow(api, quick.url, realm="acme")
        options = {"timeoutSeconds": 1, "concurrency": 2}
        await define(api, slow.url, target={"options": options}, retry={"maxAttempts": 1})
        await define(api, quick.url, name="other")
        await define(api, quick.url, realm="acme")
        stuck = [await support.submit(api("sub"), definition="send") for _ in range(4)]
        await wait_until(lambda: len(slow.bodies) == 2, what="two calls that hang")
        for realm, name in (("demo", "other"), ("acme", "send")):
            task = await support.submit(api("sub", realm), definition=name)
            assert (await ended(api, task, realm=realm))["outcome"] == "succeeded"
        for task in stuck:
            done = await ended(api, task)
            assert (done["outcome"], done["error"]["type"]) == ("failed", "unreachable")


async def test_an_answer_without_end_is_cut(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(b"x" * 10_000_000)

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        done = await ended(api, await support.submit(api("sub"), definition="send"))
        assert (done["outcome"], done["error"]["type"]) == ("failed", "too-large")


async def test_a_redirect_is_not_followed(api: Api) -> None:
    async def elsewhere(_: Request) -> Response:
        return Response(b"secret")

    async def answer(_: Request) -> Response:
        return RedirectResponse(f"{private.url}/admin")

    async with targets.listening(elsewhere) as private, targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        done = await ended(api, await support.submit(api("sub"), definition="send"))
        assert (done["outcome"], done["error"]["status"]) == ("failed", 307)
        assert private.bodies == []


async def test_nothing_private_is_reached_unless_it_is_allowed(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(b"secret")

    async with targets.listening(answer) as target:
        await allow(api, f"{target.url}/open")
        for path in ("/", "/openly", "/open/../admin"):
            await define(api, f"{target.url}{path}")
            done = await ended(api, await support.submit(api("sub"), definition="send"))
            assert (done["outcome"], done["error"]["type"], done["attempt"]) == ("failed", "blocked", 1)
        assert target.bodies == []
        await define(api, f"{target.url}/open/hook")
        assert (await ended(api, await support.submit(api("sub"), definition="send")))["outcome"] == "succeeded"


async def test_an_asynchronous_target_completes_later(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=202)

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url)
        task = await support.submit(api("sub"), definition="send")
        await wait_until(lambda: len(target.bodies) == 1, what="the call")
        fence = support.decode(target.bodies[0])["execId"]
        path = f"/api/v1/tasks/{task['id']}/complete"
        wrong = await api("wim").post(path, json={"execId": "nothing"})
        assert (wrong.status_code, support.code(wrong)) == (409, "lease-lost")
        said = await api("wim").post(path, json={"execId": fence, "result": {"later": 1}})
        assert said.status_code == 200, said.text
        assert (await ended(api, task))["result"] == {"later": 1}


async def test_a_canceled_task_is_given_up(api: Api) -> None:
    hung_up = asyncio.Event()

    async def hang(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        hung_up.set()
        return Response()

    async with targets.listening(hang) as target:
        await allow(api, target.url)
        await define(api, target.url, leaseSeconds=1.5)
        task = await support.submit(api("sub"), definition="send")
        await wait_until(lambda: len(target.bodies) == 1, what="the call")
        await api("sub").post(f"/api/v1/tasks/{task['id']}/cancel", json={"mode": "ask"})
        assert (await ended(api, task))["outcome"] == "canceled"
        await asyncio.wait_for(hung_up.wait(), 10)


async def test_a_target_without_its_secret_is_not_called(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response()

    async with targets.listening(answer) as target:
        await allow(api, target.url)
        await define(api, target.url, target={"secretRef": "gone"})
        done = await ended(api, await support.submit(api("sub"), definition="send"))
        assert (done["outcome"], done["error"]["type"]) == ("failed", "not-sendable")
        assert target.bodies == []


@pytest.mark.parametrize("value", ["", "whsec_%%%", "snow\N{SNOWMAN}", "line\nbreak"])
async def test_a_secret_that_cannot_be_is_refused(api: Api, value: str) -> None:
    answer = await api("ada").put("/api/v1/secrets/x", json={"value": value})
    assert (answer.status_code, support.fields(answer)) == (400, ["value"])
    assert value == "" or value not in answer.text
    assert (await api("ada").delete("/api/v1/secrets/x")).status_code == 404
    assert QUEUE
