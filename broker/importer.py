"""The engine's duty for imports: reads their files line by line and submits a task for each line.

Lines go in batches: submitted under ids that follow from import and line, then noted in the record, together with where
the next line begins. An engine that dies in between leaves a batch to the next, which finds its tasks there already.
"""

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from broker import loops
from broker.admission import Submitted
from broker.buckets import Opened, Unusable
from broker.directory import Directory
from broker.lifecycle import Lifecycle
from broker.outbound import Unreachable
from broker.sources import Sources
from core import errors, ids, imports, lines
from core.clock import Clock
from core.creation import Submission
from core.imports import Batch, Encoding, Import, ImportState, LineError
from core.lines import BadLine, Line, Splitter, Unpacker
from core.queue import Queue
from core.task import Outcome, Reason
from core.tenant import TenantState
from loop import cancelling
from store.import_sweeps import ImportSweeps
from store.imports import Imports
from store.tenants import Tenants
from store.uploads import Uploads

_log = structlog.get_logger(__name__)

TICK_SECONDS = 0.5
AT_ONCE = 8
"""Imports that one engine reads at the same time."""
OF_A_TENANT = 2
"""Of these, how many are one tenant's: the others' turn comes, however many it has."""
BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024
_LOOKED_AT = 1_000
_ERASED = 20

_TEMPORARY = (Unreachable, errors.Unavailable, errors.TooManyRequests)


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What every run works with. `most_line` is how many bytes a line may have."""

    imports: Imports
    uploads: Uploads
    sources: Sources
    tenants: Tenants
    lifecycle: Lifecycle
    directory: Directory
    clock: Clock
    most_line: int


class Importer:
    """Reads the imports of all tenants, several at a time. Safe beside another one: the later reader has the fence."""

    def __init__(self, sweeps: ImportSweeps, kit: Kit) -> None:
        self._sweeps = sweeps
        self._kit = kit
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Read imports for ever."""
        try:
            await loops.repeat("imports", self.step)
        finally:
            await loops.ended(*self._running.values())

    async def step(self) -> float:
        """Begin with what may be read, and clear away what is over; answers the seconds until the next look."""
        now = self._kit.clock()
        for job in await self._sweeps.open(_LOOKED_AT):
            if job.state is ImportState.RECEIVING:
                if job.updated_at < now - imports.BROKEN_OFF:
                    await self._sweeps.break_off(job, before=now - imports.BROKEN_OFF, at=now)
            elif (job.due_at is None or job.due_at <= now) and self._has_room(job):
                self._begin(job)
        for job in await self._sweeps.with_uploads(_ERASED):
            for name in job.uploads:
                await self._kit.uploads.erase(job.tenant, name)
            await self._sweeps.erased(job)
        return TICK_SECONDS

    def _has_room(self, job: Import) -> bool:
        of_tenant = sum(tenant == job.tenant for tenant, _ in self._running)
        return (job.tenant, job.id) not in self._running and len(self._running) < AT_ONCE and of_tenant < OF_A_TENANT

    def _begin(self, job: Import) -> None:
        key = (job.tenant, job.id)
        running = asyncio.create_task(self._read(job), name=f"import {job.id}")
        self._running[key] = running
        running.add_done_callback(lambda _: self._running.pop(key, None))

    async def _read(self, job: Import) -> None:
        """One import as far as it goes now; what fails for a fault of ours is tried again, too."""
        kit = self._kit
        try:
            taken = await kit.imports.take(job.tenant, job.id, runner=ids.new_secret(), at=kit.clock())
            if taken is not None:
                await Run(taken, kit).carry_out()
        except errors.Unavailable as error:
            _log.warning("import waits", tenant=job.tenant, id=job.id, error=error.detail)
        except Exception:  # noqa: BLE001 - one import must not stop the others
            _log.exception("import failed", tenant=job.tenant, id=job.id)


class _Over(Exception):
    """The import was canceled, or somebody else reads it now."""


