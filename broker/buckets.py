"""Objects in S3-compatible and Google Cloud storage, read as streams by their client libraries.

These libraries resolve and connect by themselves, so another endpoint than the usual one must be on the tenant's allow
list; and they would look for credentials on the machine that they run on, so they are always told which to use.
"""

import importlib
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

import aiohttp
import msgspec
from gcloud.aio.auth import Token
from gcloud.aio.storage import Storage

from broker.outbound import Blocked, Unreachable
from core import addresses, errors, imports
from core.imports import Source

_PIECE = 256 * 1024
_SECONDS = 30.0
_USUAL_REGION = "us-east-1"
_GOOGLE = "https://storage.googleapis.com"
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_READ_ONLY = ["https://www.googleapis.com/auth/devstorage.read_only"]
_LATER = frozenset({408, 429})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-", re.IGNORECASE)
_NOBODY = "nobody"
"""Stands for credentials where none are used: without any, the library would ask the machine for some."""


def _library(name: str) -> Any:
    """A module of the S3 library, which takes a second to import: few engines ever read from S3."""
    return importlib.import_module(name)


class Unusable(errors.PenstockError):
    """The file cannot be read, and another try will not help."""

    status = 422

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is open: which state of it (`version`), how long it is, and its bytes from `offset` on."""

    version: str | None
    total: int | None
    offset: int
    chunks: AsyncIterator[bytes]


class S3Key(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What a secret for S3 holds, as JSON."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class GoogleKey(msgspec.Struct, frozen=True):
    """What is used of a service account's key file."""

    client_email: str
    private_key: str


def begins_at(content_range: str | None) -> int:
    """Where the part begins that an answer says it holds; without a word of it, at the beginning."""
    found = _CONTENT_RANGE.match(content_range or "")
    return int(found[1]) if found else 0


def total(length: str | None, begins: int) -> int | None:
    """The length of a whole file, from that of the part that begins there."""
    return begins + int(length) if length is not None and length.isdigit() else None


@asynccontextmanager
async def s3(source: Source, secret: str | None, allowed: Iterable[str], offset: int) -> AsyncGenerator[Opened]:
    """An object of an S3-compatible storage."""
    bucket, name = imports.bucket_of(source.url or "", "url")
    imports.check_region(source.region, "region")
    key = _credentials(secret, S3Key, source)
    settings: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": _SECONDS,
        "retries": {"max_attempts": 1},
        "proxies": {},
        "s3": {"addressing_style": "auto" if source.endpoint is None else "path"},
    }
    if key is None:
        settings["signature_version"] = _library("botocore").UNSIGNED
    making = (
        _library("aiobotocore.session")
        .get_session()
        .create_client(
            "s3",
            region_name=source.region or _USUAL_REGION,
            endpoint_url=_listed(source.endpoint, allowed) or _s3_endpoint(source.region),
            aws_access_key_id=_NOBODY if key is None else key.access_key_id,
            aws_secret_access_key=_NOBODY if key is None else key.secret_access_key,
            aws_session_token=None if key is None else key.session_token,
            config=_library("aiobotocore.config").AioConfig(**settings),
        )
    )
    with _from_s3():
        async with making as client:
            wanted: dict[str, Any] = {"Bucket": bucket, "Key": name}
            got = await client.get_object(**wanted, **({"Range": f"bytes={offset}-"} if offset else {}))
            async with got["Body"] as body:
                begins = begins_at(got.get("ContentRange"))
                length = str(got["ContentLength"])
                chunks = _pieces(body)
                yield Opened(version=got.get("ETag"), total=total(length, begins), offset=begins, chunks=chunks)


@asynccontextmanager
async def gcs(source: Source, secret: str | None, allowed: Iterable[str], offset: int) -> AsyncGenerator[Opened]:
    """An object of Google Cloud Storage, as it is stored."""
    bucket, name = imports.bucket_of(source.url or "", "url")
    key = _credentials(secret, GoogleKey, source)
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    async with aiohttp.ClientSession(trust_env=False, trace_configs=[trace]) as session:
        root = _listed(source.endpoint, allowed) or _GOOGLE
        # With `api_is_dev` it sends no token at all: that is what a public object is read with.
        reader = Storage(
            session=session, api_root=root.rstrip("/"), api_is_dev=key is None, token=token_of(key, session)
        )
        headers = {"Accept-Encoding": "gzip"} | ({"Range": f"bytes={offset}-"} if offset else {})
        limits: Any = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_SECONDS)
        with _from_google():
            answer = await reader.download_stream(bucket, name, headers=headers, timeout=limits)
            async with answer as response:
                told = response.headers
                begins = begins_at(told.get("content-range"))
                yield Opened(
                    version=told.get("x-goog-generation") or told.get("etag"),
                    total=total(told.get("content-length"), begins),
                    offset=begins,
                    chunks=_pieces(answer),
                )


def token_of(key: GoogleKey | None, session: aiohttp.ClientSession) -> Token:
    """By that key alone, at Google's own address: a key file may name others, and other ways to get a token."""
    account: dict[str, str] = {"type": "service_account", "token_uri": _GOOGLE_TOKENS}
    if key is not None:
        account |= {"client_email": key.client_email, "private_key": key.private_key}
    return Token(service_file=io.StringIO(msgspec.json.encode(account).decode()), session=session, scopes=_READ_ONLY)


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    while piece := await body.read(_PIECE):
        yield piece


def _credentials(secret: str | None, kind: type[Any], source: Source) -> Any:
    if secret is None:
        return None
    try:
        return msgspec.json.decode(secret, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        fields = ", ".join(msgspec.json.encode(field.encode_name).decode() for field in msgspec.structs.fields(kind))
        message = f"The secret {source.secret_ref} is no JSON object of {fields}."
        raise Unusable("secret-not-usable", message) from None


def _listed(endpoint: str | None, allowed: Iterable[str]) -> str | None:
    if endpoint is None:
        return None
    addresses.checked(endpoint, "endpoint")
    if not addresses.is_listed(endpoint, allowed):
        raise Blocked(f"The endpoint {endpoint} is not on the tenant's list (httpTargets.allow).")
    return endpoint


def _s3_endpoint(region: str | None) -> str:
    """Amazon's own; said outright, since the library would take another one from the environment."""
    return f"https://s3.{region or _USUAL_REGION}.amazonaws.com"


async def _refuse_redirect(*_: object) -> NoReturn:
    raise Unusable("source-refused", "The storage answered with a redirect, which is not followed.")


@contextmanager
def _from_s3() -> Generator[None]:
    boto = _library("botocore.exceptions")
    try:
        yield
    except boto.ClientError as error:
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        raise _refused(status, str(error)) from error
    except (boto.BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unreachable(f"The storage could not be reached: {error or type(error).__name__}.") from error


@contextmanager
def _from_google() -> Generator[None]:
    try:
        yield
    except aiohttp.ClientResponseError as error:
        raise _refused(error.status, error.message[:500]) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unreachable(f"The storage could not be reached: {error or type(error).__name__}.") from error


def _refused(status: int, message: str) -> errors.PenstockError:
    if status == 404:
        return Unusable("source-not-found", f"The storage has no such object: {message}")
    if status in _LATER or status >= 500:
        return Unreachable(f"The storage answered {status}: {message}")
    return Unusable("source-refused", f"The storage answered {status}: {message}")
