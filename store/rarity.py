"""Which of the words that are asked for leads to the fewest tasks: told by passing over keys of the index of words,
which reads no task (ADR 6).
"""

import asyncio

from core import words
from store import matching, mongo, spans
from store.query import Query

FEW = 4_000
"""So many tasks are read and sorted; more are not, where another index has them in order."""
SURELY_FEW = 1_000
"""So many are sorted without a look at the first ones of that order."""
STEPS = (250, 1_000, 4_000)
"""So finely it is told which word fewer tasks have."""
FRONT = 250
"""So many tasks of a queue tell how thick a word is at the front of its worklist."""
GLANCE = 1_500
"""So many keys of the order are looked at, its first ones, before many tasks are sorted."""
_MOST_QUEUES = 4
"""In so many queues the keys are counted apart; of more, over all queues."""


async def rarest(
    database: mongo.Database, tenant: str, wanted: Query, marked: words.Wanted
) -> tuple[words.Wanted, int | None]:
    """A word (or, without any, a beginning) of the fewest open tasks, as nearly as it is worth knowing; and how many
    these are at most, None where they are more than `FEW`.
    """
    each = _each(marked)
    for step in STEPS:
        over = await asyncio.gather(*[_has_more(database, tenant, wanted, one, step) for one in each])
        under = [one for one, more in zip(each, over, strict=True) if not more]
        if under:
            return under[0], step
    return each[0], None


async def thinnest(database: mongo.Database, tenant: str, wanted: Query, marked: words.Wanted) -> words.Wanted:
    """The word that leads to the fewest tasks where their order is followed: whose tasks at the front of the worklist
    lie furthest apart. Nothing is looked up where there is one word only.
    """
    each = _each(marked)
    if len(each) == 1:
        return each[0]
    queues = wanted.queues or ()
    if len(queues) != 1:
        return (await rarest(database, tenant, wanted, marked))[0]
    places = spans.places(wanted)
    ranges = [matching.bounds(tenant, one, queues[0], places) for one in each]
    found = await asyncio.gather(*[_passed(database, bounds, FRONT) for bounds in ranges])
    reached = [(place is None, place or "", one) for place, one in zip(found, each, strict=True)]
    return max(reached, key=lambda row: row[:2])[2]


def _each(marked: words.Wanted) -> list[words.Wanted]:
    each = [words.Wanted(words=(word,)) for word in marked.words]
    return each or [words.Wanted(beginnings=(beginning,)) for beginning in marked.beginnings]


async def _has_more(database: mongo.Database, tenant: str, wanted: Query, one: words.Wanted, count: int) -> bool:
    """Whether more keys than that are in the ranges of a word; of several ranges each may have its share."""
    queues = wanted.queues or ()
    if not one.words or not 0 < len(queues) <= _MOST_QUEUES:
        return await _passed(database, matching.bounds(tenant, one), count) is not None
    places = spans.places(wanted)
    ranges = [matching.bounds(tenant, one, queue, places) for queue in queues]
    behind = await asyncio.gather(*[_passed(database, each, count // len(queues)) for each in ranges])
    return any(place is not None for place in behind)


async def _passed(database: mongo.Database, bounds: matching.Bounds, count: int) -> str | None:
    """The place of the key behind so many; None where there are no more."""
    low, high = bounds
    keys = database["tasks"].find({}, {"_id": 0, "place": 1}).hint("terms").min(low).max(high)
    async for key in keys.skip(count).limit(1):
        return str(key["place"])
    return None
