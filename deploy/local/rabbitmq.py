"""A private RabbitMQ node on loopback, run from the Debian package without its system service."""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from deploy.local import children, ports

# The package's inner scripts. The wrappers of the same names on PATH insist on root or on the user rabbitmq.
_SCRIPTS = (Path("/usr/lib/rabbitmq/bin"),)
_USER = "penstock"
_AMQP_HEADER = b"AMQP\x00\x00\x09\x01"


class RabbitmqMissingError(RuntimeError):
    """RabbitMQ is not installed on this machine."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """Where a node lives, and who may speak to it."""

    home: Path
    port: int
    dist_port: int
    epmd_port: int
    password: str
    vhosts: tuple[str, ...]
    role: str = "rabbitmq"
    name: str = "penstock@localhost"
    peers: tuple[str, ...] = ()
    """The names of all nodes of its cluster; none for a node by itself."""
    cookie: str | None = None
    """What the nodes of a cluster know each other by."""

    @property
    def data(self) -> Path:
        """Everything of this node, its data included: deleting it makes the node new."""
        return self.home / self.role

    def url(self, vhost: str) -> str:
        """The AMQP address of one virtual host."""
        return f"amqp://{_USER}:{self.password}@{ports.LOOPBACK}:{self.port}/{vhost}"


def scripts() -> Path:
    """The folder of RabbitMQ's own scripts; raises RabbitmqMissingError."""
    for folder in _SCRIPTS:
        if (folder / "rabbitmq-server").exists():
            return folder
    raise RabbitmqMissingError("RabbitMQ is not installed: apt-get install rabbitmq-server")


def node(home: Path, *, vhosts: tuple[str, ...]) -> Node:
    """The node of a home, with the password and, where they are still free, the ports of its last start."""
    port = ports.remembered(home / "rabbitmq.ports.json", ("amqp", "dist", "epmd"))
    return Node(
        home=home,
        port=port["amqp"],
        dist_port=port["dist"],
        epmd_port=port["epmd"],
        password=_secret(home / "rabbitmq.password"),
        vhosts=vhosts,
    )


def cluster(home: Path, *, vhosts: tuple[str, ...], count: int = 3) -> list[Node]:
    """The nodes of a cluster: every queue is mirrored on all of them. Start them at the same time."""
    numbers = range(1, count + 1)
    names = [f"{kind}-{number}" for number in numbers for kind in ("amqp", "dist")]
    port = ports.remembered(home / "rabbitmq-cluster.ports.json", (*names, "epmd"))
    return [
        Node(
            home=home,
            port=port[f"amqp-{number}"],
            dist_port=port[f"dist-{number}"],
            epmd_port=port["epmd"],
            password=_secret(home / "rabbitmq.password"),
            vhosts=vhosts,
            role=f"rabbitmq-{number}",
            name=f"penstock{number}@localhost",
            peers=tuple(f"penstock{peer}@localhost" for peer in numbers),
            cookie=_secret(home / "rabbitmq.cookie").upper(),
        )
        for number in numbers
    ]


def _secret(file: Path) -> str:
    """What is in the file, made up at the first time."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, secrets.token_urlsafe(24), mode=0o600)
    return file.read_text()


def epmd(node: Node) -> children.Service:
    """Erlang's name server. Left alone RabbitMQ starts one as a daemon that outlives it; this one is ours."""
    program = shutil.which("epmd")
    if program is None:
        raise RabbitmqMissingError("epmd is not installed: apt-get install rabbitmq-server")
    argv = (program, "-address", ports.LOOPBACK, "-port", str(node.epmd_port))
    return children.Service(
        role="epmd",
        home=node.home,
        command=lambda: children.Command(argv=argv),
        ready=lambda: wait_for_port(node.epmd_port),
        start_within=timedelta(seconds=10),
    )


def server(node: Node) -> children.Service:
    """The node itself; `epmd(node)` must be running."""
    return children.Service(
        role=node.role,
        home=node.home,
        command=lambda: _prepare(node),
        ready=lambda: _boots(node),
    )


def environment(node: Node) -> Mapping[str, str]:
    """What RabbitMQ's scripts (the server's and rabbitmqctl) need to know to find this node and no other."""
    data = node.data
    return {
        **{name: "" for name in os.environ if name.startswith(("RABBITMQ_", "ERL_"))},
        "HOME": str(data),
        "ERL_EPMD_PORT": str(node.epmd_port),
        "ERL_EPMD_ADDRESS": ports.LOOPBACK,
        # Never the machine's own name: that would have to be resolved.
        "RABBITMQ_NODENAME": node.name,
        "RABBITMQ_NODE_IP_ADDRESS": ports.LOOPBACK,
        "RABBITMQ_NODE_PORT": str(node.port),
        "RABBITMQ_DIST_PORT": str(node.dist_port),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "advanced.config"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(data / "config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(data / "pid"),
        # A path that does not exist: else the machine-wide rabbitmq-env.conf is read.
        "RABBITMQ_CONF_ENV_FILE": str(data / "no-such-rabbitmq-env.conf"),
        # Schedulers that spin while idle take the processor from the other servers of this machine.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
        ),
    }


