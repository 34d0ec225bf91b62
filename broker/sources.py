"""Where the files of imports are read from, as streams of bytes: uploads, links, and buckets (`broker/buckets.py`).

A link is reached as an HTTP target is: at public addresses, and at private ones only below the tenant's allow list.
Credentials come from the tenant's secrets alone, never from the machine that this runs on.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from broker import buckets
from broker.buckets import Opened, Unusable
from broker.outbound import Call, Outbound, Streamed, Unreachable
from core.imports import Import, Source, SourceKind
from store.secrets import Secrets
from store.tenants import Tenants
from store.uploads import Uploads

_SECONDS = 30.0
_GONE = frozenset({404, 410})
_LATER = frozenset({408, 425, 429})


class Sources:
    """Opens files of imports."""

    def __init__(self, uploads: Uploads, secrets: Secrets, tenants: Tenants, outbound: Outbound) -> None:
        self._uploads = uploads
        self._secrets = secrets
        self._tenants = tenants
        self._outbound = outbound

    @asynccontextmanager
    async def open(self, job: Import, offset: int) -> AsyncGenerator[Opened]:
        """The file, from `offset` on or from an earlier byte.

        Raises `Unreachable` (also while it is read) where another try may help, `Unusable`, `Blocked` or `Invalid`
        where none will.
        """
        source = job.source
        if source.kind is SourceKind.UPLOAD:
            yield self._kept(job, offset)
            return
        allowed = await self._allowed(job.tenant)
        if source.kind is SourceKind.LINK:
            call = Call(method="GET", url=source.url or "", headers=_headers(offset), body=b"", timeout=_SECONDS)
            async with self._outbound.stream(job.tenant, call, allowed=allowed) as answer:
                yield _opened(answer)
            return
        secret = await self._secret(job.tenant, source)
        reader = buckets.s3 if source.kind is SourceKind.S3 else buckets.gcs
        async with reader(source, secret, allowed, offset) as opened:
            yield opened

    def _kept(self, job: Import, offset: int) -> Opened:
        chunks = self._uploads.read(job.tenant, job.uploads[-1], offset)
        return Opened(version=None, total=job.bytes_total, offset=offset, chunks=chunks)

    async def _allowed(self, tenant: str) -> tuple[str, ...]:
        found = await self._tenants.get(tenant)
        return () if found is None else found.http_allow

    async def _secret(self, tenant: str, source: Source) -> str | None:
        if source.secret_ref is None:
            return None
        value = await self._secrets.value(tenant, source.secret_ref)
        if value is None:
            raise Unusable(
                "secret-not-found", f"There is no secret {source.secret_ref}; PUT /api/v1/secrets keeps one."
            )
        return value


def _headers(offset: int) -> dict[str, str]:
    headers = {"user-agent": "Penstock", "accept": "*/*", "accept-encoding": "identity"}
    return headers | {"range": f"bytes={offset}-"} if offset else headers


def _opened(answer: Streamed) -> Opened:
    status, told = answer.status, answer.headers
    if status in _GONE:
        raise Unusable("source-not-found", f"The address answered {status}: there is no such file.")
    if status in _LATER or status >= 500:
        raise Unreachable(f"The address answered {status}.")
    if status not in {200, 206}:
        raise Unusable("source-refused", f"The address answered {status}; redirects are not followed.")
    begins = buckets.begins_at(told.get("content-range"))
    return Opened(
        version=told.get("etag") or told.get("last-modified"),
        total=buckets.total(told.get("content-length"), begins),
        offset=begins,
        chunks=answer.chunks,
    )
