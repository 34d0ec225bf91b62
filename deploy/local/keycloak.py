"""Real Keycloak as a service of a stack: the same realms, users and clients as the local issuer, on loopback."""

import asyncio
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from core import realms
from deploy.local import children, issuer_realms, issuer_tokens, ports

ADMIN = "penstock-admin"
"""The service client in the realm `master` that the server makes realms with."""

_HEAP_MB = 320
_OPENS = ("java.util", "java.util.concurrent", "java.security", "java.lang")
_LOOPBACK_PAGES = ("http://127.0.0.1/*", "http://localhost/*")
"""Keycloak takes any port of loopback for these, as RFC 8252 asks."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a Keycloak lives, and the secret of its first administrator."""

    home: Path
    port: int
    secret: str
    origins: tuple[str, ...] = ()
    """Where the console is served: pages from there may ask Keycloak."""

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://{ports.LOOPBACK}:{self.port}"


def server(home: Path, *, origins: tuple[str, ...] = ()) -> Server:
    """The Keycloak of a home: its port and secret are those of the first start."""
    kept = home / "keycloak" / "admin.secret"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    port = ports.remembered(home / "issuer.ports.json", ("issuer",))["issuer"]
    return Server(home=home, port=port, secret=kept.read_text(), origins=origins)


def service(at: Server, distribution: Path) -> children.Service:
    """The server; ready means that all realms are there."""
    return children.Service(
        role="issuer",
        home=at.home,
        command=lambda: _command(at, distribution),
        ready=lambda: _provisioned(at),
        start_within=timedelta(seconds=90),
    )


def _command(at: Server, distribution: Path) -> children.Command:
    """Java itself: Keycloak's script does not replace itself, and would stand between us and the server."""
    data = at.home / "keycloak" / "data"
    data.mkdir(parents=True, exist_ok=True)
    pool = "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    argv = (
        *("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms64m", f"-Xmx{_HEAP_MB}m"),
        *("-XX:+ExitOnOutOfMemoryError", "-Dfile.encoding=UTF-8", "-Duser.language=en", f"-Djava.io.tmpdir={data}"),
        f"{pool}io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
        *(f"--add-opens=java.base/{each}=ALL-UNNAMED" for each in _OPENS),
        *(f"-Dkc.home.dir={distribution}", f"-Djboss.server.config.dir={distribution / 'conf'}"),
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        *("-cp", str(distribution / "lib" / "quarkus-run.jar")),
        *("io.quarkus.bootstrap.runner.QuarkusEntryPoint", "start", "--optimized"),
        *("--cache=local", "--http-enabled=true", f"--http-host={ports.LOOPBACK}", f"--http-port={at.port}"),
        *(f"--hostname={at.url}", f"--db-url=jdbc:h2:file:{data / 'h2'};NON_KEYWORDS=VALUE;AUTO_SERVER=FALSE"),
    )
    env = {"KC_BOOTSTRAP_ADMIN_CLIENT_ID": ADMIN, "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": at.secret}
    return children.Command(argv=argv, env=env)


async def _provisioned(at: Server) -> None:
    """Return when it answers and has every realm; what is there is left as it is, but for the console's addresses."""
    async with httpx.AsyncClient(base_url=at.url, trust_env=False, timeout=30) as http:
        while not await _answers(http):
            await asyncio.sleep(0.1)
        try:
            http.headers["Authorization"] = f"Bearer {await _token(http, at.secret)}"
            there = {realm["realm"] for realm in (await http.get("/admin/realms")).raise_for_status().json()}
            for realm in issuer_realms.REALMS:
                if realm.name not in there:
                    body = _representation(realm, at.origins)
                    (await http.post("/admin/realms", json=body)).raise_for_status()
                else:
                    await _let_in(http, realm.name, at.origins)
        except httpx.HTTPStatusError as refusal:
            raise children.ChildError(f"Keycloak refused its realms: {refusal}: {refusal.response.text}") from refusal


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/realms/master")).is_success
    except httpx.TransportError:
        return False


async def _token(http: httpx.AsyncClient, secret: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": ADMIN, "client_secret": secret}
    answer = await http.post("/realms/master/protocol/openid-connect/token", data=form)
    return str(answer.raise_for_status().json()["access_token"])


async def _let_in(http: httpx.AsyncClient, realm: str, origins: tuple[str, ...]) -> None:
    """The console is at another port than at the last start, perhaps."""
    clients = (await http.get(f"/admin/realms/{realm}/clients")).raise_for_status().json()
    for client in clients:
        if client["clientId"] in {"penstock-cli", "penstock-console"}:
            changed = client | {"webOrigins": [*origins]}
            (await http.put(f"/admin/realms/{realm}/clients/{client['id']}", json=changed)).raise_for_status()


def _representation(realm: issuer_realms.Realm, origins: tuple[str, ...]) -> dict[str, Any]:
    made = realms.Realm(
        name=realm.name,
        display_name=realm.display_name,
        audience=issuer_realms.OUR_CLIENT,
        realm_roles=tuple(sorted({role for user in realm.users for role in user.realm_roles})),
        users=tuple(_user(realm, user) for user in realm.users),
        clients=tuple(_client(realm, client, origins) for client in (*realm.clients, issuer_realms.PEOPLE)),
        access=issuer_tokens.ACCESS,
        guards_passwords=False,
    )
    # The passwords are the user names: hashing them as slowly as real ones would protect nothing.
    policy = {"passwordPolicy": "hashAlgorithm(pbkdf2-sha512) and hashIterations(1)"}
    return realms.representation(made) | policy


def _user(realm: issuer_realms.Realm, user: issuer_realms.User) -> realms.RealmUser:
    return realms.RealmUser(
        username=user.username,
        password=user.password,
        given_name=user.given_name,
        family_name=user.family_name,
        email=f"{user.username}@{realm.name}.example",
        realm_roles=user.realm_roles,
        service_roles=user.service_roles,
        subject=realm.subject(user.username),
    )


def _client(realm: issuer_realms.Realm, client: issuer_realms.Client, origins: tuple[str, ...]) -> realms.RealmClient:
    return realms.RealmClient(
        client_id=client.client_id,
        secret=client.secret,
        redirect_uris=_LOOPBACK_PAGES if client.code else (),
        web_origins=origins,
        passwords=client.passwords,
        service_roles=client.service_roles,
        subject=realm.subject(f"service-account-{client.client_id}"),
        looks_up=client is issuer_realms.PEOPLE,
    )
