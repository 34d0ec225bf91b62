"""What a tenant's admin does to a queue: make, change, remove, pause, purge; each conditional on its version."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from broker.directory import Directory
from broker.quotas import Quota
from broker.rabbit import topology
from broker.rabbit.management import Lanes
from core import errors, ids, schemas
from core.clock import Clock
from core.queue import Queue
from core.task import Actor
from core.transitions import ends
from store import payloads as sealed
from store.payloads import Payloads
from store.queues import Queues
from store.sweeps import Sweeps
from store.tasks import Tasks

_BATCH = 500
_TRIES = 20


class Administration:
    """The operations on queues, for one process."""

    def __init__(
        self,
        *,
        queues: Queues,
        tasks: Tasks,
        sweeps: Sweeps,
        directory: Directory,
        lanes: Lanes,
        clock: Clock,
        prefix: str,
        quotas: Quota | None = None,
        payloads: Payloads = sealed.PLAIN,
    ) -> None:
        self._queues = queues
        self._tasks = tasks
        self._sweeps = sweeps
        self._directory = directory
        self._lanes = lanes
        self._clock = clock
        self._prefix = prefix
        self._quotas = quotas
        self._payloads = payloads

    async def put(
        self, tenant: str, namespace: str, name: str, fields: Mapping[str, Any], *, by: Actor, match: int | None
    ) -> tuple[Queue, bool]:
        """Make the queue, or give it exactly these settings (attribute names of `Queue`); True when it is new.

        `match` is the version that If-Match named; raises `PreconditionFailed` when the queue is not at that.
        """
        ids.check_name(namespace, "namespace")
        ids.check_name(name, "name")
        self._check(fields)
        at = self._clock()
        blank = Queue(
            tenant=tenant, namespace=namespace, name=name, lane=ids.new_id(), version=1,
            created_at=at, created_by=by, updated_at=at, updated_by=by,
        )  # fmt: skip
        for _ in range(_TRIES):
            there = await self._queues.get(tenant, blank.key)
            if match is not None and (there is None or there.version != match):
                raise errors.PreconditionFailed(f"Queue {blank.key} is not at version {match} (any more).")
            if there is None:
                if self._quotas is not None:
                    await self._quotas.founding(tenant)
                made = msgspec.structs.replace(blank, **fields)
                try:
                    await self._queues.insert(tenant, made)
                except errors.AlreadyExists:
                    continue
                return made, True
            kept = {"lane": there.lane, "created_at": there.created_at, "created_by": there.created_by}
            kept |= {"version": there.version + 1, "paused": there.paused, "deleting": there.deleting}
            changed = msgspec.structs.replace(blank, **kept, **fields)
            if await self._write(there, changed):
                return changed, False
        raise errors.Changed(retry_after=1.0)

    async def change(
        self, tenant: str, key: str, fields: Mapping[str, Any], *, by: Actor, match: int | None = None
    ) -> Queue:
        """Give the queue new values for some of its settings. Raises `NotFound`, `PreconditionFailed`."""
        self._check(fields)
        return await self._rewrite(tenant, key, lambda queue: msgspec.structs.replace(queue, **fields), by, match)

    async def remove(self, tenant: str, key: str, *, by: Actor, match: int | None, force: bool) -> int:
        """Remove the queue; open tasks refuse that (`QueueNotEmpty`), or with `force` are canceled.

        Answers how many were.
        """
        queue = await self._read(tenant, key)
        if match is not None and queue.version != match:
            raise errors.PreconditionFailed(f"Queue {key} is at version {queue.version}, not {match}.")
        held = sum(count for _, count in await self._tasks.counts(tenant, key))
        if held and not force:
            raise errors.QueueNotEmpty(
                f"Queue {key} holds {held} open tasks; use force=true to cancel them with it.", extra={"open": held}
            )
        await self._rewrite(tenant, key, lambda now: msgspec.structs.replace(now, deleting=True), by, None)
        canceled = await self._cancel_open(tenant, key, by, "Its queue was deleted.")
        queue = await self._read(tenant, key)
        await self._queues.remove(tenant, key, was=queue.version)
        self._directory.forget_queue(tenant, key)
        canceled += await self._cancel_open(tenant, key, by, "Its queue was deleted.")
        await self._lanes.drop(topology.lane(self._prefix, tenant, queue.lane))
        return canceled

    async def purge(self, tenant: str, key: str, *, by: Actor) -> int:
        """Cancel every open task of the queue; answers how many."""
        queue = await self._read(tenant, key)
        canceled = await self._cancel_open(tenant, key, by, "The queue was purged.")
        with contextlib.suppress(errors.Unavailable):
            # Their tickets would be drawn one by one. A new task's that goes with them is published again.
            for lane in await self._directory.lanes(queue):
                await self._lanes.purge(topology.lane(self._prefix, tenant, lane))
        return canceled

    async def _cancel_open(self, tenant: str, key: str, by: Actor, message: str) -> int:
        canceled = 0
        while tasks := await self._tasks.open_of(tenant, key, _BATCH):
            at = self._clock()
            pairs = [(task, ends.cancel(task, at=at, by=by, message=message)) for task in tasks]
            canceled += len(await self._sweeps.settle(pairs))
        return canceled

    async def _read(self, tenant: str, key: str) -> Queue:
        queue = await self._queues.get(tenant, key)
        if queue is None:
            raise errors.NotFound(f"There is no queue {key}.")
        return queue

    async def _rewrite(
        self, tenant: str, key: str, change: Callable[[Queue], Queue], by: Actor, match: int | None
    ) -> Queue:
        for _ in range(_TRIES):
            there = await self._read(tenant, key)
            if match is not None and there.version != match:
                raise errors.PreconditionFailed(f"Queue {key} is at version {there.version}, not {match}.")
            stamp = {"version": there.version + 1, "updated_at": self._clock(), "updated_by": by}
            changed = msgspec.structs.replace(change(there), **stamp)
            if await self._write(there, changed):
                return changed
        raise errors.Changed(retry_after=1.0)

    async def _write(self, there: Queue, changed: Queue) -> bool:
        written = await self._queues.replace(there.tenant, changed, was=there.version)
        self._directory.forget_queue(there.tenant, there.key)
        return written

    def _check(self, fields: Mapping[str, Any]) -> None:
        schema = fields.get("params_schema")
        if schema is not None:
            schemas.check_schema(schema, "paramsSchema")
        if fields.get("encrypt_payloads") and not self._payloads.can_seal:
            message = "needs a master key, and this installation has none: an operator sets PENSTOCK_MASTER_KEYS"
            raise errors.Invalid(
                f"encryptPayloads {message}.", faults=[errors.Fault(field="encryptPayloads", message=message)]
            )
