"""What is due of a schedule now: which firings run, which were missed, and where it stands afterwards. Pure.

Whoever works it out from the same record comes to runs of the same ids, so that a firing that two engines carry out, or
one carries out twice, happens once. The record moves on afterwards, and only from where it was (`seq`).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from core import clock, timing
from core.schedule import Firing, FiringKind, FiringStatus, Last, MisfirePolicy, Run, Schedule

MOST = 500
"""Firings of one schedule in one round; the next round goes on."""
MOST_COUNTED = 1000
MOST_JITTER_SECONDS = 3600.0

_BEFORE = timedelta(milliseconds=1)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A firing that runs now; `id` is that of its task or flow."""

    id: str
    at: datetime
    kind: FiringKind = FiringKind.SCHEDULED


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Firings that do not run: from the first to the last, so many (None: more than `MOST_COUNTED`)."""

    first: datetime
    last: datetime
    count: int | None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and the schedule as it is when that was done."""

    fire: tuple[Due, ...]
    missed: Missed | None
    after: Schedule


def run_id(secret: str, at: datetime, kind: FiringKind, word: str = "") -> str:
    """The id of a firing's task or flow: a UUID of version 8 (RFC 9562) that sorts by the time of the firing.

    `word` tells manual runs of one moment apart.
    """
    milliseconds = round(at.timestamp() * 1000)
    d = hashlib.sha256(f"{secret}\0{milliseconds}\0{kind}\0{word}".encode()).hexdigest()
    head = f"{milliseconds:012x}"
    return f"{head[:8]}-{head[8:]}-8{d[:3]}-{'89ab'[int(d[3], 16) & 3]}{d[4:7]}-{d[7:19]}"


def decide(schedule: Schedule, now: datetime) -> Decision:
    """What is due. Firings that it leaves out (more than `MOST`, or not due yet) are decided later."""
    passed = _passed_over(schedule, now)
    late, good, cursor = _sorted(schedule, schedule.cursor if passed is None else passed.last, now)
    match schedule.misfire.policy:
        case MisfirePolicy.SKIP | MisfirePolicy.ALL:
            makes_up = None
        case MisfirePolicy.ONE:
            makes_up = late[-1] if late else None if passed is None else passed.last
        case MisfirePolicy.LATEST:
            makes_up = good[-1] if good else _still_good(schedule, passed, now)
            late, good = sorted([*late, *good]), []
    fire = [moment for moment in (makes_up, *good) if moment is not None]
    due = [_due(schedule, at) for at in fire]
    if schedule.setup_at is not None:
        due.insert(0, _due(schedule, schedule.setup_at, FiringKind.SETUP))
    return Decision(
        fire=tuple(due),
        missed=_missed(passed, late, makes_up),
        after=armed(msgspec.structs.replace(schedule, cursor=cursor, setup_at=None, seq=schedule.seq + 1)),
    )


def armed(schedule: Schedule) -> Schedule:
    """The schedule with `next_at` as all the rest of it says."""
    following = timing.next_after(schedule.timing, schedule.cursor)
    moments = [] if following is None else [timing.runs_at(schedule.timing, schedule.secret, following)]
    if schedule.setup_at is not None:
        moments.append(schedule.setup_at)
    return msgspec.structs.replace(schedule, next_at=None if schedule.paused else min(moments, default=None))


def paused(schedule: Schedule, *, paused: bool, at: datetime) -> Schedule:
    """The schedule with nothing fired from now on, or fired again from now on: what fell into the pause is gone."""
    cursor = schedule.cursor if paused or not schedule.paused else max(schedule.cursor, at - _BEFORE)
    return armed(msgspec.structs.replace(schedule, paused=paused, cursor=cursor))


def noted(schedule: Schedule, entries: Sequence[Firing]) -> Schedule:
    """The schedule with the last of these entries shown as its last firing."""
    for entry in entries:
        if schedule.last is not None and entry.at < schedule.last.at:
            continue
        last = Last(at=entry.until or entry.at, status=entry.status, run=entry.run)
        ran = last if entry.status is FiringStatus.SUBMITTED else schedule.last_run
        schedule = msgspec.structs.replace(schedule, last=last, last_run=ran)
    return schedule


