"""Imports: files that the server turns into tasks, from an upload, a link or a bucket."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from penstock.calls import files, paging, paths
from penstock.calls.submitting import new_key
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page, Priority
from penstock.models.imports import Import, LineError, LineErrors
from penstock.transport import Call, Query

_IMPORTS = f"{paths.ROOT}/imports"
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.1, 2.0
_UPLOAD_SECONDS = 600.0
_PAGE = 500

ImportRef = str | Import
"""An import: its id, or one that the server showed."""
Lines = Literal["params", "tasks"]
"""What a line is: a task's params, or a whole task."""


class ImportCalls(Calls):
    """Calls on imports."""

    @operation
    async def start(
        self,
        queue: paths.QueueRef,
        url: str,
        *,
        lines: Lines = "params",
        definition: str | None = None,
        priority: Priority | None = None,
        labels: Sequence[str] | None = None,
        record_id_field: str | None = None,
        secret_ref: str | None = None,
        key: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Import:
        """Import the file of a link (`https://`, `s3://bucket/object`, `gs://bucket/object`): NDJSON, plain or gzip.

        `more`: further settings as the wire has them (`endpoint`, `region`, `contentEncoding`, `name`, `context`).
        """
        body = paths.given(
            url=url, lines=lines, definition=definition, priority=priority,
            labels=None if labels is None else list(labels), recordIdField=record_id_field, secretRef=secret_ref,
        )  # fmt: skip
        headers = {"idempotency-key": key or new_key()}
        call = Call(
            method="POST", path=f"{paths.queue(queue)}/imports", body=body | dict(more or {}), headers=headers,
            repeatable=True,
        )  # fmt: skip
        return await self._transport.answer(call, Import)

    @operation
    async def upload(
        self,
        queue: paths.QueueRef,
        file: str | PathLike[str],
        *,
        lines: Lines = "params",
        definition: str | None = None,
        priority: Priority | None = None,
        labels: Sequence[str] | None = None,
        record_id_field: str | None = None,
        key: str | None = None,
    ) -> Import:
        """Send a file to be imported: NDJSON, plain or gzip. When this returns, the server has all of it."""
        query: Query = {
            "lines": lines, "definition": definition, "priority": priority, "label": labels,
            "recordIdField": record_id_field, "fileName": Path(file).name,
        }  # fmt: skip
        call = Call(
            method="POST",
            path=f"{paths.queue(queue)}/imports/upload",
            query=query,
            content=files.reader(file),
            headers={"idempotency-key": key or new_key(), "content-type": "application/octet-stream"},
            repeatable=True,
            read_seconds=_UPLOAD_SECONDS,
        )
        return await self._transport.answer(call, Import)

    @operation
    async def get(self, job: ImportRef) -> Import:
        """The import as it is now. Raises NotFound."""
        return await self._transport.answer(_get(_path(job)), Import)

    @stream
    async def list(
        self, *, queue: str | None = None, state: str | None = None, limit: int | None = None
    ) -> AsyncIterator[Import]:
        """Imports into the queues that the caller may read, and its own; the newest first."""
        query: Query = {"queue": queue, "state": state}
        async for each in paging.walk(self._transport, _IMPORTS, Page[Import], query, limit=limit):
            yield each

    @stream
    async def errors(self, job: ImportRef) -> AsyncIterator[LineError]:
        """The lines that became no task, in their order; of very many, the first 10,000."""
        after: int | None = 0
        while after is not None:
            page = await self._transport.answer(
                _get(f"{_path(job)}/errors", {"after": after, "limit": _PAGE}), LineErrors
            )
            for each in page.items:
                yield each
            after = page.next

    @operation
    async def wait(self, job: ImportRef, *, timeout: paths.Seconds | None = None) -> Import:  # noqa: ASYNC109 - of both faces
        """Return the import when it has ended. Raises TimeoutError when it has not in time."""
        async with asyncio.timeout(paths.seconds(timeout)):
            rest = _FIRST_LOOK_SECONDS
            while not (now := await self._transport.answer(_get(_path(job)), Import)).ended:
                await asyncio.sleep(rest)
                rest = min(rest * 1.5, _LAST_LOOK_SECONDS)
            return now

    @operation
    async def cancel(self, job: ImportRef) -> Import:
        """Read no further; the tasks that it made stay. Raises WrongState."""
        return await self._transport.answer(Call(method="POST", path=f"{_path(job)}/cancel"), Import)


def _path(ref: ImportRef) -> str:
    return f"{_IMPORTS}/{quote(ref.id if isinstance(ref, Import) else ref, safe='')}"


def _get(path: str, query: Query | None = None) -> Call:
    return Call(method="GET", path=path, query=query or {}, repeatable=True)
