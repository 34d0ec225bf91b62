"""Heartbeats for everything that is held: they keep the leases, carry progress, and bring word of cancellation.

A task's heartbeat is due at a third of its lease, and every `every` seconds at the latest, because only its answer says
that somebody asked for cancellation (the server waits 30 s for a holder to stop by itself). What is due at the
same time goes out together over a few connections. Tasks that end sooner cost none.
"""

import asyncio
import logging

from penstock import errors
from penstock.client import AsyncClient
from penstock.models.task import Progress
from penstock.transport import NO_RETRIES
from penstock.work.held import Held

_log = logging.getLogger("penstock.worker")
_AT_ONCE = 8
_PROGRESS_EVERY = 1.0


class Heart:
    """Beats for the tasks of one worker."""

    def __init__(self, client: AsyncClient, *, every: float) -> None:
        self._client = client
        self._every = every
        self._held: set[Held] = set()
        self._sooner = asyncio.Event()
        self._next = float("inf")
        self._room = asyncio.Semaphore(_AT_ONCE)

    def watch(self, held: Held) -> None:
        """Beat for it from now on; its lease has just begun."""
        held.beaten_at = held.claimed_at
        held.beat_at = held.claimed_at + self._interval(held)
        self._held.add(held)
        self._expect(held)

    def forget(self, held: Held) -> None:
        """Its end is known to the server, or does not matter any more."""
        self._held.discard(held)

    def report(self, held: Held, progress: Progress) -> None:
        """Let progress travel soon, at most once a second for a task."""
        held.progress = progress
        held.beat_at = min(held.beat_at, max(held.beaten_at + _PROGRESS_EVERY, self._now()))
        self._expect(held)

    async def run(self) -> None:
        """Beat until cancelled."""
        async with asyncio.TaskGroup() as beats:
            while True:
                now = self._now()
                for held in [each for each in self._held if each.beat_at <= now]:
                    # Not due again while this beat is under way.
                    held.beat_at = float("inf")
                    beats.create_task(self._beat(held))
                self._next = min([each.beat_at for each in self._held], default=float("inf"))
                self._sooner.clear()
                try:
                    async with asyncio.timeout_at(None if self._next == float("inf") else self._next):
                        await self._sooner.wait()
                except TimeoutError:
                    pass

    async def _beat(self, held: Held) -> None:
        async with self._room:
            if held not in self._held:
                return
            sent, progress = self._now(), held.progress
            try:
                beat = await self._client.tasks.heartbeat(held.task, progress=progress, retries=NO_RETRIES)
            except (errors.LeaseLost, errors.WrongState, errors.NotFound, errors.Forbidden) as error:
                # One that has ended here meanwhile is answered like this too: its end arrived first.
                level = logging.WARNING if held.ending is None else logging.DEBUG
                _log.log(level, "task %s is not ours any more: %s", held.task.id, error)
                self._lose(held)
                return
            except errors.PenstockError as error:
                self._missed(held, error)
                return
        held.beaten_at = sent
        held.beat_at = sent + self._interval(held)
        if held.progress is progress:
            held.progress = None
        else:
            held.beat_at = min(held.beat_at, sent + _PROGRESS_EVERY)
        self._expect(held)
        if beat.cancel_requested:
            held.stop.ask("cancel-requested")

    def _missed(self, held: Held, error: errors.PenstockError) -> None:
        now = self._now()
        if held.lost_at is not None and now >= held.lost_at:
            _log.warning("task %s is lost: no heartbeat arrived within its lease (%s)", held.task.id, error)
            self._lose(held)
            return
        _log.debug("heartbeat of task %s failed: %s", held.task.id, error)
        held.beat_at = now + min(1.0, self._interval(held) / 3)
        self._expect(held)

    def _lose(self, held: Held) -> None:
        self.forget(held)
        held.stop.ask("lease-lost")

    def _interval(self, held: Held) -> float:
        return self._every if held.lease_seconds is None else min(self._every, held.lease_seconds / 3)

    def _expect(self, held: Held) -> None:
        if held.beat_at < self._next:
            self._sooner.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
