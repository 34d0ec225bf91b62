"""Workers whose tasks do nothing: what is measured is everything around a handler."""

import os

from penstock import Worker

worker = Worker()


@worker.task(os.environ.get("PENSTOCK_BENCH_QUEUE", "bench:threads"))
def nothing(ctx: object) -> None:
    """Do nothing, in a thread."""
    del ctx


coroutines = Worker()


@coroutines.task(os.environ.get("PENSTOCK_BENCH_QUEUE", "bench:loop"))
async def nothing_at_all(ctx: object) -> None:
    """Do nothing, on the event loop."""
    del ctx
