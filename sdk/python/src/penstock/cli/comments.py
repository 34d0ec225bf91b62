"""`penstock tasks comments`, `comment`, `edit-comment`, `delete-comment`."""

from typing import Annotated, Any

import typer

from penstock import errors
from penstock.cli.arguments import TaskId
from penstock.cli.shared import Session, command

Number = Annotated[int, typer.Argument(help="The comment's number.", metavar="NUMBER", min=1)]


def add(group: typer.Typer) -> None:
    """Register the commands."""
    command(group)(comments)
    command(group)(comment)
    command(group, "edit-comment")(edit)
    command(group, "delete-comment")(delete)


def comments(session: Session, task: TaskId) -> None:
    """List what was said about a task, the newest first."""
    with session.client() as client:
        session.listing(
            client.tasks.comments(task),
            ("number", "when", "who", "", "title", "said"),
            lambda one: (
                one.id, one.created_at, one.created_by.name, "!" if one.requires_attention else "", one.title,
                one.content,
            ),
        )  # fmt: skip


def comment(
    session: Session,
    task: TaskId,
    content: Annotated[str, typer.Argument(help="What to say.", metavar="TEXT")],
    *,
    title: Annotated[str | None, typer.Option(help="A title.")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="Somebody should see to it.")] = False,
) -> None:
    """Say something about a task."""
    with session.client() as client:
        found = client.tasks.comment(task, content, title=title, requires_attention=attention)
    session.say(f"Comment {found.id} on {task}.", found)


def edit(
    session: Session,
    task: TaskId,
    number: Number,
    content: Annotated[str | None, typer.Argument(help="What to say instead.", metavar="[TEXT]")] = None,
    *,
    title: Annotated[str | None, typer.Option(help="A title; '' takes it away.")] = None,
    attention: Annotated[bool | None, typer.Option("--attention/--settled", help="Is there something to do?")] = None,
) -> None:
    """Change a comment of yours; any, as task-admin."""
    fields: dict[str, Any] = {"content": content, "requiresAttention": attention}
    fields = {name: value for name, value in fields.items() if value is not None}
    if title is not None:
        fields["title"] = title or None
    if not fields:
        raise errors.UsageError("Say what is to change: a text, --title, --attention or --settled.")
    with session.client() as client:
        found = client.tasks.edit_comment(task, number, fields)
    session.say(f"Comment {found.id} on {task} is changed.", found)


def delete(session: Session, task: TaskId, number: Number) -> None:
    """Remove a comment of yours; any, as task-admin."""
    with session.client() as client:
        client.tasks.delete_comment(task, number)
    session.say(f"Removed comment {number} from {task}.", {"id": number})