def entry(schedule: Schedule, due: Due, status: FiringStatus, *, at: datetime) -> Firing:
    """What is kept of a firing that was carried out."""
    run = Run(kind=schedule.order.kind, id=due.id) if status is FiringStatus.SUBMITTED else None
    return Firing(
        tenant=schedule.tenant, id=due.id, schedule=schedule.id, at=due.at, kind=due.kind, status=status,
        recorded_at=at, run=run,
    )  # fmt: skip


def missed_entry(schedule: Schedule, missed: Missed, *, at: datetime) -> Firing:
    """What is kept of firings that were missed."""
    several = missed.count != 1
    return Firing(
        tenant=schedule.tenant,
        id=run_id(schedule.secret, missed.first, FiringKind.SCHEDULED, "missed"),
        schedule=schedule.id,
        at=missed.first,
        kind=FiringKind.SCHEDULED,
        status=FiringStatus.MISSED,
        recorded_at=at,
        until=missed.last if several else None,
        count=missed.count if several else None,
    )


def _due(schedule: Schedule, at: datetime, kind: FiringKind = FiringKind.SCHEDULED) -> Due:
    return Due(id=run_id(schedule.secret, at, kind), at=at, kind=kind)


def _passed_over(schedule: Schedule, now: datetime) -> Missed | None:
    """Firings that are too late whatever their jitter: after a long time they are many, and none is looked at."""
    policy, grace = schedule.misfire.policy, schedule.misfire.grace_seconds
    if policy is MisfirePolicy.LATEST:
        grace = 0.0
    if policy is MisfirePolicy.ALL or grace is None:
        return None
    bound = now - clock.span(grace + schedule.timing.jitter_seconds) - _BEFORE
    first = timing.next_after(schedule.timing, schedule.cursor)
    if first is None or first > bound:
        return None
    last = timing.last_upto(schedule.timing, first, bound)
    counted = 0
    for moment in islice(timing.firings(schedule.timing, schedule.cursor), MOST_COUNTED + 1):
        if moment > last:
            break
        counted += 1
    return Missed(first=first, last=last, count=counted if counted <= MOST_COUNTED else None)


def _sorted(schedule: Schedule, after: datetime, now: datetime) -> tuple[list[datetime], list[datetime], datetime]:
    """Firings behind `after` whose moment has come: those too late, those in time, and the last looked at.

    A firing never overtakes one before it: the first that is not due ends the round.
    """
    policy, grace = schedule.misfire.policy, schedule.misfire.grace_seconds
    limit = None if policy is MisfirePolicy.ALL or grace is None else clock.span(grace)
    late: list[datetime] = []
    good: list[datetime] = []
    for at in timing.firings(schedule.timing, after):
        runs_at = timing.runs_at(schedule.timing, schedule.secret, at)
        if runs_at > now:
            break
        (good if limit is None or now - runs_at <= limit else late).append(at)
        after = at
        if len(good) == MOST and policy is not MisfirePolicy.LATEST:
            break
    return late, good, after


def _still_good(schedule: Schedule, passed: Missed | None, now: datetime) -> datetime | None:
    """The last of the firings that were passed over, if it is within the grace."""
    if passed is None:
        return None
    grace = schedule.misfire.grace_seconds
    late_by = now - timing.runs_at(schedule.timing, schedule.secret, passed.last)
    return passed.last if grace is None or late_by <= clock.span(grace) else None


def _missed(passed: Missed | None, late: Sequence[datetime], makes_up: datetime | None) -> Missed | None:
    """What is late and does not run; `makes_up` is one of these that does."""
    if passed is None and not late:
        return None
    counted = 0 if passed is None else passed.count
    left = None if counted is None else counted + len(late) - (makes_up is not None)
    if left == 0:
        return None
    first = late[0] if passed is None else passed.first
    return Missed(first=first, last=late[-1] if late else first if passed is None else passed.last, count=left)
