"""`penstock webhooks`: create, list, show, pause, resume, delete, test, rotate-secret, deliveries, replay."""

from typing import Annotated, Any, cast

import typer

from penstock.cli import arguments, exits, output
from penstock.cli.shared import Session, command

WebhookId = Annotated[
    str, typer.Argument(help="The webhook's id.", metavar="WEBHOOK", autocompletion=arguments.complete_webhook)
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Webhooks: who is told of what happens.", no_args_is_help=True)
    command(group)(create)
    command(group, "list")(list_webhooks)
    for function in (show, pause, resume, delete):
        command(group)(function)
    command(group, "test")(try_out)
    command(group, "rotate-secret")(rotate)
    for function in (deliveries, replay):
        command(group)(function)
    app.add_typer(group, name="webhooks")


def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="A name for people.")],
    address: Annotated[str, typer.Argument(help="Where events are sent.", metavar="ADDRESS")],
    *,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only events of this type: succeeded, ...")] = None,
    queue: Annotated[
        list[str] | None, typer.Option(help="Only of this queue.", autocompletion=arguments.complete_queue)
    ] = None,
    definition: Annotated[list[str] | None, typer.Option(help="Only of this definition.")] = None,
    payload: Annotated[str, typer.Option(help="native, or adsp.")] = "native",
) -> None:
    """Make a webhook. Its secret is shown this once: deliveries are signed with it."""
    names = {"types": kind, "queues": queue, "definitions": definition}
    with session.client() as client:
        found = client.webhooks.create(
            name,
            address,
            filter={name: values for name, values in names.items() if values},
            payload=cast("Any", payload),
        )
    session.say(f"{found.id}, secret {found.secret}", found)


def list_webhooks(session: Session) -> None:
    """List the tenant's webhooks."""
    with session.client() as client:
        session.listing(
            client.webhooks.list(),
            ("webhook", "name", "address", "status", "failing since"),
            lambda one: (one.id, one.name, one.url, one.status, one.failing_since),
        )


def show(session: Session, webhook: WebhookId) -> None:
    """Show a webhook."""
    with session.client() as client:
        found = client.webhooks.get(webhook)
    session.show(found, lambda: output.members(found.model_dump(by_alias=True, exclude_none=True).items()))


def pause(session: Session, webhook: WebhookId) -> None:
    """Send nothing until it is resumed; what happens meanwhile is kept for it."""
    with session.client() as client:
        found = client.webhooks.update(webhook, {"paused": True})
    session.say(f"{found.id} is {found.status}.", found)


def resume(session: Session, webhook: WebhookId) -> None:
    """Go on where it stopped, also when it was disabled."""
    with session.client() as client:
        found = client.webhooks.update(webhook, {"paused": False})
    session.say(f"{found.id} is {found.status}.", found)


def delete(session: Session, webhook: WebhookId) -> None:
    """Remove a webhook with its deliveries."""
    with session.client() as client:
        client.webhooks.delete(webhook)
    session.say(f"Deleted {webhook}.", {"id": webhook})


def try_out(session: Session, webhook: WebhookId) -> None:
    """Have a signed sample sent now; status 10 if it is not taken."""
    with session.client() as client:
        found = client.webhooks.test(webhook)
    what = found.error or f"it answered {found.status}"
    session.say(f"{'Taken' if found.taken else 'Not taken'}: {what}, {found.milliseconds} ms.", found)
    if not found.taken:
        raise typer.Exit(exits.Exit.NOT_SUCCEEDED)


def rotate(
    session: Session,
    webhook: WebhookId,
    *,
    overlap: Annotated[str | None, typer.Option(help="How long the old secret signs, too: 1h, 1d.")] = None,
) -> None:
    """Give a webhook a new secret, which is shown this once."""
    with session.client() as client:
        found = client.webhooks.rotate_secret(webhook, overlap=arguments.seconds(overlap))
    session.say(f"{found.id}, secret {found.secret}", found)


def deliveries(
    session: Session,
    webhook: WebhookId,
    *,
    status: Annotated[str | None, typer.Option(help="pending, delivered, failed.")] = None,
    since: Annotated[str | None, typer.Option(help="A time, or how long ago: 2h.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 50,
) -> None:
    """List what was sent, the newest first."""
    with session.client() as client:
        found = client.webhooks.deliveries(webhook, status=status, since=arguments.moment(since), limit=limit or None)
        session.listing(
            found,
            ("delivery", "event", "task", "status", "tries", "when", "last"),
            lambda one: (
                one.id, one.type, one.task, one.status, one.tries, one.created_at,
                (one.last.error or one.last.status) if one.last else None,
            ),
        )  # fmt: skip


def replay(
    session: Session,
    webhook: WebhookId,
    delivery: Annotated[str | None, typer.Argument(help="One delivery; without it all that fit.")] = None,
    *,
    status: Annotated[str, typer.Option(help="failed, delivered, any.")] = "failed",
    since: Annotated[str | None, typer.Option(help="A time, or how long ago: 2h.")] = None,
) -> None:
    """Send deliveries again: one, or all that failed."""
    with session.client() as client:
        if delivery is not None:
            found = client.webhooks.replay(webhook, delivery)
            session.say(f"{found.id} is sent again.", found)
            return
        count = client.webhooks.replay_all(webhook, status=cast("Any", status), since=arguments.moment(since))
    session.say(f"{count} deliveries are sent again.", {"replayed": count})
