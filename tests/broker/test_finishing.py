"""Many ends in one write, and each is answered for itself."""

import msgspec

from broker import assembly
from broker.finishing import Finish
from core import errors
from core.queue import Queue
from core.task import Actor
from tests.support.making import WIM
from tests.support.working import claim, submit

WES = Actor(id="u-wes", name="Wes")


async def test_somebody_elses_fence_is_no_right(parts: assembly.Parts, queue: Queue) -> None:
    await submit(parts, queue)
    (held,) = await claim(parts, queue)
    stolen = Finish(tenant="demo", task_id=held.id, exec_id=held.exec_id or "")
    (refused,) = await parts.lifecycle.complete([stolen], by=WES)
    assert isinstance(refused, errors.Forbidden)
    foreign = Finish(tenant="acme", task_id=held.id, exec_id=held.exec_id or "")
    (unknown,) = await parts.lifecycle.complete([foreign], by=WIM)
    assert isinstance(unknown, errors.NotFound)


async def test_a_mixed_settlement_answers_each_for_itself(parts: assembly.Parts, queue: Queue) -> None:
    await submit(parts, queue, 5)
    held = await claim(parts, queue, 5)
    finishes = [Finish(tenant="demo", task_id=task.id, exec_id=task.exec_id or "") for task in held]
    finishes[2] = msgspec.structs.replace(finishes[2], exec_id="another")
    finishes[4] = msgspec.structs.replace(finishes[4], task_id="nobody")
    answers = await parts.lifecycle.complete(finishes, by=WIM)
    kinds = [type(answer).__name__ for answer in answers]
    assert kinds == ["Ended", "Ended", "LeaseLost", "Ended", "NotFound"]
