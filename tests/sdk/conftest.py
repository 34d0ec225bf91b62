"""One real server for all tests of a worker process: API and engine on real stores, the local issuer beside them."""

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from penstock import AsyncClient, Client, Password
from penstock.models.base import Backoff, RetryPolicy
from penstock.models.queue import Bindings, Defaults

from deploy.local import issuer
from tests.support import api as support
from tests.support import serving

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where everything is."""

    api: str
    auth: str

    def login(self, user: str, realm: str = "demo") -> Password:
        """How that user gets tokens."""
        return Password(issuer=f"{self.auth}/realms/{realm}", client_id="penstock-cli", username=user, password=user)

    def environment(self, user: str, realm: str = "demo") -> dict[str, str]:
        """The variables that lead a process here as that user."""
        return {
            "PENSTOCK_URL": self.api,
            "PENSTOCK_ISSUER": f"{self.auth}/realms/{realm}",
            "PENSTOCK_CLIENT_ID": "penstock-cli",
            "PENSTOCK_USERNAME": user,
            "PENSTOCK_PASSWORD": user,
        }


@pytest.fixture(scope="session")
def tokens() -> Iterator[issuer.Issuer]:
    """The local issuer."""
    with support.issuing() as running:
        yield running


@pytest.fixture(scope="session")
def _quiet() -> Iterator[None]:
    """The server writes its log to nobody: the command line's output is looked at."""
    before = structlog.get_config()
    with Path(os.devnull).open("w") as nobody:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(nobody))
        yield
        structlog.configure(**before)


@pytest.fixture(scope="session")
def server(
    mongodb_url: str,
    rabbitmq_url: str,
    tokens: issuer.Issuer,
    worker_id: str,
    _drop_database: Callable[[str], None],
    _quiet: None,
) -> Iterator[Server]:
    """API and engine in a thread of their own, so that they serve synchronous tests too. Queues keep tests apart."""
    settings = support.settings(mongodb_url, rabbitmq_url, tokens.url, f"sdk_{worker_id}")
    begun = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]] = []

    async def serve() -> None:
        over = asyncio.Event()
        async with (
            support.serving(settings, tokens) as api,
            serving.listening(api.app) as address,
            serving.working(api.parts),
        ):
            running.append((asyncio.get_running_loop(), over, address))
            begun.set()
            await over.wait()
            await support.drop_lanes(api.parts)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server")
    thread.start()
    assert begun.wait(60), "the server did not start"
    loop, over, address = running[0]
    yield Server(api=address, auth=tokens.url)
    loop.call_soon_threadsafe(over.set)
    thread.join()
    _drop_database(settings.mongodb_database)


@pytest.fixture
def queue(server: Server) -> str:
    """A queue for this test alone: wim and wes work, sub submits; leases of 2 s, two attempts 50 ms apart."""
    name = f"sdk:q{next(_numbers)}"
    retry = RetryPolicy(max_attempts=2, backoff=Backoff(kind="fixed", initial_seconds=0.05))
    with Client(server.api, token=server.login("ada")) as ada:
        ada.queues.put(
            name,
            bindings=Bindings(submitters=("task-writer",), workers=("reviewer",), assigners=("supervisor",)),
            defaults=Defaults(lease_seconds=2.0, retry=retry),
        )
    return name


@pytest.fixture
async def ada(server: Server) -> AsyncIterator[AsyncClient]:
    """The administrator of demo."""
    async with AsyncClient(server.api, token=server.login("ada")) as client:
        yield client


@pytest.fixture
async def wim(server: Server) -> AsyncIterator[AsyncClient]:
    """A worker."""
    async with AsyncClient(server.api, token=server.login("wim")) as client:
        yield client


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment in which no connection is found; answers where profiles would be kept."""
    for name in [each for each in os.environ if each.startswith("PENSTOCK_") and not each.startswith("PENSTOCK_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PENSTOCK_CONFIG", str(tmp_path / "config.json"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config.json"
