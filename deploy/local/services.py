"""Our own processes as services of a stack: the issuer, the API and the engine."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local import children, issuer_realms, ports


@dataclass(frozen=True, kw_only=True)
class Admin:
    """A service client in the realm `master`."""

    client_id: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the parts of a stack answer."""

    api: str
    auth: str
    rabbitmq: str
    mongodb: str
    mirrored: bool = False
    """RabbitMQ is a cluster that mirrors its queues."""
    master_keys: Path
    """The file of the keys that seal secrets."""
    keycloak: Admin | None = None
    """Where the issuer is Keycloak: who may make realms there."""


def issuer(home: Path, port: int) -> children.Service:
    """The local OIDC issuer."""
    argv = (sys.executable, "-m", "deploy.local.issuer", "--port", str(port), "--home", str(home))
    return _service(
        "issuer",
        home,
        children.Command(argv=argv),
        f"http://{ports.LOOPBACK}:{port}/realms/core/.well-known/openid-configuration",
    )


def api(home: Path, at: Addresses, *, listener: int, count: int) -> list[children.Service]:
    """The processes of the API, roles `api`, `api-2` and so on.

    They accept from one listening socket, which stays open while one of them is started again.
    """
    argv = (
        *(sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory", "--ws", "none"),
        *("--http", "api.corked:Protocol"),
        *("--fd", str(listener), "--log-level", "warning", "--no-access-log", "--no-server-header"),
        # Longer than clients keep an idle connection, and no longer than a Ctrl-C may take.
        *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "3"),
    )
    env = _settings(at) | ({"PROMETHEUS_MULTIPROC_DIR": str(_metrics(home))} if count > 1 else {})
    command = children.Command(argv=argv, env=env, inherited_fds=(listener,))
    roles = ["api", *(f"api-{number}" for number in range(2, count + 1))]
    return [_service(role, home, command, f"{at.api}/health/ready") for role in roles]


def engine(home: Path, at: Addresses) -> children.Service:
    """One engine. It has no port: what it writes to its log says that it works."""
    env = {**_settings(at), "PENSTOCK_LOG_LEVEL": "INFO"}
    log = home / "logs" / "engine.log"
    read_from = 0

    def command() -> children.Command:
        nonlocal read_from
        read_from = log.stat().st_size if log.exists() else 0
        return children.Command(argv=(sys.executable, "-m", "broker", "engine"), env=env)

    async def ready() -> None:
        while b"engine started" not in log.read_bytes()[read_from:]:
            await asyncio.sleep(0.05)

    return children.Service(role="engine", home=home, command=command, ready=ready)


def _service(role: str, home: Path, command: children.Command, probe: str) -> children.Service:
    return children.Service(role=role, home=home, command=lambda: command, ready=lambda: _answers(probe))


def _metrics(home: Path) -> Path:
    """An empty folder in which the API's processes add up their numbers."""
    folder = home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _settings(at: Addresses) -> dict[str, str]:
    """The server's settings (core/settings.py) that say where its parts are."""
    found = {
        "PENSTOCK_ENVIRONMENT": "local",
        "PENSTOCK_MONGODB_URL": at.mongodb,
        "PENSTOCK_RABBITMQ_URL": at.rabbitmq,
        "PENSTOCK_AUTH_URL": at.auth,
        "PENSTOCK_PUBLIC_URL": at.api,
        "PENSTOCK_MASTER_KEYS_FILE": str(at.master_keys),
    }
    if at.mirrored:
        found["PENSTOCK_RABBITMQ_MIRRORED"] = "true"
    if at.keycloak is not None:
        found["PENSTOCK_KEYCLOAK_ADMIN_CLIENT_ID"] = at.keycloak.client_id
        found["PENSTOCK_KEYCLOAK_ADMIN_CLIENT_SECRET"] = at.keycloak.secret
    else:
        found["PENSTOCK_PEOPLE_CLIENT_ID"] = found["PENSTOCK_PEOPLE_CLIENT_SECRET"] = issuer_realms.PEOPLE.client_id
    return found


async def _answers(url: str) -> None:
    """Return when the address answers 200."""
    async with httpx.AsyncClient(timeout=5) as client:
        while True:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
