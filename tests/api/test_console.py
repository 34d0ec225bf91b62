"""The console's files and page, and where it learns how people log in."""

import gzip
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api import console
from tests.support import api as support
from tests.support.api import Api


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What `npm run build` leaves, in small."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>Penstock</title>")
    (dist / "assets" / "a-1.js").write_text("run()")
    (dist / "assets" / "a-1.js.gz").write_bytes(gzip.compress(b"run()"))
    (tmp_path / "secret.txt").write_text("secret")
    return dist


@pytest.fixture
async def browser(api: Api, built: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody who looks at the console of this server."""
    app = FastAPI(routes=[*console.routes(built)])
    app.state.context = api.app.state.context
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock") as client:
        yield client


async def test_the_root_leads_to_the_console(api: Api) -> None:
    for path in ("/", "/console"):
        answer = await api(None).get(path)
        assert (answer.status_code, answer.headers["location"]) == (307, "/console/")


async def test_every_view_gets_the_page_and_no_page_is_kept(browser: httpx.AsyncClient) -> None:
    for path in ("/console/", "/console/demo", "/console/demo/queues/intake/strike-reports"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.text) == (200, "<title>Penstock</title>")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert "immutable" not in answer.headers.get("cache-control", "")


async def test_a_page_may_talk_to_its_tenants_issuer_alone(api: Api, browser: httpx.AsyncClient) -> None:
    issuer = (await api(None).get("/api/v1/sign-in/demo")).json()["issuer"].partition("/realms/")[0]
    assert f"connect-src 'self' {issuer};" in (await browser.get("/console/demo")).headers["content-security-policy"]
    for path in ("/console/", "/console/nobody"):
        assert "connect-src 'self';" in (await browser.get(path)).headers["content-security-policy"]


async def test_built_files_are_kept_for_ever_and_sent_packed(browser: httpx.AsyncClient) -> None:
    packed = await browser.get("/console/assets/a-1.js")
    assert (packed.text, packed.headers["content-encoding"]) == ("run()", "gzip")
    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["content-type"].startswith("text/javascript")
    plain = await browser.get("/console/assets/a-1.js", headers={"Accept-Encoding": "identity"})
    assert (plain.text, "content-encoding" in plain.headers) == ("run()", False)


@pytest.mark.parametrize("path", ["/console/assets/gone.js", "/console/assets/..%2f..%2fsecret.txt"])
async def test_what_was_not_built_is_not_there(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.text) == (404, "")


async def test_nothing_beside_the_built_files_is_sent(browser: httpx.AsyncClient) -> None:
    assert "secret" not in (await browser.get("/console/..%2fsecret.txt")).text


async def test_a_server_without_the_console_says_how_to_build_it(built: Path, browser: httpx.AsyncClient) -> None:
    (built / "index.html").unlink()
    answer = await browser.get("/console/demo")
    assert answer.status_code == 404
    assert "deploy/console.sh" in answer.text


async def test_where_people_log_in_is_told_to_everybody(api: Api) -> None:
    answer = await api(None).get("/api/v1/sign-in/demo")
    assert answer.json() | {"issuer": ""} == {
        "tenant": "demo",
        "displayName": "demo",
        "issuer": "",
        "clientId": "penstock-console",
    }
    assert answer.json()["issuer"].endswith("/realms/demo")


async def test_an_unknown_tenant_has_no_login(api: Api) -> None:
    answer = await api(None).get("/api/v1/sign-in/nobody")
    assert (answer.status_code, support.code(answer)) == (404, "not-found")
