"""Compares what was promised with what is there: the invariants of a task queue, one function each. Pure.

It is itself tested: by made-up ledgers, and by five defects planted into running processes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from tests.chaos import replay
from tests.chaos.ledger import Finding, Finish, Ledger, Stored, StoredEvent, StoredTask, Verdict
from tests.chaos.replay import Story

SAME_CLOCK = timedelta(milliseconds=5)
"""Processes of one machine read one clock; a promise is cut to milliseconds."""

_TAKEN = frozenset({"lease-lost", "tenant-suspended", "tenant-deleting"})
"""Why the platform takes an attempt from its holder when the lease has run out."""

_CLOSES = {
    "complete": frozenset({"succeeded"}),
    "fail": frozenset({"retry-scheduled", "failed", "canceled"}),
    "release": frozenset({"released", "canceled"}),
}


def check(ledger: Ledger, stored: Stored) -> list[Finding]:
    """Every promise that was not kept, by kind; [] when all were."""
    tasks = {task.id: task for task in stored.tasks}
    stories = told(stored.events)
    findings = [
        *lost(ledger, tasks),
        *doubled(ledger, stored.tasks),
        *stuck(stored.tasks),
        *misnumbered(stored.events),
        *mistold(tasks, stories),
        *ended_twice(stories),
        *finished_twice(ledger, stories),
        *finished_late(ledger, tasks, stories),
        *freed_early(ledger, stories),
        *flows(ledger, stored),
        *schedules(ledger, stored.tasks),
        *misheard(ledger, stored.events),
        *shut_out(ledger),
    ]
    return sorted(findings, key=lambda finding: (finding.kind, finding.subject))


def told(events: Iterable[StoredEvent]) -> dict[str, Story]:
    """The story of every task that has events."""
    ordered = sorted(events, key=lambda event: (event.task, event.seq, event.n))
    return {task: replay.told(list(group)) for task, group in groupby(ordered, key=lambda event: event.task)}


def lost(ledger: Ledger, tasks: Mapping[str, StoredTask]) -> Iterator[Finding]:
    """An acknowledged task that is not there."""
    for submit in ledger.submits:
        if submit.task not in tasks:
            yield Finding(kind="lost", subject=submit.task, detail=f"acknowledged at {submit.answered:%H:%M:%S.%f}")


def doubled(ledger: Ledger, tasks: Iterable[StoredTask]) -> Iterator[Finding]:
    """A key that stands for two tasks, in answers or in the record."""
    by_key: dict[str, set[str]] = defaultdict(set)
    for submit in ledger.submits:
        by_key[submit.key].add(submit.task)
    for task in tasks:
        if task.dedup_key is not None:
            by_key[task.dedup_key].add(task.id)
    for key, ids in by_key.items():
        if len(ids) > 1:
            yield Finding(kind="doubled", subject=key, detail=f"is {', '.join(sorted(ids))}")


def stuck(tasks: Iterable[StoredTask]) -> Iterator[Finding]:
    """A task that is open although workers asked for more until nothing came."""
    for task in tasks:
        if task.state != "done":
            yield Finding(kind="stuck", subject=task.id, detail=f"is {task.state} and is not handed out any more")


def misnumbered(events: list[StoredEvent]) -> Iterator[Finding]:
    """A number of the event log that is missing, or there twice."""
    numbers = sorted(event.n for event in events)
    for before, after in pairwise([0, *numbers]):
        if after != before + 1:
            what = "is there twice" if after == before else f"follows {before}"
            yield Finding(kind="events", subject=str(after), detail=what)


def mistold(tasks: Mapping[str, StoredTask], stories: Mapping[str, Story]) -> Iterator[Finding]:
    """A task whose events do not lead to the state that it is in, or not in order, once each."""
    for task in tasks.values():
        story = stories.get(task.id, Story())
        for fault in story.faults:
            yield Finding(kind="events", subject=task.id, detail=fault)
        if (story.state, story.outcome) != (task.state, task.outcome):
            detail = f"its events lead to {story.state} {story.outcome}, it is {task.state} {task.outcome}"
            yield Finding(kind="events", subject=task.id, detail=detail)
        elif story.attempts != task.attempt:
            detail = f"its events tell of {story.attempts} attempts, it counts {task.attempt}"
            yield Finding(kind="events", subject=task.id, detail=detail)
    for unknown in stories.keys() - tasks.keys():
        yield Finding(kind="events", subject=unknown, detail="has events and is not there")


def ended_twice(stories: Mapping[str, Story]) -> Iterator[Finding]:
    """A task that ended more than once."""
    for task, story in stories.items():
        if story.ends > 1:
            yield Finding(kind="ended twice", subject=task, detail=f"its events tell of {story.ends} ends")


def finished_twice(ledger: Ledger, stories: Mapping[str, Story]) -> Iterator[Finding]:
    """Two holders who were both told that their success was taken."""
    accepted: dict[str, set[int]] = defaultdict(set)
    for finish in _accepted(ledger):
        if finish.action == "complete":
            accepted[finish.task].add(finish.attempt)
    for task, attempts in accepted.items():
        if len(attempts) > max(1, stories.get(task, Story()).ends):
            yield Finding(kind="finished twice", subject=task, detail=f"by the holders of attempts {sorted(attempts)}")


def finished_late(ledger: Ledger, tasks: Mapping[str, StoredTask], stories: Mapping[str, Story]) -> Iterator[Finding]:
    """A finish that was accepted although the attempt had been over, or that left no trace."""
    for finish in _accepted(ledger):
        if finish.task not in tasks:
            continue
        closed = stories.get(finish.task, Story()).closed.get(finish.attempt)
        if closed is None or closed.by not in _CLOSES[finish.action]:
            how = "did not end" if closed is None else f"ended as {closed.by} ({closed.reason})"
            detail = f"{finish.action} of attempt {finish.attempt} was accepted, which {how}"
            yield Finding(kind="late finish", subject=finish.task, detail=detail)
        elif closed.by in {"retry-scheduled", "released"} and closed.reason in _TAKEN:
            detail = f"{finish.action} of attempt {finish.attempt} was accepted after its lease was lost"
            yield Finding(kind="late finish", subject=finish.task, detail=detail)
    for task in tasks.values():
        story = stories.get(task.id, Story())
        if task.outcome == "succeeded" and task.result_of is not None and task.result_of != story.attempts:
            detail = f"its result is that of attempt {task.result_of}, attempt {story.attempts} was the last"
            yield Finding(kind="late finish", subject=task.id, detail=detail)


def freed_early(ledger: Ledger, stories: Mapping[str, Story]) -> Iterator[Finding]:
    """An attempt that was taken from its holder within the time that the holder had been promised."""
    promised: dict[tuple[str, int], datetime] = {}
    given: dict[tuple[str, int], datetime] = {}
    for hold in ledger.holds:
        where = (hold.task, hold.attempt)
        if hold.until is not None:
            promised[where] = max(hold.until, promised.get(where, hold.until))
        given[where] = min(hold.answered, given.get(where, hold.answered))
    for (task, attempt), until in promised.items():
        closed = stories.get(task, Story()).closed.get(attempt)
        if closed is None or closed.reason not in _TAKEN:
            continue
        # When the engine says it was, and when the next holder had it beyond doubt, whatever the engine says.
        over = min(closed.at, given.get((task, attempt + 1), closed.at))
        if over < until - SAME_CLOCK:
            detail = f"attempt {attempt} lost its lease {(until - over).total_seconds():.3f} s too early"
            yield Finding(kind="freed early", subject=task, detail=detail)


def flows(ledger: Ledger, stored: Stored) -> Iterator[Finding]:
    """A flow that did not end, or not by each of its children once."""
    kept = {flow.id: flow for flow in stored.flows}
    children: dict[str, Counter[tuple[str | None, int]]] = defaultdict(Counter)
    for task in stored.tasks:
        if task.flow is not None:
            children[task.flow][task.step, task.index] += 1
    for begun in ledger.flows:
        flow = kept.get(begun.flow)
        if flow is None:
            yield Finding(kind="flow lost", subject=begun.flow, detail="was acknowledged")
            continue
        if flow.status != "done" or flow.outcome != "succeeded":
            yield Finding(kind="flow", subject=flow.id, detail=f"is {flow.status} {flow.outcome}")
        places = children[flow.id]
        if len(places) != begun.children or any(count > 1 for count in places.values()):
            detail = f"has {places.total()} children at {len(places)} places in place of {begun.children}"
            yield Finding(kind="flow", subject=flow.id, detail=detail)


def schedules(ledger: Ledger, tasks: Iterable[StoredTask]) -> Iterator[Finding]:
    """A firing that is missing, or happened twice."""
    fired: dict[str, Counter[datetime]] = defaultdict(Counter)
    for task in tasks:
        if task.schedule is not None and task.scheduled_at is not None:
            fired[task.schedule][task.scheduled_at] += 1
    for each in ledger.schedules:
        times = fired[each.schedule]
        if not times:
            yield Finding(kind="schedule", subject=each.schedule, detail="never fired")
        for at, count in times.items():
            if count > 1:
                yield Finding(kind="schedule", subject=each.schedule, detail=f"fired {count} times for {at}")
        for before, after in pairwise(sorted(times)):
            if after - before != timedelta(seconds=each.seconds):
                yield Finding(
                    kind="schedule", subject=each.schedule, detail=f"did not fire between {before} and {after}"
                )


def misheard(ledger: Ledger, events: Iterable[StoredEvent]) -> Iterator[Finding]:
    """An event that the listener of the stream did not get, got twice, or got out of order."""
    for before, after in pairwise(ledger.heard):
        if after <= before:
            yield Finding(kind="stream", subject=str(after), detail=f"came after {before}")
    if not ledger.heard:
        return
    heard = set(ledger.heard)
    first, last = min(heard), max(heard)
    for event in events:
        if first <= event.n <= last and event.n not in heard:
            yield Finding(kind="stream", subject=str(event.n), detail=f"{event.type} of {event.task} was not heard")


def shut_out(ledger: Ledger) -> Iterator[Finding]:
    """A caller whose token was good all the time, and who was told that it is not."""
    count = ledger.refused.get("unauthenticated", 0)
    if count:
        yield Finding(
            kind="shut out", subject="callers", detail=f"a good token was refused {count} times {ledger.shut_out[:3]}"
        )


def _accepted(ledger: Ledger) -> Iterator[Finish]:
    return (finish for finish in ledger.finishes if finish.verdict is Verdict.ACCEPTED)
