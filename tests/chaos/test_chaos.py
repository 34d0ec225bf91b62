"""Some seconds of faults on a stack of its own: nothing lost, doubled, or out of order. `make chaos` is longer."""

from pathlib import Path

import pytest

from tests.chaos import report, run, world
from tests.chaos.plan import Fault, Kind, Script

_FAULTS = (
    Fault(number=1, kind=Kind.KILL, target="engine-1", seconds=0.5, rest=0.7),
    Fault(number=2, kind=Kind.MUTE, target="api-1>mongod", seconds=1.5, rest=0.7),
    Fault(number=3, kind=Kind.FULL, target="mongod", seconds=0.5, rest=0.7),
    Fault(number=4, kind=Kind.STOP, target="api-2", seconds=2.5, rest=0.7),
    Fault(number=5, kind=Kind.WIPE, target="rabbitmq", seconds=0.2, rest=0.7),
    Fault(number=6, kind=Kind.MUTE, target="callers>api-1", seconds=1.0, rest=0.7),
    Fault(number=7, kind=Kind.FULL, target="rabbitmq", seconds=1.0, rest=0.7),
    Fault(number=8, kind=Kind.CLOCK, target="engine-1", seconds=1.0, rest=0.7, shift=300.0),
    Fault(number=9, kind=Kind.CLOCK, target="api-1", seconds=1.0, rest=0.7, shift=-300.0),
    Fault(number=10, kind=Kind.ROTATE, target="issuer", seconds=0.0, rest=0.7),
    Fault(number=11, kind=Kind.KILL, target="issuer", seconds=1.0, rest=0.7),
    Fault(number=12, kind=Kind.CUT, target="engine-2>rabbitmq", seconds=0.0, rest=0.7),
)


@pytest.mark.timeout(240)
async def test_nothing_is_lost_or_doubled_under_faults(tmp_path: Path) -> None:
    wanted = run.Run(seed=7, seconds=120.0, rate=40.0, writers=3, workers=3)
    async with world.running(tmp_path, world.Shape()) as on:
        made = await run.chaos(on, wanted, Script(*_FAULTS))
    assert made.findings == [], report.text(made)
    assert made.died == []
    assert made.submitted > 100
    assert len(made.struck) == len(_FAULTS)
