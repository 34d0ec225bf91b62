"""ADSP's comment service as far as its task applications use it (contract adsp 1.7): a topic a task."""

import base64
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import commenting, context, replies
from api.context import Context
from api.faces import adsp_answers, adsp_asked, adsp_input, adsp_rights
from auth.principal import Principal
from core import adsp as shapes
from core import errors
from core.queue import Bindings
from core.task import Actor, Task
from store.comments import Comment

router = APIRouter(prefix="/comment/v1", route_class=adsp_asked.Route, tags=["ADSP comment service"])

_TYPE = {"id": "task-comments", "name": "Task comments", "securityClassification": "protected a"}
_LONGEST_TITLE, _LONGEST = 255, 10_000


class _Topic(msgspec.Struct, frozen=True):
    """A caller at the topic of a task."""

    who: Principal
    parts: Context
    task: Task
    bindings: Bindings

    @property
    def by(self) -> Actor:
        return Actor(id=self.who.subject, name=self.who.name, email=self.who.email)

    def need(self, allowed: bool, what: str) -> None:  # noqa: FBT001 - as adsp_asked.Asked.need
        if not allowed:
            raise adsp_answers.Refused(403, f"User {self.who.name} (ID: {self.who.subject}) not permitted to {what}.")

    @property
    def view(self) -> dict[str, Any]:
        """The topic as upstream shows it."""
        return {
            "id": self.task.id,
            "typeId": _TYPE["id"],
            "type": _TYPE,
            "resourceId": shapes.URN + self.task.id,
            "name": f"Task ({self.task.id})",
            "description": self.task.description,
            "commenters": [],
            "requiresAttention": False,
        }


@router.get("/topics")
async def adsp_list_topics(request: Request) -> Response:
    """List topics: that of the task which `criteria` names by `resourceIdEquals`, and none without it."""
    top, after = adsp_input.paging(request.query_params)
    del top
    task_id = _wanted(request.query_params.get("criteria"))
    found: list[dict[str, Any]] = []
    if task_id is not None and after is None:
        try:
            found = [(await _topic(request, task_id)).view]
        except adsp_answers.Refused as refusal:
            if refusal.answered != 404:
                raise
    return replies.reply(adsp_answers.page_view(found, after=after, following=None))


@router.get("/topics/{topic_id}")
async def adsp_get_topic(request: Request, topic_id: str) -> Response:
    """Read the topic of a task."""
    return replies.reply((await _topic(request, topic_id)).view)


@router.get("/topics/{topic_id}/comments")
async def adsp_list_comments(request: Request, topic_id: str) -> Response:
    """List comments, the newest first."""
    top, after = adsp_input.paging(request.query_params)
    topic = await _topic(request, topic_id)
    before = None if after is None else _number(after)
    found = await topic.parts.comments.page(topic.task.tenant, topic.task.id, before=before, limit=top + 1)
    views = [_view(each) for each in found[:top]]
    following = base64.b64encode(str(found[top - 1].number).encode()).decode() if len(found) > top else None
    return replies.reply(adsp_answers.page_view(views, after=after, following=following))


@router.post("/topics/{topic_id}/comments")
async def adsp_add_comment(request: Request, topic_id: str) -> Response:
    """Comment on a task; the answer is 200."""
    fields = _fields(adsp_asked.body_of(request), whole=True)
    topic = await _topic(request, topic_id)
    now = topic.parts.parts.clock()
    made = await commenting.say(topic.parts.comments, topic.task, by=topic.by, at=now, **fields)
    return replies.reply(_view(made))


@router.get("/topics/{topic_id}/comments/{comment_id}")
async def adsp_get_comment(request: Request, topic_id: str, comment_id: str) -> Response:
    """Read a comment."""
    return replies.reply(_view(await _comment(await _topic(request, topic_id), comment_id)))


