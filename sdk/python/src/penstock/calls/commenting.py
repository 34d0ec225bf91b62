"""Talking about tasks: comments listed, added, changed, removed. Numbers count within a task."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.calls import paths
from penstock.faces import Calls, operation, stream
from penstock.models.worklist import Comment, CommentPage
from penstock.transport import Call, Query

_PAGE = 200


class Commenting(Calls):
    """Calls on the comments of a task: everybody may read and add some who may read the task."""

    @stream
    async def comments(self, task: paths.TaskRef) -> AsyncIterator[Comment]:
        """What was said about it, the newest first. Raises NotFound."""
        after: int | None = None
        while True:
            query: Query = {"after": after, "limit": _PAGE}
            call = Call(method="GET", path=_path(task), query=query, repeatable=True)
            page = await self._transport.answer(call, CommentPage)
            for comment in page.items:
                yield comment
            if (after := page.next) is None:
                return

    @operation
    async def comment(
        self,
        task: paths.TaskRef,
        content: str,
        *,
        title: str | None = None,
        context: Mapping[str, Any] | None = None,
        requires_attention: bool = False,
    ) -> Comment:
        """Say something about it."""
        body = paths.given(content=content, title=title, context=None if context is None else dict(context))
        body["requiresAttention"] = requires_attention
        return await self._transport.answer(Call(method="POST", path=_path(task), body=body), Comment)

    @operation
    async def get_comment(self, task: paths.TaskRef, number: int) -> Comment:
        """One comment. Raises NotFound."""
        return await self._transport.answer(Call(method="GET", path=_path(task, number), repeatable=True), Comment)

    @operation
    async def edit_comment(self, task: paths.TaskRef, number: int, fields: Mapping[str, Any]) -> Comment:
        """Change `content`, `title`, `context`, `requiresAttention`: of one's own comment, of any as task-admin."""
        call = Call(method="PATCH", path=_path(task, number), body=dict(fields), repeatable=True)
        return await self._transport.answer(call, Comment)

    @operation
    async def delete_comment(self, task: paths.TaskRef, number: int) -> None:
        """Remove one's own comment, or any as task-admin."""
        await self._transport.send(Call(method="DELETE", path=_path(task, number)))


def _path(task: paths.TaskRef, number: int | None = None) -> str:
    return f"{paths.task(task)}/comments" + ("" if number is None else f"/{number}")
