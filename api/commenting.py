"""What may be done to comments: whoever may read a task may speak; one's own words one may change, and admins all."""

from datetime import datetime
from typing import Any

import msgspec

from auth import policy
from auth.policy import Action
from auth.principal import Principal
from core import errors
from core.task import Actor, Task
from store.comments import Comment, Comments


async def say(comments: Comments, task: Task, *, by: Actor, at: datetime, **said: Any) -> Comment:
    """Add a comment."""
    made = Comment(
        tenant=task.tenant, task=task.id, number=0, encrypted=task.encrypted,
        created_by=by, created_at=at, updated_by=by, updated_at=at, **said,
    )  # fmt: skip
    return await comments.add(task.tenant, made)


async def find(comments: Comments, tenant: str, task_id: str, number: int) -> Comment:
    """The comment; raises `NotFound`."""
    found = await comments.get(tenant, task_id, number)
    if found is None:
        raise errors.NotFound(f"There is no comment {number} on task {task_id}.")
    return found


def changeable(comment: Comment, who: Principal) -> Comment:
    """The comment, if it is the caller's own, or the caller an admin; raises `Forbidden`."""
    if comment.created_by.id != who.subject and not policy.allowed(who, Action.MANAGE):
        raise errors.Forbidden(f"The comment is by {comment.created_by.name}: only its author or an admin may do this.")
    return comment


async def change(comments: Comments, comment: Comment, *, by: Actor, at: datetime, fields: dict[str, Any]) -> Comment:
    """Write new values; raises `NotFound` where it was removed meanwhile."""
    changed = msgspec.structs.replace(comment, updated_by=by, updated_at=at, **fields)
    if not await comments.change(comment.tenant, changed):
        raise errors.NotFound(f"There is no comment {comment.number} on task {comment.task}.")
    return changed
