"""What people do with imports: begin one from an address, upload a file, cancel. The engine does the rest."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec

from broker.directory import Directory
from broker.outbound import Blocked
from core import addresses, errors, ids, imports
from core.clock import Clock
from core.errors import Fault
from core.imports import Import, ImportState, LineOrder, Source, SourceKind
from core.queue import Queue
from core.task import Actor, Task
from store.imports import Imports
from store.secrets import Secrets
from store.tenants import Tenants
from store.uploads import PIECE, Uploads

_TOUCH = timedelta(seconds=20)
_TRIES = 5


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be imported, and how. A repeat with the same `key` answers the import of then."""

    source: Source
    order: LineOrder
    key: str | None = None
    fingerprint: str | None = None
    task: str | None = None
    exec_id: str | None = None
    """The task that it is done for, and the fence under which an engine holds it."""


class Intake:
    """The operations on imports, for one process. `most` is how many bytes an uploaded file may have."""

    def __init__(
        self,
        imports: Imports,
        uploads: Uploads,
        secrets: Secrets,
        tenants: Tenants,
        directory: Directory,
        *,
        clock: Clock,
        most: int,
    ) -> None:
        self._imports = imports
        self._uploads = uploads
        self._secrets = secrets
        self._tenants = tenants
        self._directory = directory
        self._clock = clock
        self._most = most

    async def begin(self, queue: Queue, wish: Wish, *, by: Actor) -> tuple[Import, bool]:
        """Import a file from an address; False where the key is known. Raises `Invalid`, `Blocked`, `KeyReused`."""
        await self._check(queue, wish)
        job = self._made(queue, wish, by, ImportState.WAITING)
        if await self._imports.insert(queue.tenant, job):
            return job, True
        return await self._known(queue, wish), False

    async def upload(self, queue: Queue, wish: Wish, data: AsyncIterator[bytes], *, by: Actor) -> tuple[Import, bool]:
        """Import a file that is sent to us: it is kept for good when this returns; False where the key is known.

        An upload under a key whose first try broke off begins anew. Raises as `begin`, `TooLarge`, `Changed`.
        """
        await self._check(queue, wish)
        upload = ids.new_secret()
        job = self._made(queue, wish, by, ImportState.RECEIVING, upload)
        if not await self._imports.insert(queue.tenant, job):
            known = await self._known(queue, wish)
            if known.state is not ImportState.RECEIVING:
                return known, False
            job = await self._taken_over(known, upload)
        try:
            size = await self._receive(job, data)
            kept = msgspec.structs.replace(
                job, state=ImportState.WAITING, seq=job.seq + 1, bytes_total=size, updated_at=self._clock()
            )
            if await self._imports.replace(queue.tenant, kept, was=job.seq):
                return kept, True
            raise errors.Changed(f"Import {job.id} was canceled, or its file sent again, while it was received.")
        except BaseException:
            await self._give_up(job)
            raise

    async def begin_for(self, task: Task, queue: Queue, source: Source, order: LineOrder) -> Import:
        """Import a file for a task that an engine holds; the same import again for its later attempts.

        Raises as `begin`.
        """
        assert task.exec_id is not None
        # No header can hold a line's end, so no key of a caller's is such a one.
        key = f"task\n{task.id}"
        wish = Wish(source=source, order=order, key=key, fingerprint=task.id, task=task.id, exec_id=task.exec_id)
        job, new = await self.begin(queue, wish, by=task.created_by)
        return job if new else await self._imports.adopt(job, exec_id=task.exec_id, at=self._clock())

    async def cancel(self, tenant: str, import_id: str, *, by: Actor) -> Import:
        """Read no further; tasks that it made stay. Raises `NotFound`, `WrongState`."""
        return await self._imports.cancel(tenant, import_id, by=by, at=self._clock())

    def _made(self, queue: Queue, wish: Wish, by: Actor, state: ImportState, *uploads: str) -> Import:
        now = self._clock()
        import_id = ids.new_id()
        return Import(
            tenant=queue.tenant, id=import_id, queue=queue.key, state=state, seq=1, source=wish.source,
            order=wish.order, created_at=now, created_by=by, updated_at=now, uploads=uploads,
            dedup_key=wish.key, fingerprint=wish.fingerprint, task=wish.task, exec_id=wish.exec_id,
            unreported=None if wish.task is None else True,
        )  # fmt: skip

    async def _known(self, queue: Queue, wish: Wish) -> Import:
        """The import of the wish's key; raises `KeyReused` where it was another request."""
        known = None if wish.key is None else await self._imports.by_key(queue.tenant, queue.key, wish.key)
        if known is None:
            raise errors.Changed(retry_after=1.0)
        if known.fingerprint != wish.fingerprint:
            raise errors.KeyReused(
                f"The key {wish.key!r} was used for import {known.id} with another request.",
                extra={"importId": known.id},
            )
        return known

    async def _taken_over(self, known: Import, upload: str) -> Import:
        """The import of an upload that broke off, ours from now on."""
        for _ in range(_TRIES):
            mine = msgspec.structs.replace(
                known, seq=known.seq + 1, uploads=(*known.uploads, upload), updated_at=self._clock()
            )
            if await self._imports.replace(known.tenant, mine, was=known.seq):
                return mine
            there = await self._imports.get(known.tenant, known.id)
            if there is None or there.state is not ImportState.RECEIVING:
                break
            known = there
        raise errors.Changed(f"Import {known.id} is being sent by somebody else, too.", retry_after=1.0)

    async def _receive(self, job: Import, data: AsyncIterator[bytes]) -> int:
        """Keep the file in pieces; answers its length."""
        piece, size, number, touched = bytearray(), 0, 0, self._clock()
        async for chunk in data:
            size += len(chunk)
            if size > self._most:
                raise errors.TooLarge(f"The file is larger than {self._most} bytes.", extra={"limit": self._most})
            piece += chunk
            while len(piece) >= PIECE:
                await self._uploads.put(job.tenant, job.uploads[-1], number, bytes(piece[:PIECE]))
                del piece[:PIECE]
                number += 1
            if self._clock() - touched >= _TOUCH:
                touched = self._clock()
                if not await self._imports.touch(job.tenant, job.id, was=job.seq, at=touched):
                    raise errors.Changed(f"Import {job.id} was canceled, or its file is sent again.")
        if piece:
            await self._uploads.put(job.tenant, job.uploads[-1], number, bytes(piece))
        return size

    async def _give_up(self, job: Import) -> None:
        """An upload failed here: nothing of it stays, if the store can be asked; else the engine sees to it.

        Unless it is known that the import does not want the pieces, they are left to its end.
        """
        with contextlib.suppress(errors.Unavailable):
            if await self._imports.discard(job.tenant, job.id, was=job.seq):
                await self._uploads.erase(job.tenant, job.uploads[-1])

    # --- what cannot be ---

    async def _check(self, queue: Queue, wish: Wish) -> None:
        """Raise `Invalid` or `Blocked` for what is sure to fail."""
        if queue.deleting:
            raise errors.Conflict(f"Queue {queue.key} is being deleted.")
        if wish.order.definition is not None:
            await self._check_definition(queue, wish.order.definition)
        source = wish.source
        if source.kind is SourceKind.UPLOAD:
            return
        if source.kind is SourceKind.LINK:
            addresses.checked(source.url or "", "url")
            return
        imports.bucket_of(source.url or "", "url")
        imports.check_region(source.region, "region")
        if source.secret_ref is not None and await self._secrets.value(queue.tenant, source.secret_ref) is None:
            raise _invalid("secretRef", f"There is no secret {source.secret_ref}; PUT /api/v1/secrets keeps one.")
        if source.endpoint is not None:
            addresses.checked(source.endpoint, "endpoint")
            tenant = await self._tenants.get(queue.tenant)
            if tenant is None or not addresses.is_listed(source.endpoint, tenant.http_allow):
                raise Blocked(f"The endpoint {source.endpoint} is not on the tenant's list (httpTargets.allow).")

    async def _check_definition(self, queue: Queue, name: str) -> None:
        try:
            definition = await self._directory.definition(queue.tenant, name)
        except errors.NotFound as error:
            raise _invalid("definition", error.detail) from None
        if definition.queue != queue.key:
            raise _invalid("definition", f"Definition {name} belongs to the queue {definition.queue}.")


def _invalid(field: str, message: str) -> errors.Invalid:
    return errors.Invalid(f"{field}: {message}", faults=[Fault(field=field, message=message)])
