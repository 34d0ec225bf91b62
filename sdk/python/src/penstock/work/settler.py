"""Reports ends, many in a call: while a call or two are under way, later ends gather; nobody waits for a timer.

An end is reported until the server has answered for it, through lost connections and restarts, and given up only some
time after its lease is over, when nobody would want it any more.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from penstock import errors
from penstock.calls.holding import Settlement
from penstock.client import AsyncClient
from penstock.models.task import SettleResult
from penstock.transport import Retries
from penstock.work.execution import Ending
from penstock.work.held import Held

_log = logging.getLogger("penstock.worker")
_IN_FLIGHT = 2
_MOST = 500
_ONE_CALL = Retries(give_up_after=5.0)
_BETWEEN_CALLS = Retries(first=0.2, most=5.0)
_PATIENCE = 60.0
"""How long after the end of its lease an end is still reported: the server may be away and have noticed nothing."""


class Settler:
    """The ends of one worker's tasks."""

    def __init__(self, client: AsyncClient, *, settled: Callable[[Held], None]) -> None:
        """`settled` is told each task that is over, reported or given up."""
        self._client = client
        self._settled = settled
        self._waiting: deque[Held] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._size = 0
        self._scheduled = False

    def __len__(self) -> int:
        """How many ends are not reported yet."""
        return self._size

    def add(self, held: Held) -> None:
        """Report `held.ending`, soon."""
        self._size += 1
        self._waiting.append(held)
        if not self._scheduled:
            # What ends in the same turn of the loop travels together.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._launch)

    async def drain(self) -> None:
        """Return when everything is reported or given up."""
        while self._size:
            self._launch()
            await asyncio.wait(self._flights, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Give up what is not reported; leases will run out."""
        flights = list(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _launch(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._flights) < _IN_FLIGHT:
            batch = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            flight = asyncio.create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if not flight.cancelled() and (error := flight.exception()) is not None:
            _log.error("reporting ends failed", exc_info=error)
        self._launch()

    async def _fly(self, batch: Sequence[Held]) -> None:
        attempt = 0
        while batch:
            attempt += 1
            try:
                results = await self._client.tasks.settle(map(_settlement, batch), retries=_ONE_CALL)
            except errors.PenstockError as error:
                if _is_about_content(error):
                    await self._separate(batch, error)
                    return
                _log.warning("%d ends could not be reported, trying again: %s", len(batch), error)
                batch = self._hopeful(batch)
                await asyncio.sleep(_BETWEEN_CALLS.rest(attempt, getattr(error, "retry_after", None)))
            else:
                batch = self._judge(batch, results, repeated=attempt > 1)
                if batch:
                    await asyncio.sleep(_BETWEEN_CALLS.rest(attempt, None))

    async def _separate(self, batch: Sequence[Held], error: errors.PenstockError) -> None:
        """The call as a whole was refused: halve it until it fits or the culprit is alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._fly(batch[:middle])
            await self._fly(batch[middle:])
            return
        held = batch[0]
        if held.ending is not None and held.ending.action == "complete":
            await self._fly([_refused(held, error)])
            return
        _log.error("the end of task %s was refused: %s", held.task.id, error)
        self._over(held)

    def _judge(self, batch: Sequence[Held], results: Sequence[SettleResult], *, repeated: bool) -> list[Held]:
        """Take the answers in; what is to be reported again is handed back."""
        again: list[Held] = []
        for held, result in zip(batch, results, strict=True):
            match result.error:
                case None:
                    self._over(held)
                case errors.TooManyRequests() | errors.Unavailable() | errors.Changed():
                    again.append(held)
                case errors.Invalid() as error if held.ending is not None and held.ending.action == "complete":
                    again.append(_refused(held, error))
                case errors.LeaseLost() | errors.NotFound() as error:
                    # A failure that arrived before its answer got lost reads like this as well.
                    level = logging.DEBUG if repeated else logging.WARNING
                    _log.log(level, "the end of task %s came too late: %s", held.task.id, error)
                    self._over(held)
                case error:
                    _log.error("the end of task %s was refused: %s", held.task.id, error)
                    self._over(held)
        return self._hopeful(again)

    def _hopeful(self, batch: Sequence[Held]) -> list[Held]:
        """Those whose lease is not over for too long."""
        now = asyncio.get_running_loop().time()
        hopeful: list[Held] = []
        for held in batch:
            if held.lost_at is not None and now > held.lost_at + _PATIENCE:
                _log.error("the end of task %s could not be reported before its lease was over", held.task.id)
                self._over(held)
            else:
                hopeful.append(held)
        return hopeful

    def _over(self, held: Held) -> None:
        self._size -= 1
        self._settled(held)


def _settlement(held: Held) -> Settlement:
    ending = held.ending
    assert ending is not None
    failed = ending.action == "fail"
    return Settlement.model_construct(
        id=held.task.id,
        exec_id=held.task.exec_id,
        action=ending.action,
        result=ending.result,
        error=ending.error,
        retryable=ending.retryable if failed else None,
    )


def _refused(held: Held, error: errors.PenstockError) -> Held:
    """A result that the server does not take fails its task for good: the same work would end the same way."""
    faults = [fault.model_dump() for fault in error.faults] if isinstance(error, errors.ApiError) else []
    told = {"type": "ResultRefused", "message": str(error), "faults": faults}
    held.ending = Ending(action="fail", error=told, retryable=False)
    return held


def _is_about_content(error: errors.PenstockError) -> bool:
    return isinstance(error, errors.Invalid | errors.TooLarge)