class Run:
    """One reading of one import's file, by its fence."""

    def __init__(self, job: Import, kit: Kit) -> None:
        self._job = job
        self._kit = kit
        self._read = 0
        """Bytes of the stored file behind us."""
        self._last: Line | None = None
        self._batch: list[Line] = []
        self._bytes = 0

    async def carry_out(self) -> None:
        """Read to the end, and note what became of it."""
        try:
            await self._through()
        except _Over:
            return
        except _TEMPORARY as error:
            await self._postpone(error)
        except errors.PenstockError as error:
            kind = error.kind if isinstance(error, Unusable) else error.code
            await self._end(Outcome.FAILED, Reason(type=kind, message=error.detail))
        except Exception as error:
            await self._postpone(errors.PenstockError(f"Something went wrong here: {type(error).__name__}."))
            raise
        else:
            await self._end(Outcome.SUCCEEDED, None)

    async def _through(self) -> None:
        job = self._job
        await self._heed_cancel()
        ahead = job.bytes_total is None or job.position < job.bytes_total
        offset = job.position if job.encoding is Encoding.PLAIN and ahead else 0
        async with self._kit.sources.open(job, offset) as opened:
            if job.version is not None and opened.version != job.version:
                raise Unusable("source-changed", "The file is not what it was when it was first opened.")
            await self._lines_of(opened)

    async def _lines_of(self, opened: Opened) -> None:
        job = self._job
        unpacker = Unpacker(job.encoding or job.source.encoding)
        splitter = Splitter(number=job.lines, position=job.position, most=self._kit.most_line)
        behind, self._read = job.position - opened.offset, opened.offset
        noted = job.encoding is not None
        async for data in opened.chunks:
            cancelling.heed()
            self._read += len(data)
            for text in unpacker.feed(data):
                if not noted:
                    noted = True
                    await self._kit.imports.opened(
                        job, version=opened.version, total=opened.total, encoding=unpacker.encoding
                    )
                passed = min(behind, len(text))
                behind -= passed
                await self._take(splitter.feed(text[passed:]))
        if behind:
            raise Unusable("source-changed", "The file is shorter than it was when it was first opened.")
        await self._take(splitter.feed(unpacker.finish()))
        await self._take(splitter.finish())
        await self._submit()

    async def _take(self, found: Iterable[Line]) -> None:
        for line in found:
            self._last = line
            if lines.is_blank(line):
                continue
            self._batch.append(line)
            self._bytes += len(line.text or b"")
            if len(self._batch) == BATCH or self._bytes >= _BATCH_BYTES:
                await self._submit()

    async def _submit(self) -> None:
        """Submit the lines that were gathered, and note that; raises `_Over` where the import is not ours any more.

        In smaller parts where the tenant's quotas have no room for all; those that found room are noted.
        """
        size = max(1, len(self._batch))
        while self._last is not None:
            part = self._batch[:size]
            try:
                count, found = await self._submitted(part)
            except errors.TooManyRequests:
                if len(part) == 1:
                    raise
                size = max(1, len(part) // 4)
                continue
            rest = self._batch[count:]
            await self._note(part[count - 1] if rest else self._last, count - len(found), found)
            self._batch, self._last = rest, self._last if rest else None
        self._bytes = 0
        await self._heed_cancel()

    async def _note(self, last: Line, accepted: int, found: list[LineError]) -> None:
        batch = Batch(
            lines=last.number, position=last.end, bytes_read=self._read, accepted=accepted, errors=tuple(found)
        )
        keep = imports.MOST_ERRORS - self._job.refused
        noted = await self._kit.imports.advance(self._job, batch, at=self._kit.clock(), keep=keep)
        if noted is None:
            raise _Over
        self._job = noted

    async def _submitted(self, part: list[Line]) -> tuple[int, list[LineError]]:
        """Submit lines: how many of them, from the first on, were dealt with, and those of them that were refused."""
        job = self._job
        found: list[LineError] = []
        numbers: list[int] = []
        wanted: list[Submission] = []
        for line in part:
            try:
                wanted.append(lines.submission(line, job.id, job.order))
                numbers.append(line.number)
            except BadLine as error:
                found.append(self._error(line.number, error.code, error.message, error.field))
        await self._check_tenant()
        queue = await self._kit.directory.queue(job.tenant, job.queue)
        answers = await self._offered(queue, wanted) if wanted else []
        for number, answer in zip(numbers, answers, strict=False):
            if isinstance(answer, _TEMPORARY):
                raise answer
            if not isinstance(answer, Submitted):
                fault = answer.faults[0] if answer.faults else None
                message = answer.detail if fault is None else f"{answer.detail} {fault.field}: {fault.message}"
                found.append(self._error(number, answer.code, message, None if fault is None else fault.field))
        upto = numbers[len(answers)] if len(answers) < len(numbers) else None
        dealt = [line for line in part if upto is None or line.number < upto]
        kept = [each for each in found if upto is None or each.line < upto]
        return len(dealt), sorted(kept, key=lambda each: each.line)

    async def _check_tenant(self) -> None:
        tenant = await self._kit.tenants.get(self._job.tenant)
        if tenant is None or tenant.state is not TenantState.ACTIVE:
            raise errors.Unavailable(f"The tenant {self._job.tenant} is suspended.")

    async def _offered(self, queue: Queue, wanted: list[Submission]) -> list[Submitted | errors.PenstockError]:
        """An answer for each; one by one where some are too large, and then only for those that find room."""
        by = self._job.created_by
        try:
            return await self._kit.lifecycle.submit(queue, wanted, by=by)
        except errors.TooLarge as error:
            if len(wanted) == 1:
                return [error]
        answers: list[Submitted | errors.PenstockError] = []
        for each in wanted:
            try:
                answers += await self._kit.lifecycle.submit(queue, [each], by=by)
            except errors.TooLarge as error:
                answers.append(error)
            except errors.TooManyRequests:
                if not answers:
                    raise
                break
        return answers

    def _error(self, number: int, code: str, message: str, field: str | None) -> LineError:
        job = self._job
        return LineError(
            tenant=job.tenant, job=job.id, line=number, code=code, message=message[:500], field=field,
            at=self._kit.clock(),
        )  # fmt: skip

    async def _heed_cancel(self) -> None:
        if self._job.cancel_by is not None:
            await self._end(Outcome.CANCELED, None)
            raise _Over

    async def _postpone(self, error: errors.PenstockError) -> None:
        """Try again later, or give up where the source failed too often in a row."""
        failures = self._job.failures + 1
        if isinstance(error, Unreachable) and failures > imports.MOST_FAILURES:
            await self._end(Outcome.FAILED, Reason(type="source-unreachable", message=error.detail))
            return
        now = self._kit.clock()
        _log.warning("import postponed", tenant=self._job.tenant, id=self._job.id, error=error.detail)
        why = Reason(type=error.code, message=error.detail)
        await self._kit.imports.postpone(
            self._job, due=now + imports.rest(failures), failures=failures, why=why, at=now
        )

    async def _end(self, outcome: Outcome, reason: Reason | None) -> None:
        ended = await self._kit.imports.end(self._job, outcome, reason=reason, at=self._kit.clock())
        if ended is not None:
            _log.info(
                "import ended", tenant=ended.tenant, id=ended.id, outcome=outcome.value, lines=ended.lines,
                accepted=ended.accepted, refused=ended.refused,
            )  # fmt: skip
