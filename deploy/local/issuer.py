"""The local OpenID Connect issuer: stands in for Keycloak on one machine, for the local stack and for tests.

    python -m deploy.local.issuer --port PORT --home DIR [--url-file FILE]

binds 127.0.0.1 (nothing else can be asked for), prints its address as the first line of its output, and
writes it to FILE when it answers; port 0 takes a free one. A realm's issuer is `{address}/realms/{realm}`,
so a stack that is to keep its tenants must start it on the same port again. What has to survive a restart
(signing keys, refresh secrets, ended sessions) is in `DIR/issuer/secrets.json`, readable by its owner
alone. It is ready when `GET {address}/realms/core/.well-known/openid-configuration` answers 200, and
SIGTERM or SIGINT stops it.

SIGUSR1 makes every realm sign with a new key, the old ones staying published; SIGUSR2 takes the old ones
away. It refuses to start with PENSTOCK_ENVIRONMENT=production: its users' passwords are their names.

Realms, users and clients are in `issuer_realms.py`; tests start it in their own process with `start_issuer`.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn

from core import clock
from deploy.local import issuer_app, issuer_grants, issuer_keys, issuer_realms, issuer_tokens, ports


class Issuer:
    """A running issuer, as seen by the process that it runs in. `vault` has its secrets, for tests that forge."""

    def __init__(
        self,
        url: str,
        vault: issuer_keys.Vault,
        now: clock.Clock,
        realms: tuple[issuer_realms.Realm, ...],
        access: timedelta,
    ) -> None:
        self.url = url
        self._realms = {realm.name: realm for realm in realms}
        self.vault = vault
        self._mint = issuer_tokens.Mint(url, vault, now, access)
        self._grants = issuer_grants.Grants(self._mint, now)
        self.endpoints = issuer_app.Endpoints(realms, self._mint, self._grants, vault)

    @property
    def hits(self) -> Counter[str]:
        """Requests so far, by `realm/endpoint`, such as `demo/certs`."""
        return self.endpoints.hits

    def issuer_of(self, realm: str) -> str:
        """What that realm's tokens say in `iss`."""
        return self._mint.issuer(self._realms[realm])

    def user_token(self, realm: str, username: str) -> str:
        """An access token as the password grant gives it, without the round trip."""
        where = self._realms[realm]
        user = where.user(username)
        client = where.client("penstock-cli")
        assert user is not None, f"realm {realm} has no user {username}"
        assert client is not None
        session = self._grants.session(where, user, client, issuer_grants.scope_of(None))
        return self._mint.user_token(where, user, session)

    def service_token(self, realm: str, client_id: str) -> str:
        """An access token as the client-credentials grant gives it, without the round trip."""
        where = self._realms[realm]
        client = where.client(client_id)
        assert client is not None, f"realm {realm} has no client {client_id}"
        return self._mint.service_token(where, client, issuer_grants.scope_of(None))

    def sign(self, realm: str, claims: dict[str, Any]) -> str:
        """A token of any claims whatever, signed by that realm: for tests of what must be refused."""
        return self._mint.sign(self._realms[realm], claims)

    def rotate(self, realm: str | None = None) -> None:
        """Sign with new keys, in one realm or all; the old ones stay published."""
        for name in [realm] if realm else self._realms:
            self.vault.rotate(name)

    def retire(self, realm: str | None = None) -> None:
        """Take the older keys away, in one realm or all."""
        for name in [realm] if realm else self._realms:
            self.vault.retire(name)


@contextlib.asynccontextmanager
async def start_issuer(
    *,
    home: Path | None = None,
    port: int = 0,
    now: clock.Clock = clock.system_clock,
    realms: tuple[issuer_realms.Realm, ...] = issuer_realms.REALMS,
    access: timedelta = issuer_tokens.ACCESS,
) -> AsyncGenerator[Issuer]:
    """An issuer on loopback that runs in this event loop until the block is left.

    Without a `home` its keys are forgotten at the end. A realm's first key is made when the realm is first
    used (0.1 s). Raises RuntimeError in production, `ports.PortTakenError` when `port` is taken.
    """
    if os.environ.get("PENSTOCK_ENVIRONMENT") == "production":
        raise RuntimeError("The local issuer is not for production: its users' passwords are their names.")
    listener = ports.listen(port)
    url = f"http://{ports.LOOPBACK}:{listener.getsockname()[1]}"
    vault = issuer_keys.Vault(home / "issuer" / "secrets.json" if home else None)
    issuer = Issuer(url, vault, now, realms, access)
    config = uvicorn.Config(
        issuer.endpoints.app(),
        log_config=None,
        log_level="warning",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield issuer
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    """Leaves the process's signals alone: they are for the program around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _run(port: int, home: Path, url_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with start_issuer(home=home, port=port) as issuer:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGUSR1, issuer.rotate)
        loop.add_signal_handler(signal.SIGUSR2, issuer.retire)
        sys.stdout.write(f"{issuer.url}\n")
        sys.stdout.flush()
        if url_file is not None:
            fresh = url_file.with_suffix(".new")
            fresh.write_text(issuer.url)
            fresh.replace(url_file)
        await stop.wait()


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.issuer", description="The local OpenID issuer.")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--home", type=Path, required=True, help="folder of the stack; keys are kept in it")
    parser.add_argument("--url-file", type=Path, help="where to write the address")
    asked = parser.parse_args()
    try:
        asyncio.run(_run(asked.port, asked.home, asked.url_file))
    except (RuntimeError, ports.PortTakenError) as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
