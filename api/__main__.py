"""Runs the API: `python -m api --port 8080`. Settings of the server itself beside those of `core/settings.py`."""

import argparse
import sys

import uvicorn
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from api import corked
from core import chosen, diagnosis, errors
from store import masters


class ServerSettings(BaseSettings):
    """How the server listens, by environment variables that start with `PENSTOCK_API_`; durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_API_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1)
    graceful_shutdown_seconds: int = Field(default=10, ge=0, description="For requests under way; nobody who waits")
    keep_alive_seconds: int = Field(default=75, ge=1, description="How long an idle connection is kept open")
    backlog: int = Field(default=2048, ge=1)
    proxies: str = Field(default="127.0.0.1", description="Whose X-Forwarded headers are believed")


def _refused() -> str | None:
    """What is wrong with the settings of our processes, before there is one."""
    settings = chosen.settings()
    if isinstance(settings, list):
        return diagnosis.text(settings)
    try:
        masters.of(settings)
    except errors.PenstockError as error:
        return error.detail
    return None


def main() -> None:
    """Serve until told to stop."""
    settings = chosen.of(ServerSettings)
    if isinstance(settings, list):
        sys.exit(diagnosis.text(settings))
    parser = argparse.ArgumentParser(prog="python -m api", description="The HTTP API of Penstock.")
    parser.add_argument("--host", default=settings.host)
    parser.add_argument("--port", type=int, default=settings.port)
    parser.add_argument("--workers", type=int, default=settings.workers, help="processes that share the port")
    asked = parser.parse_args()
    refused = _refused()
    if refused is not None:
        sys.exit(refused)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=asked.host,
        port=asked.port,
        workers=asked.workers,
        loop="uvloop",
        http=corked.Protocol,
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        backlog=settings.backlog,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
        forwarded_allow_ips=settings.proxies,
    )


if __name__ == "__main__":
    main()
