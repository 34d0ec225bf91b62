"""Starts servers as children that cannot outlive us, and stops them; for the local stack and the tests."""

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

OWNER_VARIABLE = "PENSTOCK_OWNED_BY"
"""Set in every child to the home it belongs to, and inherited: proves to a later start whose it is."""


_OPEN_FILES = 65536
"""What MongoDB and RabbitMQ ask for in production; an Erlang node makes a table of the size, so no more than this."""


class ChildError(RuntimeError):
    """A child ended, or did not answer in time, while it was being started."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run. `env` is added to our own environment; an empty value removes the variable."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: Path | None = None
    """Where it runs, and dumps its memory when it crashes; where we do if not given."""
    inherited_fds: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Service:
    """One server: how to run it and how to know that it answers.

    `command` is called before every start and writes the files that the server needs, so that a deleted data
    directory is no obstacle. `ready` returns when the server answers; it may be called again after a restart.
    """

    role: str
    home: Path
    command: Callable[[], Command]
    ready: Callable[[], Awaitable[None]]
    start_within: timedelta = timedelta(seconds=60)
    stop_within: timedelta = timedelta(seconds=15)

    @property
    def log(self) -> Path:
        """Where the server's output is appended."""
        return self.home / "logs" / f"{self.role}.log"


@dataclass(frozen=True, kw_only=True)
class Child:
    """A running service."""

    service: Service
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """The server itself, not a wrapper: every launcher on the way replaces itself by `exec`."""
        return self.process.pid


async def start(service: Service) -> Child:
    """Start the service and wait until it answers.

    Call it in the main thread: the kernel ties the child's life to the thread that made it (prctl(2),
    PR_SET_PDEATHSIG). Raises ChildError with the end of its log when it dies or does not answer in time;
    nothing is left of it then.
    """
    child = await _spawn(service)
    answered = asyncio.ensure_future(service.ready())
    died = asyncio.ensure_future(child.process.wait())
    try:
        await asyncio.wait(
            {answered, died},
            timeout=service.start_within.total_seconds(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not answered.done():
            what = f"ended with {died.result()}" if died.done() else "does not answer"
            raise ChildError(f"{service.role} {what}; the end of {service.log}:\n{_tail(service.log)}")
        answered.result()
    except BaseException:
        # RabbitMQ does not heed SIGTERM before it has booted; and nobody uses what never answered.
        await kill(child)
        raise
    finally:
        for waiting in (answered, died):
            waiting.cancel()
        await asyncio.gather(answered, died, return_exceptions=True)
    return child


async def stop(child: Child) -> None:
    """Ask the child to end, then end it: afterwards it and its process group are gone. Safe to call twice."""
    if child.process.returncode is None:
        _signal(child.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.process.wait(), child.service.stop_within.total_seconds())
    await kill(child)


async def kill(child: Child) -> None:
    """End the child and its process group at once."""
    # An Erlang node has port programs, which may be in its group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.process.wait()


async def _spawn(service: Service) -> Child:
    _allow_open_files()
    command = service.command()
    env = {**os.environ, **command.env, OWNER_VARIABLE: str(service.home)}
    service.log.parent.mkdir(parents=True, exist_ok=True)
    with service.log.open("ab") as log:
        # setpriv makes the kernel kill the child when we die, however we die. Its own session keeps a Ctrl-C
        # in the terminal from reaching it before we stop the children in their order.
        process = await asyncio.create_subprocess_exec(
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            *command.argv,
            env={name: value for name, value in env.items() if value},
            cwd=command.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=command.inherited_fds,
        )
    return Child(service=service, process=process)


def _allow_open_files() -> None:
    """Raise our own limit, which children inherit, as far as the system lets us: a shell often has only 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
