"""New tasks are kept together, and each is answered for itself."""

import asyncio

import msgspec
import pytest

from broker import assembly
from core import errors
from core.creation import Submission
from core.queue import Queue
from tests.support import making
from tests.support.making import ANN


async def test_an_idempotency_key_keeps_a_submit_single(parts: assembly.Parts, queue: Queue) -> None:
    wanted = Submission(name="once", dedup_key="k-1", fingerprint="f")
    answers = await asyncio.gather(*[parts.lifecycle.submit_one(queue, wanted, by=ANN) for _ in range(20)])
    assert len({answer.task.id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1
    with pytest.raises(errors.KeyReused):
        await parts.lifecycle.submit_one(queue, msgspec.structs.replace(wanted, fingerprint="g"), by=ANN)


async def test_what_cannot_be_sealed_is_nobody_elses_trouble(parts: assembly.Parts, queue: Queue) -> None:
    plain, sealed = making.task(queue), msgspec.structs.replace(making.task(queue, params={"n": 1}), encrypted=True)
    kept, refused = await asyncio.gather(
        parts.lifecycle.admit(queue.tenant, [plain]),
        parts.lifecycle.admit(queue.tenant, [sealed]),
        return_exceptions=True,
    )
    assert isinstance(refused, errors.Unavailable)
    assert not isinstance(kept, BaseException)
    assert await parts.record.tasks.get(queue.tenant, plain.id) is not None
