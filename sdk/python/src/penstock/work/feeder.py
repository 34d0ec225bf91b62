"""Claims tasks of one queue, as many as the worker can use, the next batch while it works on the last."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from penstock import errors
from penstock.client import AsyncClient
from penstock.models.task import ClaimedTask
from penstock.transport import NO_RETRIES, Retries

_log = logging.getLogger("penstock.worker")
_BACKOFF = Retries(first=0.2, most=10.0)
_LAST_MOMENT = 0.5
"""How long a claim under way may still take when the worker stops: one that has found tasks answers by then. It is cut
off otherwise, and the server takes back what it found for a caller that hung up."""


class Feeder:
    """The claims on one queue."""

    def __init__(
        self,
        client: AsyncClient,
        queue: str,
        *,
        definitions: Sequence[str] | None,
        worker: str,
        poll_seconds: float,
        want: Callable[[], int],
        admit: Callable[[Sequence[ClaimedTask]], None],
    ) -> None:
        """`want` says how many tasks would be welcome, `admit` takes them."""
        self._client = client
        self._queue = queue
        self._definitions = definitions
        self._worker = worker
        self._poll = poll_seconds
        self._want = want
        self._more = asyncio.Event()
        self._admit = admit
        self._worked = False
        self._ending = asyncio.Event()

    def wake(self) -> None:
        """More tasks may be welcome than before."""
        self._more.set()

    def stop(self) -> None:
        """Claim nothing any more; `run` returns soon."""
        self._ending.set()
        self._more.set()

    async def run(self) -> None:
        """Claim until stopped. Raises the refusal when the very first claim is refused: a mistake in the setup."""
        failures = 0
        while not self._ending.is_set():
            if (count := self._want()) < 1:
                self._more.clear()
                await self._more.wait()
                continue
            try:
                tasks = await self._claim(count)
            except errors.PenstockError as error:
                failures += 1
                await self._rest(error, failures)
            else:
                if failures and self._worked:
                    _log.info("claiming from %s works again", self._queue)
                self._worked, failures = True, 0
                if tasks:
                    self._admit(tasks)

    async def _claim(self, count: int) -> Sequence[ClaimedTask]:
        claim = asyncio.create_task(
            self._client.tasks.claim(self._queue, count=count, wait=self._poll, worker=self._worker, retries=NO_RETRIES)
        )
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({claim, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not claim.done():
                await asyncio.wait({claim}, timeout=_LAST_MOMENT)
            return claim.result() if claim.done() else ()
        finally:
            for each in (claim, ending):
                each.cancel()
            await asyncio.wait({claim, ending})

    async def _rest(self, error: errors.PenstockError, failures: int) -> None:
        lasting = isinstance(error, errors.ApiError | errors.TokenRefused) and not isinstance(
            error, errors.TooManyRequests | errors.Unavailable | errors.Changed
        )
        if lasting and not self._worked and not _is_servers_fault(error):
            raise error
        if failures == 1:
            _log.warning("claiming from %s fails, trying again: %s", self._queue, error)
        rest = _BACKOFF.rest(failures, getattr(error, "retry_after", None))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), rest)


def _is_servers_fault(error: errors.PenstockError) -> bool:
    return isinstance(error, errors.ApiError) and error.problem.status >= 500
