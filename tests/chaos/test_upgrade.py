"""A rolling upgrade under load, and half of the way back: processes of two releases beside each other lose nothing."""

from pathlib import Path

import pytest

from tests.chaos import previous, report, run, world
from tests.chaos.plan import Fault, Kind, Script

_STEPS = (
    Fault(number=1, kind=Kind.SWAP, target="engine-1", seconds=0.0, rest=1.5),
    Fault(number=2, kind=Kind.KILL, target="engine-2", seconds=2.0, rest=1.5),
    Fault(number=3, kind=Kind.SWAP, target="api-1", seconds=0.0, rest=1.5),
    Fault(number=4, kind=Kind.KILL, target="engine-1", seconds=2.0, rest=1.5),
    Fault(number=5, kind=Kind.SWAP, target="engine-2", seconds=0.0, rest=1.5),
    Fault(number=6, kind=Kind.SWAP, target="api-2", seconds=0.0, rest=1.5),
    # The release is taken back: what ours wrote is read by the one before.
    Fault(number=7, kind=Kind.SWAP, target="engine-1", seconds=0.0, rest=1.5),
    Fault(number=8, kind=Kind.SWAP, target="api-1", seconds=0.0, rest=1.5),
    Fault(number=9, kind=Kind.KILL, target="engine-2", seconds=2.0, rest=1.5),
)


@pytest.mark.timeout(300)
async def test_the_release_before_works_beside_ours(tmp_path: Path, mongodb_url: str, rabbitmq_url: str) -> None:
    shape = world.Shape(previous=previous.source(tmp_path / "before"))
    wanted = run.Run(seed=11, seconds=120.0, rate=40.0, writers=2, workers=3)
    given = world.Given(mongodb=mongodb_url, rabbitmq=rabbitmq_url)
    async with world.running(tmp_path, shape, given) as on:
        made = await run.chaos(on, wanted, Script(*_STEPS))
    assert made.findings == [], report.text(made)
    assert made.died == []
    assert len(made.struck) == len(_STEPS)
