"""What one application works with, and how a request reaches it: made by the lifespan, asked for as arguments."""

import asyncio
from typing import Annotated, cast

import msgspec
from fastapi import Depends
from starlette.requests import Request

from api.callers import Callers
from api.measures import Measures
from api.tenancy import Tenancy
from broker.administration import Administration
from broker.assembly import Parts, Record
from broker.directory import Directory
from broker.lifecycle import Lifecycle


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of this process, who its callers are, and whether it is about to stop."""

    parts: Parts
    callers: Callers
    tenancy: Tenancy
    measures: Measures
    closing: asyncio.Event
    """Set when the server stops: whoever waits is sent home."""


def of(request: Request) -> Context:
    """The context of the application that got this request."""
    return cast("Context", request.app.state.context)


async def _lifecycle(request: Request) -> Lifecycle:
    return of(request).parts.lifecycle


async def _administration(request: Request) -> Administration:
    return of(request).parts.administration


async def _record(request: Request) -> Record:
    return of(request).parts.record


async def _tenancy(request: Request) -> Tenancy:
    return of(request).tenancy


async def _callers(request: Request) -> Callers:
    return of(request).callers


async def _directory(request: Request) -> Directory:
    return of(request).parts.directory


Lives = Annotated[Lifecycle, Depends(_lifecycle)]
"""Everything that can happen to a task."""

Administers = Annotated[Administration, Depends(_administration)]
"""Everything that can happen to a queue."""

Directories = Annotated[Directory, Depends(_directory)]
"""Queues and definitions, cached."""

Tenancies = Annotated[Tenancy, Depends(_tenancy)]
"""Everything that can happen to a tenant."""

Gate = Annotated[Callers, Depends(_callers)]
"""Who is let in."""

Reads = Annotated[Record, Depends(_record)]
"""The collections, for reading."""
