"""A worker as one process or as several: forked, watched, replaced when they die, stopped together."""

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from penstock import errors

_log = logging.getLogger("penstock.worker")
_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_MISCONFIGURED = 78
"""Exit status of a process that another try would not help (sysexits: EX_CONFIG)."""
_LONGEST_REST = 30.0

Work = Callable[[int | None], bool]
"""Works in this process until told to stop; answers whether nothing was left behind. Its argument: None, or a file
descriptor that reads as ended when the supervising process is gone.
"""


def run(work: Work, count: int) -> None:
    """Work in `count` processes; returns when all have stopped.

    Ends the process with status 1 if something had to be left behind. Raises UsageError where processes cannot be
    forked.
    """
    if count < 1:
        raise errors.UsageError("A worker needs at least one process.")
    if count > 1:
        clean = _Supervisor(work, count).run()
        if not clean:
            sys.exit(1)
    elif not work(None):
        leave(1)


class _Supervisor:
    """Keeps so many processes at work."""

    def __init__(self, work: Work, count: int) -> None:
        try:
            self._context = multiprocessing.get_context("fork")
        except ValueError as error:
            message = "Several processes need a system that can fork; start several workers instead."
            raise errors.UsageError(message) from error
        self._work = work
        self._count = count
        self._running: list[BaseProcess] = []
        self._stopping = False
        self._alive = os.pipe()

    def run(self) -> bool:
        before = {number: signal.signal(number, self._told) for number in _SIGNALS}
        try:
            return self._watch()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in self._alive:
                os.close(end)

    def _watch(self) -> bool:
        clean, deaths = True, 0
        for _ in range(self._count):
            self._start()
        while self._running:
            connection.wait([process.sentinel for process in self._running])
            for process in [each for each in self._running if not each.is_alive()]:
                self._running.remove(process)
                code = process.exitcode
                if code == _MISCONFIGURED:
                    clean = False
                    self._stop()
                elif self._stopping:
                    clean = clean and code == 0
                else:
                    deaths += 1
                    _log.error("worker process %s ended with %s; starting another", process.pid, code)
                    self._rest(deaths)
                    self._start()
        return clean

    def _start(self) -> None:
        if self._stopping:
            return
        process = self._context.Process(target=self._in_child, name="penstock-worker")
        # A signal between the fork and the child's own handlers would be taken by our handler in the wrong process.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._running.append(process)

    def _in_child(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # Ctrl-C reaches every process of the terminal; what it means is decided by the supervisor alone.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        read, write = self._alive
        os.close(write)
        try:
            clean = self._work(read)
        except errors.PenstockError as error:
            _log.error("the worker cannot work: %s", error)
            leave(_MISCONFIGURED)
        else:
            leave(0 if clean else 1)

    def _told(self, number: int, frame: object) -> None:
        del number, frame
        self._stop()

    def _stop(self) -> None:
        """Once: let them finish. Again: without waiting for handlers."""
        self._stopping = True
        for process in self._running:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM)

    def _rest(self, deaths: int) -> None:
        """Not at once again and again: a process that cannot start would only burn the machine."""
        until = time.monotonic() + min(_LONGEST_REST, 0.1 * 2 ** min(deaths, 10))
        while not self._stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


def leave(status: int) -> None:
    """End this process now: handlers that would not stop must not keep it alive."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