async def control(node: Node, *words: str) -> int:
    """Run rabbitmqctl against the node; the number of its exit."""
    env = {**os.environ, **environment(node)}
    process = await asyncio.create_subprocess_exec(
        scripts() / "rabbitmqctl",
        *words,
        env={name: value for name, value in env.items() if value},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def wait_for_port(port: int) -> None:
    """Return when somebody listens on this port of loopback."""
    while True:
        try:
            _, writer = await asyncio.open_connection(ports.LOOPBACK, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


async def _boots(node: Node) -> None:
    await _answers(node.port)
    _booted(node).touch()


def _booted(node: Node) -> Path:
    """Says that the data was written by a node that came up once."""
    return node.data / "booted"


async def _answers(port: int) -> None:
    """Return when the broker answers the protocol header: it opens its port a while before it can be used."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(ports.LOOPBACK, port)
            try:
                writer.write(_AMQP_HEADER)
                # A method frame (type 1, AMQP 0-9-1 section 4.2.3): connection.start.
                if await reader.read(1) == b"\x01":
                    return
            finally:
                writer.close()
        except OSError:
            pass
        await asyncio.sleep(0.05)


def _prepare(node: Node) -> children.Command:
    data = node.data
    if not _booted(node).exists():
        # A node that was killed in its first boot may have left half a schema; no message can be in it.
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, exist_ok=True)
    cookie = data / ".erlang.cookie"
    if not cookie.exists():
        _write(cookie, node.cookie or secrets.token_hex(20).upper(), mode=0o400)
    # No plugins: half a second faster to start, five seconds faster to stop.
    _write(data / "enabled_plugins", "[].\n")
    _write(data / "definitions.json", json.dumps(_definitions(node)), mode=0o600)
    _write(
        data / "rabbitmq.conf",
        f"load_definitions = {data / 'definitions.json'}\n"
        "disk_free_limit.absolute = 200MB\n"
        "vm_memory_high_watermark.relative = 0.25\n"
        "log.console.level = warning\n" + _clustering(node),
    )
    # RUNNING_UNDER_SYSTEMD makes the script replace itself by the Erlang machine in place of watching over
    # it, so that our child is the node and not a shell.
    env = {**environment(node), "RUNNING_UNDER_SYSTEMD": "true"}
    return children.Command(argv=(str(scripts() / "rabbitmq-server"),), env=env, folder=data)


def _clustering(node: Node) -> str:
    """How the nodes of a cluster find each other; those cut off from most of the others stop by themselves."""
    if not node.peers:
        return ""
    named = "".join(
        f"cluster_formation.classic_config.nodes.{number} = {peer}\n" for number, peer in enumerate(node.peers, 1)
    )
    backend = "cluster_formation.peer_discovery_backend = classic_config\n"
    return f"{backend}{named}cluster_partition_handling = pause_minority\n"


def _definitions(node: Node) -> dict[str, list[dict[str, object]]]:
    """What the node holds from its first moment on: our user and the virtual hosts; no guest."""
    salt = secrets.token_bytes(4)
    # RabbitMQ's documented form: base64(salt + sha256(salt + password)).
    digest = hashlib.sha256(salt + node.password.encode()).digest()
    user: dict[str, object] = {
        "name": _USER,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["administrator"],
    }
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [user],
        "vhosts": [{"name": vhost} for vhost in node.vhosts],
        "permissions": [{"user": _USER, "vhost": vhost, **everything} for vhost in node.vhosts],
        "policies": [_mirrored(vhost) for vhost in node.vhosts if node.peers],
    }


def _mirrored(vhost: str) -> dict[str, object]:
    """Every queue is on all nodes, so that it outlives any one of them (https://www.rabbitmq.com/docs/3.12/ha)."""
    how = {"ha-mode": "all", "ha-sync-mode": "automatic", "ha-promote-on-shutdown": "always"}
    return {"vhost": vhost, "name": "mirrored", "pattern": ".*", "apply-to": "queues", "definition": how}


def _write(file: Path, text: str, *, mode: int = 0o644) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        out.write(text)
