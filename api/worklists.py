"""Worklists as far as their caller may see them, and the queues of a tenant where it has a right."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from pydantic import ValidationError

from api.guards import AtQueue, InTenant
from api.schemas.listing import AllListParams, ListParams
from api.schemas.tasks import faults_of
from auth import policy
from auth.policy import Action, Reach
from core import errors
from core.queue import Queue
from store.filters import Filter, Filters
from store.listing import Listing, Page
from store.queues import Queues

_CHUNK = 500
_NOTHING = Page(tasks=(), next=None)


async def of_queue(listing: Listing, at: AtQueue, asked: ListParams) -> Page:
    """A page of a queue: all of it, or only what the caller made."""
    own = at.reach is Reach.OWN
    if own and asked.excludes(at.who.subject):
        return _NOTHING
    query = asked.query(me=at.who.subject, queues=(at.queue.key,), own=own)
    return await listing.page(at.tenant, query, after=asked.after, limit=asked.limit)


async def of_tenant(listing: Listing, queues: Queues, at: InTenant, asked: AllListParams) -> Page:
    """A page over the queues whose tasks the caller may all read; of tasks of its own making, over those too where it
    may read no others (with `createdBy=me`, or where there is no queue of the first kind).
    """
    me = at.who.subject
    everywhere = policy.reach(at.who)
    if everywhere is Reach.ALL:
        query = asked.query(me=me, queues=tuple(asked.queue) or None, own=False)
        return await listing.page(at.tenant, query, after=asked.after, limit=asked.limit)
    readable, owned = await reachable(queues, at, frozenset(asked.queue))
    own = not asked.excludes(me) and (asked.created_by is not None or not readable)
    wanted = readable | owned if own else readable
    if not wanted:
        return _NOTHING
    query = asked.query(me=me, queues=tuple(sorted(wanted)), own=own)
    return await listing.page(at.tenant, query, after=asked.after, limit=asked.limit)


async def with_filter(filters: Filters, at: InTenant, asked: AllListParams) -> AllListParams:
    """What is asked for, on top of the saved filter that it names; raises `NotFound`, `Invalid`."""
    if asked.filter is None:
        return asked
    found = await saved(filters, at, asked.filter)
    named = asked.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"filter"})
    try:
        return AllListParams.model_validate_json(msgspec.json.encode(found.wanted | named))
    except ValidationError as error:
        raise errors.Invalid(f"The filter {found.name} is not usable any more.", faults=faults_of(error)) from None


async def saved(filters: Filters, at: InTenant, filter_id: str) -> Filter:
    """A saved filter that the caller may use; raises `NotFound`."""
    found = await filters.get(at.tenant, filter_id)
    if found is None or not (found.shared or found.owner.id == at.who.subject):
        raise errors.NotFound(f"There is no filter {filter_id}.")
    return found


async def where(queues: Queues, at: InTenant, action: Action, named: Sequence[str] | None) -> list[Queue]:
    """The queues that are named, if the caller may do that at each; else all where it may.

    Raises `NotFound`, and `Forbidden` also where there is none.
    """
    if named:
        found: list[Queue] = []
        for key in dict.fromkeys(named):
            queue = await queues.get(at.tenant, key)
            if queue is None:
                raise errors.NotFound(f"There is no queue {key}.")
            policy.require(at.who, action, queue.bindings)
            found.append(queue)
        return found
    found = [queue async for queue in _every(queues, at) if policy.allowed(at.who, action, queue.bindings)]
    if not found:
        raise errors.Forbidden(f"The right '{action}' is missing at every queue.", extra={"right": action.value})
    return found


async def _every(queues: Queues, at: InTenant) -> AsyncIterator[Queue]:
    after = None
    while chunk := await queues.page(at.tenant, after=after, limit=_CHUNK):
        for queue in chunk:
            yield queue
        after = chunk[-1].key


async def reachable(queues: Queues, at: InTenant, among: frozenset[str]) -> tuple[set[str], set[str]]:
    """Keys of the queues whose tasks the caller may all read, and of those where it may read its own."""
    reached: dict[Reach, set[str]] = {reach: set() for reach in Reach}
    async for queue in _every(queues, at):
        if not among or queue.key in among:
            reached[policy.reach(at.who, queue.bindings)].add(queue.key)
    return reached[Reach.ALL], reached[Reach.OWN]
