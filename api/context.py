"""What one application works with, and how a request reaches it: made by the lifespan, asked for as arguments."""

import asyncio
from typing import Annotated, cast

import msgspec
from fastapi import Depends
from starlette.requests import Request

from api.audited import Trailing
from api.callers import Callers
from api.feed import Feed
from api.frames import Frames
from api.measures import Measures
from api.tenancy import Tenancy
from auth.basic import Exchange
from auth.people import People
from broker.administration import Administration
from broker.assembly import Parts, Record
from broker.bulk import BulkActions
from broker.definitions import Catalogue
from broker.directory import Directory
from broker.fair import Fair
from broker.flows import Flows
from broker.intake import Intake
from broker.lifecycle import Lifecycle
from broker.quotas import Quota
from broker.schedules import Timetable
from broker.templates import Templates
from broker.triggers import Triggers
from broker.webhooks import Book
from broker.worklist import Worklist
from core.clock import Clock
from store.audit import Audit
from store.comments import Comments
from store.estate import Estate
from store.filters import Filters
from store.overview import Overviews
from store.records import Records
from store.redrives import Redrives
from store.secrets import Secrets
from store.stats import Stats


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of this process, who its callers are, and whether it is about to stop."""

    parts: Parts
    callers: Callers
    tenancy: Tenancy
    measures: Measures
    feed: Feed
    redrives: Redrives
    overviews: Overviews
    stats: Stats
    basic: Exchange
    secrets: Secrets
    records: Records
    filters: Filters
    people: People
    comments: Comments
    webhooks: Book
    frames: Frames
    estate: Estate
    audit: Audit
    trailing: Trailing
    fair: Fair
    console_client_id: str
    closing: asyncio.Event
    """Set when the server stops: whoever waits is sent home."""


_HERE = "penstock.context"


def of(request: Request) -> Context:
    """The context of the application that got this request."""
    scope = request.scope
    here = scope.get(_HERE)
    if here is None:
        here = scope[_HERE] = request.app.state.context
    return cast("Context", here)


async def _lifecycle(request: Request) -> Lifecycle:
    return of(request).parts.lifecycle


async def _bulk(request: Request) -> BulkActions:
    return of(request).parts.bulk


async def _comments(request: Request) -> Comments:
    return of(request).comments


async def _people(request: Request) -> People:
    return of(request).people


async def _filters(request: Request) -> Filters:
    return of(request).filters


async def _worklist(request: Request) -> Worklist:
    return of(request).parts.worklist


async def _administration(request: Request) -> Administration:
    return of(request).parts.administration


async def _flows(request: Request) -> Flows:
    return of(request).parts.flows


async def _templates(request: Request) -> Templates:
    return of(request).parts.templates


async def _catalogue(request: Request) -> Catalogue:
    return of(request).parts.catalogue


async def _record(request: Request) -> Record:
    return of(request).parts.record


async def _tenancy(request: Request) -> Tenancy:
    return of(request).tenancy


async def _callers(request: Request) -> Callers:
    return of(request).callers


async def _directory(request: Request) -> Directory:
    return of(request).parts.directory


async def _feed(request: Request) -> Feed:
    return of(request).feed


async def _redrives(request: Request) -> Redrives:
    return of(request).redrives


async def _secrets(request: Request) -> Secrets:
    return of(request).secrets


async def _records(request: Request) -> Records:
    return of(request).records


async def _webhooks(request: Request) -> Book:
    return of(request).webhooks


async def _audit(request: Request) -> Audit:
    return of(request).audit


async def _quotas(request: Request) -> Quota:
    return of(request).parts.quotas


async def _estate(request: Request) -> Estate:
    return of(request).estate


async def _clock(request: Request) -> Clock:
    return of(request).parts.clock


async def _triggers(request: Request) -> Triggers:
    return of(request).parts.triggers


async def _intake(request: Request) -> Intake:
    return of(request).parts.intake


async def _timetable(request: Request) -> Timetable:
    return of(request).parts.timetable


Lives = Annotated[Lifecycle, Depends(_lifecycle)]
"""Everything that can happen to a task."""

Bulking = Annotated[BulkActions, Depends(_bulk)]
"""One action on many tasks."""

Commented = Annotated[Comments, Depends(_comments)]
"""What people say about tasks."""

Lookup = Annotated[People, Depends(_people)]
"""Who has which role."""

Filtering = Annotated[Filters, Depends(_filters)]
"""Saved filters."""

Worklists = Annotated[Worklist, Depends(_worklist)]
"""Tasks for people."""

Keeping = Annotated[Secrets, Depends(_secrets)]
Auditing = Annotated[Audit, Depends(_audit)]
"""Who changed what."""

Limited = Annotated[Quota, Depends(_quotas)]
"""What tenants may take."""

Estates = Annotated[Estate, Depends(_estate)]
"""All that a tenant owns, whatever it is."""

Recording = Annotated[Records, Depends(_records)]
Flowed = Annotated[Flows, Depends(_flows)]
Templating = Annotated[Templates, Depends(_templates)]
Catalogues = Annotated[Catalogue, Depends(_catalogue)]
Administers = Annotated[Administration, Depends(_administration)]
"""Everything that can happen to a queue."""

Directories = Annotated[Directory, Depends(_directory)]
"""Queues and definitions, cached."""

Webhooking = Annotated[Book, Depends(_webhooks)]
"""Everything that can happen to a webhook."""

Timetables = Annotated[Timetable, Depends(_timetable)]
"""Everything that can happen to a schedule."""

Triggering = Annotated[Triggers, Depends(_triggers)]
"""Everything that can happen to a trigger."""

Intakes = Annotated[Intake, Depends(_intake)]
"""Everything that can happen to an import."""

Tenancies = Annotated[Tenancy, Depends(_tenancy)]
"""Everything that can happen to a tenant."""

Gate = Annotated[Callers, Depends(_callers)]
"""Who is let in."""

Feeds = Annotated[Feed, Depends(_feed)]
"""What happened, and what happens."""

Redrivers = Annotated[Redrives, Depends(_redrives)]
"""Orders to run dead letters again."""

Now = Annotated[Clock, Depends(_clock)]
"""Call it for the time."""

Reads = Annotated[Record, Depends(_record)]
"""The collections, for reading."""
