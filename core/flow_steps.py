"""The state of one step and how it changes: begun, a child ended, over."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from core import flow_bits
from core.flow import MAX_FAULTS, ItemFault, StepState, StepStatus
from core.task import Outcome, Reason

_LONGEST = 300


def begin(total: int, *, at: datetime, planned: int | None = None, fan: bool = False) -> StepState:
    """A step that runs from now on, of so many children; with no children at all it has succeeded."""
    state = StepState(total=total, planned=total if planned is None else planned, fan=fan, started_at=at)
    return state if total else close(state, StepStatus.SUCCEEDED, at=at)


def never(status: StepStatus, *, at: datetime, reason: Reason) -> StepState:
    """A step that ended without a child: skipped, failed before it began, or canceled."""
    failures = 1 if status is StepStatus.FAILED else 0
    return StepState(status=status, failures=failures, ended_at=at, reason=reason)


def grow(state: StepState, count: int) -> StepState:
    """The step with more children, all of them to exist."""
    return msgspec.structs.replace(state, total=state.planned + count, planned=state.planned + count)


def mark(
    state: StepState, index: int, *, outcome: Outcome, at: datetime, reason: Reason | None, canceled: bool = False
) -> StepState:
    """The step after one of its open children ended; `canceled` says that the flow itself had asked for it."""
    ok = outcome is Outcome.SUCCEEDED
    ended_at = at if state.ended_at is None or state.ended_at < at else state.ended_at
    ended = flow_bits.add(state.ended, (index,))
    if ok:
        return msgspec.structs.replace(state, done=state.done + 1, ended=ended, ended_at=ended_at)
    faults = state.faults
    if not canceled:
        faults = (*faults, ItemFault(index=index, outcome=outcome, reason=_short(reason)))
        faults = tuple(sorted(faults, key=lambda fault: fault.index)[:MAX_FAULTS])
    return msgspec.structs.replace(
        state,
        done=state.done + 1,
        ended=ended,
        failed=flow_bits.add(state.failed, (index,)),
        failures=state.failures + (not canceled),
        cancels=state.cancels + canceled,
        ended_at=ended_at,
        faults=faults,
    )


def give_up(state: StepState, *, at: datetime, reason: Reason) -> StepState:
    """The children that were never planned count as failed without having existed."""
    rest = range(state.planned, state.total)
    return msgspec.structs.replace(
        state,
        done=state.done + len(rest),
        ended=flow_bits.add(state.ended, rest),
        failed=flow_bits.add(state.failed, rest),
        failures=state.failures + len(rest),
        ended_at=at,
        reason=reason,
    )


def without(state: StepState, indexes: Iterable[int]) -> StepState:
    """The step with these children left out: they count as ended and never exist."""
    ended = flow_bits.add(state.ended, indexes)
    return msgspec.structs.replace(state, ended=ended, done=flow_bits.count(ended))


def close(state: StepState, status: StepStatus, *, at: datetime, reason: Reason | None = None) -> StepState:
    """The step at its end; the moment of that is when its last child ended."""
    ended_at = state.ended_at or at
    return msgspec.structs.replace(state, status=status, ended_at=ended_at, reason=reason or state.reason)


def verdict(state: StepState) -> StepStatus:
    """What a step none of whose children is open comes to."""
    if state.failures:
        return StepStatus.FAILED
    whole = not state.cancels and state.done == state.total
    return StepStatus.SUCCEEDED if whole else StepStatus.CANCELED


def is_open(state: StepState, index: int) -> bool:
    """Whether this child was planned and has not ended."""
    return 0 <= index < state.planned and not flow_bits.has(state.ended, index)


def has_open(state: StepState) -> bool:
    """Whether any planned child has not ended."""
    return state.done < state.planned


def open_children(state: StepState, start: int = 0) -> Iterator[int]:
    """The planned children from `start` on that have not ended."""
    return flow_bits.absent(state.ended, start, state.planned)


def succeeded(state: StepState) -> list[int]:
    """The children that ended well."""
    return [
        index
        for index in range(state.planned)
        if flow_bits.has(state.ended, index) and not flow_bits.has(state.failed, index)
    ]


def _short(reason: Reason | None) -> Reason | None:
    """A reason of bounded size: 10,000 failures must not fill their flow's record."""
    if reason is None or (reason.data is None and len(reason.message) <= _LONGEST):
        return reason
    return Reason(type=reason.type, message=reason.message[:_LONGEST])
