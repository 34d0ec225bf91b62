"""The adversary's plan: which fault strikes whom, when and for how long. Pure: the same seed makes the same plan."""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class Kind(StrEnum):
    """What is done to a process, or to a link between two."""

    KILL = "kill"
    """kill -9; started again after `seconds`."""
    STOP = "stop"
    """SIGSTOP, and SIGCONT after `seconds`: a process that is unaware of having been away."""
    RESTART = "restart"
    """SIGTERM, and started again when it has ended."""
    WIPE = "wipe"
    """kill -9 and its disk emptied; RabbitMQ alone may be treated so."""
    FULL = "full"
    """The disk is full for `seconds`. RabbitMQ is told so, and stops reading from whoever publishes; MongoDB's writes
    fail, which ends it."""
    CLOCK = "clock"
    """A process's own clock is wrong by `shift` seconds, for `seconds`; then it is right again."""
    SWAP = "swap"
    """SIGTERM, and started again as the other of two releases: an upgrade, or the way back. Never drawn by dice."""
    ROTATE = "rotate"
    """The issuer signs with a new key, and every caller logs in anew."""
    CUT = "cut"
    """Every open connection is reset; new ones are welcome."""
    SHUT = "shut"
    """The same, and none is accepted for `seconds`."""
    FREEZE = "freeze"
    """Nothing passes for `seconds`, in either direction, and connections stay open."""
    MUTE = "mute"
    """Requests pass and answers do not, for `seconds`; then the connections are reset: half-open links."""
    SLOW = "slow"
    """Everything takes 50 ms longer for `seconds`."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: `seconds` after the fault before it was over."""

    number: int
    kind: Kind
    target: str
    seconds: float
    rest: float
    """Seconds of peace before it."""
    shift: float = 0.0
    """By how many seconds a clock is set wrong."""


_FARTHEST = 600.0
_PROCESS = (Kind.KILL, Kind.KILL, Kind.STOP, Kind.RESTART)
_LINK = (Kind.CUT, Kind.SHUT, Kind.FREEZE, Kind.MUTE, Kind.SLOW)


class Plan(Protocol):
    """Says what comes next."""

    def next(self) -> Fault | None:
        """The next fault; None when there is none any more."""
        ...


class Script:
    """Some faults, each once."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = iter(faults)

    def next(self) -> Fault | None:
        """The next of them."""
        return next(self._faults, None)


class Faults:
    """An endless plan: draws one fault after the other."""

    def __init__(
        self,
        seed: int,
        *,
        processes: Sequence[str],
        links: Sequence[str],
        longest: float,
        rest: float,
        wiped: Sequence[str] = (),
        filled: Sequence[str] = (),
        turned: Sequence[str] = (),
        keyed: Sequence[str] = (),
    ) -> None:
        """`longest`: how many seconds a fault lasts at most; `rest`: how long the peace between two is at most.

        `wiped` names the processes whose disk may be emptied, `filled` those whose disk may be full, `turned` those
        whose clock may be set, `keyed` those that sign tokens.
        """
        self._dice = random.Random(seed)
        self._processes = processes
        self._links = links
        self._longest = longest
        self._rest = rest
        self._special = {Kind.WIPE: wiped, Kind.FULL: filled, Kind.CLOCK: turned, Kind.ROTATE: keyed}
        self._number = 0
        self._bag: list[str] = []

    def next(self) -> Fault:
        """The next fault: every process and link comes before any comes again."""
        if not self._bag:
            self._bag = [*self._processes, *self._links]
            self._dice.shuffle(self._bag)
        target = self._bag.pop()
        kinds = _LINK if target in self._links else _PROCESS
        kinds = (*kinds, *(kind for kind, targets in self._special.items() if target in targets))
        kind = self._dice.choice(kinds)
        self._number += 1
        return Fault(
            number=self._number,
            kind=kind,
            target=target,
            seconds=round(self._dice.uniform(0.2, 1.0) * self._longest, 2),
            rest=round(self._dice.uniform(0.3, 1.0) * self._rest, 2),
            shift=round(self._dice.choice((-1, 1)) * self._dice.uniform(30, _FARTHEST)) if kind is Kind.CLOCK else 0.0,
        )
