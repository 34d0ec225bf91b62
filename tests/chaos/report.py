"""What a run showed: faults, figures, findings; nothing is left out because it does not look well. Pure."""

import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from tests.chaos.adversary import Struck
from tests.chaos.ledger import Finding, Ledger, Stored, Verdict

_WINDOW = timedelta(seconds=1)
_STEP = timedelta(milliseconds=250)
_LOOK = timedelta(seconds=60)
_SLOW = 5.0


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How long after a fault half of the usual rate was there again; None: not within a minute."""

    struck: Struck
    after_begin: float | None
    after_end: float | None
    submits: float | None
    """After it began: half of the usual rate of submits alone."""
    claims: float | None
    """After it began: half of the usual rate of hand-outs alone."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    seed: int
    seconds: float
    struck: Sequence[Struck]
    died: Sequence[str]
    submitted: int
    tasks: int
    events: int
    flows: int
    handed_out: int
    repeated: int
    """Tasks whose work was carried out to its end more than once: a late finish was reported beside the one taken."""
    refused: dict[str, int]
    unknown: int
    usual_rate: float
    """Median of accepted submits and finishes a second."""
    recoveries: Sequence[Recovery]
    rested: float
    """Seconds from the end of the last fault until nothing was open."""
    findings: Sequence[Finding]


def moments(ledger: Ledger) -> list[datetime]:
    """When something was accepted, in order."""
    accepted = [each.answered for each in ledger.finishes if each.verdict is Verdict.ACCEPTED]
    return sorted([*(each.answered for each in ledger.submits), *accepted])


def submitted(ledger: Ledger) -> list[datetime]:
    """When a submit was accepted, in order."""
    return sorted(each.answered for each in ledger.submits)


def handed_out(ledger: Ledger) -> list[datetime]:
    """When a task was handed out, in order."""
    return sorted(each.answered for each in ledger.holds if not each.renewed)


def usual_rate(at: Sequence[datetime]) -> float:
    """The median of what was accepted in each second; 0 when nothing was."""
    if len(at) < 2:
        return 0.0
    counts = Counter(int((each - at[0]).total_seconds()) for each in at)
    return float(statistics.median(counts[second] for second in range(max(counts) + 1)))


def recovered(at: Sequence[datetime], usual: float, since: datetime) -> float | None:
    """Seconds from `since` until the rate of a second is at least half of the usual one."""
    looked = since
    while looked < since + _LOOK:
        if bisect_left(at, looked + _WINDOW) - bisect_left(at, looked) >= usual / 2:
            return (looked - since).total_seconds()
        looked += _STEP
    return None


def made(
    ledger: Ledger,
    stored: Stored,
    findings: Sequence[Finding],
    *,
    seed: int,
    seconds: float,
    struck: Sequence[Struck],
    died: Sequence[str],
    rested: float,
) -> Report:
    """The report of a run."""
    at = moments(ledger)
    usual = usual_rate(at)
    submits, claims = submitted(ledger), handed_out(ledger)
    of_submits, of_claims = usual_rate(submits), usual_rate(claims)
    ends = Counter[str]()
    for finish in ledger.finishes:
        if finish.action == "complete":
            ends[finish.task] += 1 if finish.verdict is Verdict.ACCEPTED or finish.code == "lease-lost" else 0
    return Report(
        seed=seed, seconds=seconds, struck=struck, died=died,
        submitted=len(ledger.submits), tasks=len(stored.tasks), events=len(stored.events), flows=len(ledger.flows),
        handed_out=sum(task.attempt for task in stored.tasks),
        repeated=sum(1 for count in ends.values() if count > 1),
        refused=ledger.refused, unknown=ledger.unknown, usual_rate=usual,
        recoveries=[
            Recovery(
                struck=each,
                after_begin=recovered(at, usual, each.began),
                after_end=recovered(at, usual, each.over),
                submits=recovered(submits, of_submits, each.began),
                claims=recovered(claims, of_claims, each.began),
            )
            for each in struck
        ],
        rested=rested, findings=findings,
    )  # fmt: skip


def text(report: Report) -> str:
    """The report for people."""
    kinds = Counter(f"{each.fault.kind} {each.fault.target}" for each in report.struck)
    begins = sorted(each.after_begin for each in report.recoveries if each.after_begin is not None)
    submits = sorted(each.submits for each in report.recoveries if each.submits is not None)
    claims = sorted(each.claims for each in report.recoveries if each.claims is not None)
    ends = sorted(each.after_end for each in report.recoveries if each.after_end is not None)
    never = len(report.recoveries) - len(ends)
    tasks = max(report.tasks, 1)
    lines = [
        f"seed {report.seed}, {report.seconds:.0f} s, {len(report.struck)} faults, at rest {report.rested:.1f} s later",
        f"tasks {report.tasks} (acknowledged {report.submitted}), events {report.events}, flows {report.flows}",
        f"hand-outs {report.handed_out}: {report.handed_out / tasks:.3f} a task",
        f"carried out more than once {report.repeated}: {report.repeated / tasks:.2%} of the tasks",
        f"calls without an answer {report.unknown}; refused {dict(sorted(report.refused.items()))}",
        f"usual rate {report.usual_rate:.0f} accepted calls/s",
        f"half of it again after a fault began: {_spread(begins)}; after it was over: {_spread(ends)}; never: {never}",
        f"of submits alone: {_spread(submits)}; of claims alone: {_spread(claims)}",
        *(f"  {count} x {what}" for what, count in sorted(kinds.items())),
    ]
    lines += [_slow(each) for each in report.recoveries if each.after_begin is None or each.after_begin > _SLOW]
    lines += [f"  died by itself: {role}" for role in report.died]
    lines += [f"findings: {len(report.findings)}", *(f"  {finding}" for finding in report.findings[:50])]
    return "\n".join(lines)


def _slow(recovery: Recovery) -> str:
    fault = recovery.struck.fault
    lasted = (recovery.struck.over - recovery.struck.began).total_seconds()
    return f"  slow: {fault.kind} {fault.target}, mended after {lasted:.1f} s, recovered after {recovery.after_begin} s"


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return f"median {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s"
