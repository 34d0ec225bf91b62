"""Listings of tasks as far as their caller may see them."""

from api.guards import AtQueue, InTenant
from api.schemas.listing import AllListParams, ListParams
from auth import policy
from auth.policy import Reach
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


async def reachable(queues: Queues, at: InTenant, among: frozenset[str]) -> tuple[set[str], set[str]]:
    """Keys of the queues whose tasks the caller may all read, and of those where it may read its own."""
    reached: dict[Reach, set[str]] = {reach: set() for reach in Reach}
    after = None
    while chunk := await queues.page(at.tenant, after=after, limit=_CHUNK):
        for queue in chunk:
            if not among or queue.key in among:
                reached[policy.reach(at.who, queue.bindings)].add(queue.key)
        after = chunk[-1].key
    return reached[Reach.ALL], reached[Reach.OWN]
