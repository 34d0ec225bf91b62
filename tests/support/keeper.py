"""Keeps one server running for as long as the pytest run that owns it: `python -m tests.support.keeper`."""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
from pathlib import Path

from deploy.local import children, keycloak, keycloak_dist, mongod, rabbitmq
from tests.support import servers

VHOSTS = ("main", *(f"gw{worker}" for worker in range(16)))
"""One virtual host per xdist worker, and `main` for a run without workers."""

_FORGETTING = (
    *("--setParameter", "minSnapshotHistoryWindowInSeconds=20", "--syncdelay", "5"),
    *(
        "--wiredTigerEngineConfigString",
        "file_manager=(close_idle_time=10,close_scan_interval=5,close_handle_minimum=250)",
    ),
)
"""By default the files of dropped databases stay there for five minutes, open for ten: over a hundred each, and 20,000
end a mongod.

Backups read the past, so it cannot be nothing. On a busy machine files go later than that, but are closed by then."""


async def keep(server: str, folder: Path, owner: int) -> None:
    """Start the server and write its address; when the owner ends or sends SIGTERM, end it and leave nothing."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    watch = os.pidfd_open(owner)
    loop.add_reader(watch, over.set)
    loop.add_signal_handler(signal.SIGTERM, over.set)
    running: list[children.Child] = []
    try:
        address = await _start(server, folder / server, running)
        unfinished = folder / f"{server}.url.new"
        unfinished.write_text(address)
        unfinished.rename(folder / f"{server}.url")
        await over.wait()
    finally:
        for child in reversed(running):
            await children.kill(child)
        os.close(watch)
        shutil.rmtree(folder / server, ignore_errors=True)
        for file in folder.glob(f"{server}.*"):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


async def _start(server: str, home: Path, running: list[children.Child]) -> str:
    if server == servers.MONGODB:
        member = dataclasses.replace(mongod.member(home), options=_FORGETTING)
        running.append(await children.start(mongod.server(member)))
        return member.url
    if server == servers.KEYCLOAK:
        real = keycloak.server(home)
        running.append(await children.start(keycloak.service(real, keycloak_dist.distribution(fetch=False))))
        return f"{real.url} {real.secret}"
    node = rabbitmq.node(home, vhosts=VHOSTS)
    running.append(await children.start(rabbitmq.epmd(node)))
    running.append(await children.start(rabbitmq.server(node)))
    return node.url("")


def main(server: str, folder: Path, owner: int) -> None:
    """Run until the owner is gone."""
    asyncio.run(keep(server, folder, owner))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
