"""What a process remembers of queues ends the moment another process changes one."""

from broker import assembly
from core.settings import Settings
from core.task import Actor
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

ANN = Actor(id="u-ann", name="Ann")


async def test_a_change_elsewhere_is_seen_here(
    parts: assembly.Parts, settings: Settings, fake_clock: FakeClock
) -> None:
    made, _ = await parts.administration.put("demo", "intake", "seen", {}, by=ANN, match=None)
    async with assembly.running(settings, name="other", clock=fake_clock) as other:

        async def remembered() -> bool:
            first = await other.directory.queue("demo", made.key)
            return first is await other.directory.queue("demo", made.key)

        await wait_until(remembered, what="the other process to cache the queue")
        await parts.administration.change("demo", made.key, {"paused": True}, by=ANN)

        async def paused() -> bool:
            return (await other.directory.queue("demo", made.key)).paused

        await wait_until(paused, what="the other process to see the change")
