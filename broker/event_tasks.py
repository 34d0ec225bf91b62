"""Event tasks: the tasks that events of the cache set off (contract xfsc-and-jobs 1.10), one for each record.

A record is kept together with the names of those that fitted, so that they run also where a process dies on the way; a
task's key follows from record and name, so that it is one task however often that is tried.
"""

from collections.abc import Sequence

import msgspec
import structlog

from broker.directory import Directory
from broker.lifecycle import Lifecycle
from core import errors, trigger
from core.creation import Submission
from core.schedule import Run
from store.records import EventTask, Record, Records

_log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a record's event tasks came to."""

    runs: Sequence[Run]
    refused: Sequence[errors.PenstockError]


class EventTasks:
    """Runs event tasks for one process."""

    def __init__(self, records: Records, directory: Directory, lifecycle: Lifecycle) -> None:
        self._records = records
        self._directory = directory
        self._lifecycle = lifecycle

    async def run(self, record: Record) -> Outcome:
        """Submit the tasks of those that the record names; safe to repeat.

        Raises `Unavailable`, `TooManyRequests`: repeat it.
        """
        runs: list[Run] = []
        refused: list[errors.PenstockError] = []
        for name in trigger.events_of(record.triggers):
            found = await self._records.event_task(record.tenant, name)
            if found is None:
                continue
            try:
                runs.append(Run(kind="task", id=await self._submit(found, record)))
            except (errors.Unavailable, errors.TooManyRequests):
                raise
            except errors.PenstockError as refusal:
                _log.warning("event task refused", tenant=record.tenant, name=name, error=refusal.detail)
                refused.append(refusal)
        return Outcome(runs=runs, refused=refused)

    async def _submit(self, found: EventTask, record: Record) -> str:
        definition = await self._directory.definition(found.tenant, found.task_name)
        event = {"key": found.key, "namespace": found.namespace, "scope": found.scope}
        submission = Submission(
            definition=definition.name,
            # The last name is capitalised as upstream sends it.
            params={**event, "TaskName": found.task_name},
            dedup_key=f"record {record.id} {found.name}",
            fingerprint=record.id,
        )
        queue = await self._directory.queue(found.tenant, definition.queue)
        return (await self._lifecycle.submit_one(queue, submission, by=record.received_by)).task.id
