"""Storages on loopback that speak S3's and Google's protocols, each a process of its own."""

import contextlib
import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from deploy.local import ports

KEY = {"accessKeyId": "reader", "secretAccessKey": "word"}


@contextmanager
def s3(log: Path) -> Generator[str]:
    """A storage with S3's protocol; answers its address."""
    port = ports.free()
    with _running([sys.executable, "-m", "moto.server", "-H", ports.LOOPBACK, "-p", str(port)], port, log):
        yield f"http://{ports.LOOPBACK}:{port}"


@contextmanager
def google(log: Path) -> Generator[str]:
    """A storage with Google's protocol; answers its address."""
    port = ports.free()
    program = str(Path(sys.executable).with_name("gcp-storage-emulator"))
    command = [
        program,
        "start",
        "--host",
        ports.LOOPBACK,
        "--port",
        str(port),
        "--in-memory",
        "--default-bucket=reports",
    ]
    with _running(command, port, log):
        yield f"http://{ports.LOOPBACK}:{port}"


def put_s3(url: str, bucket: str, name: str, data: bytes, *, public: bool = False) -> None:
    """Keep an object, its bucket made where it is missing."""
    client: Any = importlib.import_module("boto3").client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="owner", aws_secret_access_key="word"
    )
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=name, Body=data, ACL="public-read" if public else "private")
    client.close()


def put_google(url: str, bucket: str, name: str, data: bytes) -> None:
    """Keep an object in a bucket that is there."""
    path = f"{url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
    httpx.post(path, content=data).raise_for_status()


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Generator[None]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError), socket.create_connection((ports.LOOPBACK, port), timeout=0.1):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        yield
    finally:
        process.kill()
        process.wait()
