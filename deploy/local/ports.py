"""Free TCP ports on loopback, remembered per home so that addresses stay the same from start to start."""

import errno
import json
import random
import socket
from pathlib import Path
from typing import cast

LOOPBACK = "127.0.0.1"

# Below the range that the kernel hands to outgoing connections (32768 and up, ip(7)), so that none of them
# takes a port between our choice and the server's bind.
_RANGE = range(20_000, 32_000)


class PortTakenError(RuntimeError):
    """Somebody else listens on a port that was asked for by number."""


def free() -> int:
    """A port that nobody listens on at this moment."""
    for _ in range(1_000):
        port = random.choice(_RANGE)
        if is_free(port):
            return port
    raise PortTakenError(f"no free port between {_RANGE.start} and {_RANGE.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listen(port: int) -> socket.socket:
    """Listen on a port of loopback; raises PortTakenError.

    The listening socket stays with us and is handed to the API's processes, so that requests wait in its
    queue while a process is started again.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"port {port} is taken by another program") from error
        raise
    # Accepted connections inherit it. uvicorn takes a handed-down socket for a Unix one, so nobody else sets it, and
    # without it every small answer waits 40 ms for the caller's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.listen(1024)
    return listener


def remembered(file: Path, names: tuple[str, ...]) -> dict[str, int]:
    """A free port for each name: the one of the last start when it is still free, else a new one."""
    before = cast("dict[str, int]", json.loads(file.read_text())) if file.exists() else {}
    chosen: dict[str, int] = {}
    for name in names:
        port = before.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            port = free()
            while port in chosen.values():
                port = free()
        chosen[name] = port
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(chosen, indent=2))
    return chosen
