"""Making tasks: one, or many in batches; both may be repeated safely, since every task carries a key."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from penstock.calls import paths
from penstock.faces import Calls, operation
from penstock.models.base import Priority, RetryPolicy
from penstock.models.new import NewTask
from penstock.models.task import Attachment, SubmitResult, SubmitResults, Task
from penstock.transport import Call

BATCH = 1000
"""The most tasks that the server takes in one call."""


class Submitting(Calls):
    """Calls that make tasks."""

    @operation
    async def submit(
        self,
        queue: paths.QueueRef,
        params: Any = None,
        *,
        definition: str | None = None,
        name: str | None = None,
        description: str | None = None,
        context: dict[str, Any] | None = None,
        labels: Sequence[str] | None = None,
        record_id: str | None = None,
        priority: Priority | None = None,
        execute_at: datetime | None = None,
        delay: paths.Seconds | None = None,
        expire_at: datetime | None = None,
        due_date: datetime | None = None,
        follow_up_date: datetime | None = None,
        attachments: Sequence[Attachment] | None = None,
        key: str | None = None,
        lease: paths.Seconds | None = None,
        start_timeout: paths.Seconds | None = None,
        overall_timeout: paths.Seconds | None = None,
        retry: RetryPolicy | None = None,
    ) -> Task:
        """Make a task; when this returns, the server will not lose it.

        With the same `key` a second submit answers the task of the first (`KeyReused` if it asks for something else);
        without one the client makes a key, so that its own repeats after a lost connection never make two tasks.
        """
        body = paths.given(
            definition=definition,
            name=name,
            description=description,
            params=params,
            context=context,
            labels=None if labels is None else list(labels),
            recordId=record_id,
            priority=priority,
            executeAt=paths.moment(execute_at),
            delaySeconds=paths.seconds(delay),
            expireAt=paths.moment(expire_at),
            dueDate=paths.moment(due_date),
            followUpDate=paths.moment(follow_up_date),
            attachments=None if attachments is None else [paths.dumped(each) for each in attachments],
            leaseSeconds=paths.seconds(lease),
            startTimeoutSeconds=paths.seconds(start_timeout),
            overallTimeoutSeconds=paths.seconds(overall_timeout),
            retry=None if retry is None else retry.model_dump(by_alias=True, exclude_none=True),
        )
        call = Call(
            method="POST",
            path=f"{paths.queue(queue)}/tasks",
            body=body,
            headers={"idempotency-key": key or new_key()},
            repeatable=True,
        )
        return await self._transport.answer(call, Task)

    @operation
    async def submit_many(self, queue: paths.QueueRef, tasks: Iterable[NewTask]) -> list[SubmitResult]:
        """Make many tasks, a thousand a call, in order; one result for each, refused ones among them.

        Tasks without a `dedup_key` get one. If the connection is lost for good half way, `ConnectionLost` is raised;
        tasks that had keys of their own can then simply be sent again.
        """
        bodies = [{"dedupKey": new_key(), **task.body()} for task in tasks]
        results: list[SubmitResult] = []
        for start in range(0, len(bodies), BATCH):
            call = Call(
                method="POST",
                path=f"{paths.queue(queue)}/tasks/batch",
                body={"tasks": bodies[start : start + BATCH]},
                repeatable=True,
            )
            results += (await self._transport.answer(call, SubmitResults)).results
        return results


def new_key() -> str:
    """A key that nobody else has."""
    return uuid.uuid4().hex
