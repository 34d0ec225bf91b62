"""The checker is worth something only if it notices: six defects, each planted into running processes, each caught."""

from pathlib import Path

import msgspec
import pytest

from tests.chaos import run, world
from tests.chaos.plan import Fault, Kind, Script

_LOSES_TICKETS = Fault(number=1, kind=Kind.SHUT, target="api-1>rabbitmq", seconds=1.0, rest=0.5)
_LOSES_WRITES = Fault(number=2, kind=Kind.KILL, target="api-1", seconds=0.0, rest=1.5)
_TIME_PASSES = Fault(number=1, kind=Kind.SLOW, target="callers>api-1", seconds=1.0, rest=4.0)
_CLOCK_JUMPS = Fault(number=1, kind=Kind.CLOCK, target="engine-1", seconds=4.0, rest=3.0, shift=60.0)
_RUN = run.Run(seed=4, seconds=60.0, rate=40.0, writers=2, workers=3, prompt=0.3, stalled=2.5)

CAUGHT: dict[str, tuple[str, Fault]] = {
    "no-repair": ("stuck", _LOSES_TICKETS),
    "no-fence": ("late finish", _TIME_PASSES),
    "early-reply": ("lost", _LOSES_WRITES),
    "forgotten-event": ("events", _TIME_PASSES),
    "early-timer": ("freed early", _TIME_PASSES),
    "own-clock": ("freed early", _CLOCK_JUMPS),
}


@pytest.mark.parametrize("defect", CAUGHT)
@pytest.mark.timeout(240)
async def test_a_planted_defect_is_caught(defect: str, tmp_path: Path, mongodb_url: str, rabbitmq_url: str) -> None:
    kind, fault = CAUGHT[defect]
    shape = world.Shape(apis=1, engines=1, defect=defect)
    async with world.running(tmp_path, shape, world.Given(mongodb=mongodb_url, rabbitmq=rabbitmq_url)) as on:
        made = await run.chaos(on, _RUN, Script(fault))
    assert kind in {finding.kind for finding in made.findings}, made.findings[:10]
    assert made.died == []


@pytest.mark.timeout(240)
async def test_the_same_processes_without_a_defect_pass(tmp_path: Path, mongodb_url: str, rabbitmq_url: str) -> None:
    wanted = msgspec.structs.replace(_RUN, stalled=20.0)
    shape = world.Shape(apis=1, engines=1, defect="none")
    async with world.running(tmp_path, shape, world.Given(mongodb=mongodb_url, rabbitmq=rabbitmq_url)) as on:
        made = await run.chaos(on, wanted, Script(_LOSES_TICKETS, _LOSES_WRITES, _CLOCK_JUMPS))
    assert made.findings == []
    assert made.died == []
