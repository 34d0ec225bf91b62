"""The peers: other task queues on the same RabbitMQ, their own workers in four processes, their own way to send."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import home as homes
from tests.bench import cpu

PYTHON = homes.ROOT / ".bench" / "bin" / "python"
LOCK = homes.ROOT / "tests" / "bench" / "peers" / "requirements.lock"
SENDERS = 4
WARM_UP = 400
"""Tasks that are not measured, twice."""
_POLL = 0.002
_PATIENCE = 180.0
_PEERS = "tests.bench.peers"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How its workers and its senders are started."""

    name: str
    module: str
    worker: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


_CELERY = (
    *("-m", "celery", "-A", f"{_PEERS}.celery_tasks", "worker", "-P", "prefork", "-c", "4", "-l", "ERROR"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
_FASTSTREAM = ("-m", "faststream", "run", f"{_PEERS}.faststream_tasks:app", "--workers", "4", "--log-level", "error")
RAW = "raw aio-pika"
"""No peer, but a limit: nothing is between its tasks and the client library that the fastest peers use."""
PEERS = (
    Peer(name="Celery, as it comes", module="celery_tasks", worker=_CELERY),
    Peer(name="Celery, equal promises", module="celery_tasks", worker=_CELERY, env={"BENCH_EQUAL": "1"}),
    Peer(
        name="Dramatiq, confirms",
        module="dramatiq_tasks",
        worker=("-m", "dramatiq", f"{_PEERS}.dramatiq_tasks", "-p", "4", "-t", "8"),
    ),
    Peer(
        name="taskiq",
        module="taskiq_tasks",
        worker=("-m", "taskiq", "worker", f"{_PEERS}.taskiq_tasks:broker", "-w", "4", "--log-level", "ERROR"),
    ),
    Peer(name="FastStream", module="faststream_tasks", worker=_FASTSTREAM),
    Peer(name=RAW, module="raw_tasks", worker=("-m", f"{_PEERS}.raw_tasks")),
)


@dataclass(frozen=True, kw_only=True)
class Life:
    """Rates of one pass, in tasks a second, and the CPU time of each part for a task, in µs."""

    submit: float
    whole: float
    cpu: Mapping[str, float]


class Running:
    """A peer whose workers wait and whose senders are ready."""

    def __init__(
        self,
        servers: Mapping[str, int],
        done: Path,
        log: Path,
        worker: "subprocess.Popen[bytes]",
        senders: "list[subprocess.Popen[str]]",
    ) -> None:
        """`servers`: the processes of those that it uses, by name."""
        self._servers = servers
        self._done = done
        self._log = log
        self._worker = worker
        self._senders = senders

    def life(self, count: int) -> Life:
        """Send so many tasks from all senders while the workers take them; until the last was done."""
        before = self._cpu()
        target = self._done.stat().st_size + count
        began = time.perf_counter()
        submit = self.send(count)
        self.wait(target)
        whole = time.perf_counter() - began
        used = {part: (value - before[part]) / count * 1e6 for part, value in self._cpu().items()}
        return Life(submit=count / submit, whole=count / whole, cpu=used)

    def send(self, count: int) -> float:
        """Send so many, shared among the senders; the seconds until all are sent."""
        began = time.perf_counter()
        for sender in self._senders:
            assert sender.stdin is not None
            sender.stdin.write(f"{count // len(self._senders)}\n")
            sender.stdin.flush()
        for sender in self._senders:
            _read(sender, "sent")
        return time.perf_counter() - began

    def wait(self, target: int) -> None:
        """Return when so many were done in all."""
        until = time.monotonic() + _PATIENCE
        while self._done.stat().st_size < target:
            if time.monotonic() > until or self._worker.poll() is not None:
                said = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self._done.stat().st_size} of {target} tasks were done\n{said}")
            time.sleep(_POLL)

    def _cpu(self) -> dict[str, float]:
        own = {
            "workers": cpu.seconds(self._worker.pid),
            "senders": sum(cpu.seconds(each.pid) for each in self._senders),
        }
        return own | {name: cpu.seconds(pid) for name, pid in self._servers.items()}


@contextmanager
def running(peer: Peer, local: Mapping[str, Any]) -> Generator[Running]:
    """Start a peer on the servers of a stack, warm it up, and end it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        done, log = folder / "done", stack.enter_context((folder / "log").open("wb"))
        done.touch()
        env = {
            **os.environ,
            "BENCH_BROKER": local["rabbitmq"],
            "BENCH_MONGODB": local["mongodb"],
            "BENCH_DONE": str(done),
            "PYTHONPATH": str(homes.ROOT),
            **peer.env,
        }
        worker = subprocess.Popen(
            [PYTHON, *peer.worker], cwd=homes.ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
        stack.callback(_end, worker)
        senders = [_sender(peer, env, stack) for _ in range(SENDERS)]
        for sender in senders:
            _read(sender, "ready")
        servers = {name: local["pids"][name] for name in ("rabbitmq", "mongod")}
        started = Running(servers, done, folder / "log", worker, senders)
        # Twice: the first tasks come while some of the workers' processes are still starting.
        for number in range(1, 3):
            started.send(WARM_UP)
            started.wait(number * WARM_UP)
        yield started


def _sender(peer: Peer, env: Mapping[str, str], stack: contextlib.ExitStack) -> "subprocess.Popen[str]":
    sender = subprocess.Popen(
        [PYTHON, "-m", f"{_PEERS}.send", peer.module],
        cwd=homes.ROOT, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    stack.callback(_end, sender)
    return sender


def _read(sender: "subprocess.Popen[str]", wanted: str) -> None:
    assert sender.stdout is not None
    for line in sender.stdout:
        if line.strip() == wanted:
            return
    raise RuntimeError(f"a sender ended before it said '{wanted}'")


def _end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """End a process that was started here, and its children, which are in its process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


if __name__ == "__main__":
    sys.exit("run `make bench`")
