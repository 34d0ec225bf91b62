"""Objects in buckets are read as streams, from any byte on, with the credentials given and no others."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from broker import buckets
from broker.buckets import Opened, Unusable
from broker.outbound import Blocked, Unreachable
from core.imports import Source, SourceKind
from deploy.local import ports
from tests.support import storages

DATA = bytes(range(256)) * 4096
SECRET = msgspec.json.encode(storages.KEY).decode()

Reader = Callable[[Source, str | None, list[str], int], AbstractAsyncContextManager[Opened]]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A storage with a private object and a public one."""
    with storages.s3(tmp_path_factory.mktemp("s3") / "log") as url:
        storages.put_s3(url, "reports", "2026/january +1.bin", DATA)
        storages.put_s3(url, "reports", "open.bin", DATA, public=True)
        yield url


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A storage with an object."""
    with storages.google(tmp_path_factory.mktemp("google") / "log") as url:
        storages.put_google(url, "reports", "2026/january +1.bin", DATA)
        yield url


def at(kind: SourceKind, name: str = "2026/january%20+1.bin", **more: str) -> Source:
    scheme = "s3" if kind is SourceKind.S3 else "gs"
    return msgspec.structs.replace(Source(kind=kind, url=f"{scheme}://reports/{name}"), **more)


async def content(opened: Opened) -> bytes:
    return b"".join([chunk async for chunk in opened.chunks])


async def test_an_s3_object_is_read_from_any_byte_on(s3: str) -> None:
    source = at(SourceKind.S3, endpoint=s3, secret_ref="bucket")
    async with buckets.s3(source, SECRET, [s3], 0) as opened:
        assert (opened.offset, opened.total) == (0, len(DATA))
        version = opened.version
        assert await content(opened) == DATA
    async with buckets.s3(source, SECRET, [s3], 1000) as opened:
        assert (opened.offset, opened.total, opened.version) == (1000, len(DATA), version)
        assert await content(opened) == DATA[1000:]
    assert version


async def test_a_public_s3_object_needs_no_credentials_and_finds_none(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-machine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    async with buckets.s3(at(SourceKind.S3, "open.bin", endpoint=s3), None, [s3], 0) as opened:
        assert await content(opened) == DATA


async def test_a_google_object_is_read_from_any_byte_on(google: str) -> None:
    source = at(SourceKind.GCS, endpoint=google)
    async with buckets.gcs(source, None, [google], 0) as opened:
        assert (opened.offset, opened.total) == (0, len(DATA))
        assert await content(opened) == DATA
    async with buckets.gcs(source, None, [google], 1000) as opened:
        assert (opened.offset, opened.total) == (1000, len(DATA))
        assert await content(opened) == DATA[1000:]


READERS: list[tuple[SourceKind, Reader]] = [(SourceKind.S3, buckets.s3), (SourceKind.GCS, buckets.gcs)]


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    return request.getfixturevalue("s3" if request.param is SourceKind.S3 else "google")


@pytest.mark.parametrize(
    ("endpoint", "kind", "reader"), [(kind, kind, read) for kind, read in READERS], indirect=["endpoint"]
)
async def test_what_is_not_there_and_what_is_away_are_told_apart(
    endpoint: str, kind: SourceKind, reader: Reader
) -> None:
    with pytest.raises(Unusable) as gone:
        async with reader(at(kind, "none.bin", endpoint=endpoint), None, [endpoint], 0):
            pass
    assert gone.value.kind == "source-not-found"
    away = f"http://127.0.0.1:{ports.free()}"
    with pytest.raises(Unreachable):
        async with reader(at(kind, endpoint=away), None, [away], 0):
            pass


@pytest.mark.parametrize(("kind", "reader"), READERS)
async def test_an_endpoint_that_is_not_listed_is_not_reached(kind: SourceKind, reader: Reader) -> None:
    for endpoint in ("http://127.0.0.1:1", "http://169.254.169.254", "https://storage.example.org"):
        with pytest.raises(Blocked):
            async with reader(at(kind, endpoint=endpoint), None, ["https://storage.example.org/only/here"], 0):
                pass


@pytest.mark.parametrize(("kind", "reader"), READERS)
async def test_a_secret_that_is_no_key_is_not_told(kind: SourceKind, reader: Reader) -> None:
    for secret in ("hunter2", '{"password": "hunter2"}'):
        with pytest.raises(Unusable) as caught:
            async with reader(at(kind, secret_ref="bucket"), secret, [], 0):
                pass
        assert caught.value.kind == "secret-not-usable"
        assert "hunter2" not in str(caught.value)


async def test_of_a_google_key_only_name_and_key_count() -> None:
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = {
        "type": "external_account", "client_email": "x@example.org", "private_key": pem.decode(),
        "token_uri": "http://127.0.0.1:1/token", "credential_source": {"url": "http://169.254.169.254"},
    }  # fmt: skip
    key = msgspec.convert(file, buckets.GoogleKey)
    async with aiohttp.ClientSession() as session:
        token = buckets.token_of(key, session)
        assert token.token_uri == "https://oauth2.googleapis.com/token"
        assert set(token.service_data) == {"type", "client_email", "private_key", "token_uri"}
        assert token.token_type.value == "service_account"
