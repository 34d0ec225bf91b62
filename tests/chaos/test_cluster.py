"""A cluster of RabbitMQ and MongoDB: one server of each kind dies, and submits and claims go on within ten seconds."""

from pathlib import Path

import pytest

from tests.chaos import report, run, world
from tests.chaos.plan import Fault, Kind, Script

WITHIN = 10.0

_FAULTS = (
    # The first member was made primary at the start.
    Fault(number=1, kind=Kind.KILL, target="mongod-1", seconds=6.0, rest=3.0),
    Fault(number=2, kind=Kind.KILL, target="rabbitmq-1", seconds=6.0, rest=1.0),
    Fault(number=3, kind=Kind.KILL, target="api-1", seconds=1.0, rest=1.0),
    Fault(number=4, kind=Kind.KILL, target="engine-1", seconds=1.0, rest=1.0),
)


@pytest.mark.timeout(300)
async def test_one_server_of_each_kind_dies_and_work_goes_on(tmp_path: Path) -> None:
    wanted = run.Run(seed=9, seconds=180.0, rate=40.0, writers=3, workers=3, prompt=0.95)
    async with world.running(tmp_path, world.Shape(clustered=True)) as on:
        made = await run.chaos(on, wanted, Script(*_FAULTS))
    assert made.findings == [], report.text(made)
    assert made.died == []
    assert len(made.recoveries) == len(_FAULTS)
    for recovery in made.recoveries:
        for seconds in (recovery.submits, recovery.claims):
            assert seconds is not None, report.text(made)
            assert seconds <= WITHIN, report.text(made)