@router.patch("/topics/{topic_id}/comments/{comment_id}")
async def adsp_patch_comment(request: Request, topic_id: str, comment_id: str) -> Response:
    """Change a comment: its author, or an admin."""
    fields = _fields(adsp_asked.body_of(request), whole=False)
    topic = await _topic(request, topic_id)
    found = await _comment(topic, comment_id)
    _check(topic, found, "update comment")
    now = topic.parts.parts.clock()
    changed = await commenting.change(topic.parts.comments, found, by=topic.by, at=now, fields=fields)
    return replies.reply(_view(changed))


@router.delete("/topics/{topic_id}/comments/{comment_id}")
async def adsp_delete_comment(request: Request, topic_id: str, comment_id: str) -> Response:
    """Remove a comment: its author, or an admin."""
    topic = await _topic(request, topic_id)
    found = await _comment(topic, comment_id)
    _check(topic, found, "delete comment")
    deleted = await topic.parts.comments.remove(found.tenant, found.task, found.number)
    return replies.reply({"deleted": deleted})


async def _topic(request: Request, topic_id: str) -> _Topic:
    """The topic of a task that the caller has access to; raises ADSP's 404 and 403."""
    who, here = adsp_asked.caller(request), context.of(request)
    tenant = adsp_asked.tenant_of(who, request.query_params.get("tenantId"))
    task = await here.parts.record.tasks.get(tenant, topic_id) if len(topic_id) <= 100 else None
    if task is None:
        raise adsp_answers.missing("topic", topic_id)
    try:
        bindings = (await here.parts.directory.queue(tenant, task.queue)).bindings
    except errors.NotFound:
        bindings = Bindings()
    topic = _Topic(who, here, task, bindings)
    topic.need(adsp_rights.access(who, bindings), "access topic")
    return topic


async def _comment(topic: _Topic, comment_id: str) -> Comment:
    number = int(comment_id) if comment_id.isascii() and comment_id.isdigit() and len(comment_id) < 9 else 0
    found = await topic.parts.comments.get(topic.task.tenant, topic.task.id, number)
    if found is None:
        raise adsp_answers.missing("comment", comment_id)
    return found


def _check(topic: _Topic, comment: Comment, what: str) -> None:
    try:
        commenting.changeable(comment, topic.who)
    except errors.Forbidden:
        topic.need(False, what)


def _fields(value: Any, *, whole: bool) -> dict[str, Any]:
    """What a body says, by attribute of `Comment`; `whole` needs a content."""
    body = adsp_input.Body(value)
    content, title = body.optional("content", str), body.optional("title", str)
    given, attention = body.optional("context", dict), body.optional("requiresAttention", bool)
    if whole or body.has("content"):
        body.check("content", fits=isinstance(content, str) and 1 <= len(content) <= _LONGEST)
    if body.has("title"):
        body.check("title", fits=isinstance(title, str) and 1 <= len(title) <= _LONGEST_TITLE)
    body.passed()
    said = {"content": content, "title": title, "context": given, "requires_attention": attention}
    return {field: value for field, value in said.items() if value is not None}


def _view(comment: Comment) -> dict[str, Any]:
    """A comment as upstream shows it."""
    return {
        "id": comment.number,
        "topicId": comment.task,
        "title": comment.title,
        "content": comment.content,
        "context": comment.context,
        "requiresAttention": comment.requires_attention,
        "createdBy": shapes.actor_view(comment.created_by),
        "createdOn": shapes.when(comment.created_at),
        "lastUpdatedBy": shapes.actor_view(comment.updated_by),
        "lastUpdatedOn": shapes.when(comment.updated_at),
    }


def _wanted(criteria: str | None) -> str | None:
    """The id of the task that `criteria` names; None for anything else."""
    if not criteria:
        return None
    try:
        named = msgspec.json.decode(criteria, type=dict[str, Any]).get("resourceIdEquals")
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise adsp_answers.invalid([("criteria", "query")]) from None
    return named.removeprefix(shapes.URN) if isinstance(named, str) and named.startswith(shapes.URN) else None


def _number(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True))
    except ValueError:
        raise adsp_answers.invalid([("after", "query")]) from None
