"""Comments on a task: list, add, change, remove."""

from typing import Annotated

from fastapi import Path, Query
from msgspec import UNSET
from starlette.responses import Response

from api import commenting, described, guards, replies, routing, shown
from api.context import Commented, Now
from api.schemas.comments import CommentBody, CommentPatch, CommentsParams, CommentsView, CommentView
from store.comments import Comment

router = routing.router("comments")

_PATH = "/tasks/{task_id}/comments"
_ONE = f"{_PATH}/{{number}}"
_COMMENT = described.answers(CommentView, "The comment.")

Number = Annotated[int, Path(ge=1, le=10**8)]


@router.get(_PATH, responses=described.answers(CommentsView, "A page of comments, the newest first."))
async def list_comments(
    at: guards.ReadingTask, asked: Annotated[CommentsParams, Query()], comments: Commented
) -> Response:
    """List the comments on a task, the newest first."""
    found = await comments.page(at.tenant, at.task.id, before=asked.after, limit=asked.limit + 1)
    items = found[: asked.limit]
    following = items[-1].number if len(found) > asked.limit else None
    return replies.reply(CommentsView(items=tuple(_view(each) for each in items), next=following))


@router.post(
    _PATH,
    status_code=201,
    responses=described.answers(CommentView, "The comment.", status=201, headers=("Location",)),
)
async def add_comment(at: guards.ReadingTask, body: CommentBody, comments: Commented, now: Now) -> Response:
    """Comment on a task; everybody may who may read it."""
    made = await commenting.say(
        comments, at.task, by=at.by, at=now(), content=body.content, title=body.title,
        context=body.context or {}, requires_attention=body.requires_attention,
    )  # fmt: skip
    location = routing.path("tasks", at.task.id, "comments", str(made.number))
    return replies.reply(_view(made), status=201, headers={"Location": location})


@router.get(_ONE, responses=_COMMENT)
async def get_comment(at: guards.ReadingTask, number: Number, comments: Commented) -> Response:
    """Read a comment."""
    return replies.reply(_view(await commenting.find(comments, at.tenant, at.task.id, number)))


@router.patch(_ONE, responses=_COMMENT)
async def patch_comment(
    *, at: guards.ReadingTask, number: Number, body: CommentPatch, comments: Commented, now: Now
) -> Response:
    """Change one's own comment; admins change all."""
    found = commenting.changeable(await commenting.find(comments, at.tenant, at.task.id, number), at.who)
    return replies.reply(_view(await commenting.change(comments, found, by=at.by, at=now(), fields=body.fields)))


@router.delete(_ONE, status_code=204, responses=described.empty(204, "The comment is gone."))
async def delete_comment(at: guards.ReadingTask, number: Number, comments: Commented) -> Response:
    """Remove one's own comment; admins remove all."""
    found = commenting.changeable(await commenting.find(comments, at.tenant, at.task.id, number), at.who)
    await comments.remove(at.tenant, at.task.id, found.number)
    return replies.nothing()


def _view(comment: Comment) -> CommentView:
    return CommentView(
        id=comment.number,
        task=comment.task,
        title=UNSET if comment.title is None else comment.title,
        content=comment.content,
        context=comment.context,
        requires_attention=comment.requires_attention,
        created_by=comment.created_by,
        created_at=shown.stamp(comment.created_at),
        updated_by=comment.updated_by,
        updated_at=shown.stamp(comment.updated_at),
    )
