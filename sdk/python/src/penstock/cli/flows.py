"""`penstock flows`: start, list, show (live), cancel, retry, mermaid."""

import sys
import time
from typing import Annotated, Any, cast

import typer
from rich.live import Live

from penstock.cli import arguments, exits, output, trees
from penstock.cli.shared import Session, command
from penstock.client import Client
from penstock.models.flow import Flow

FlowId = Annotated[str, typer.Argument(help="The flow's id.", metavar="FLOW", autocompletion=arguments.complete_flow)]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Show it live until it has ended; status 10 without success.")
]
_LOOK_EVERY = 0.5


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Flows: runs of several tasks.", no_args_is_help=True)
    command(group, "list")(list_flows)
    for function in (start, show, cancel, retry, mermaid):
        command(group)(function)
    app.add_typer(group, name="flows")


def start(
    session: Session,
    template: Annotated[
        str, typer.Argument(help="The template's name.", metavar="TEMPLATE", autocompletion=arguments.complete_template)
    ],
    *,
    params: arguments.Params = None,
    param: arguments.Param = None,
    label: Annotated[str | None, typer.Option(help="A label to find it by.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal, high, urgent.")] = None,
    execute_at: Annotated[str | None, typer.Option(help="Not before this time, or in: 2h.")] = None,
    key: Annotated[str | None, typer.Option(help="A second start with the same key begins no second flow.")] = None,
    follow: Follow = False,
) -> None:
    """Begin a flow."""
    with session.client() as client:
        found = client.flows.start(
            template,
            arguments.params_of(params, param),
            label=label,
            priority=cast("Any", priority),
            execute_at=arguments.future(execute_at),
            key=key,
        )
        if follow:
            _follow(session, client, found)
        else:
            session.say(f"{found.id}: {found.status}", found)


def list_flows(
    session: Session,
    *,
    template: Annotated[str | None, typer.Option(help="Only of this template.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    label: Annotated[str | None, typer.Option(help="Only with this label.")] = None,
    status: Annotated[str | None, typer.Option(help="created, in-progress, done.")] = None,
    outcome: Annotated[str | None, typer.Option(help="succeeded, failed, canceled, expired.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only flows that this flow began.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 50,
) -> None:
    """List flows, the newest first."""
    with session.client() as client:
        found = client.flows.list(
            template=template,
            queue=queue,
            label=label,
            status=cast("Any", status),
            outcome=cast("Any", outcome),
            parent=parent,
            limit=limit or None,
        )
        session.listing(
            found,
            ("flow", "template", "label", "status", "age", "by"),
            lambda one: (
                one.id, one.template, one.label, one.outcome or one.status, output.ago(one.created_at),
                one.created_by.name if one.created_by else None,
            ),
        )  # fmt: skip


def show(session: Session, flow: FlowId, *, follow: Follow = False) -> None:
    """Show a flow with all its steps as a tree; with --follow as it runs."""
    with session.client() as client:
        found = client.flows.get(flow)
        if follow:
            _follow(session, client, found)
        else:
            session.show(found, lambda: trees.tree(found))


def cancel(
    session: Session,
    flow: FlowId,
    *,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Cut running tasks off, unasked.")] = False,
) -> None:
    """Cancel a flow."""
    with session.client() as client:
        found = client.flows.cancel(flow, reason, mode="now" if now else "ask")
    session.say(f"{found.id}: {found.outcome or 'asked to stop'}", found)


def retry(session: Session, flow: FlowId, *, follow: Follow = False) -> None:
    """Begin a flow again that failed or was canceled: a new one on the same params."""
    with session.client() as client:
        found = client.flows.retry(flow)
        if follow:
            _follow(session, client, found)
        else:
            session.say(f"{found.id}: {found.status}", found)


def mermaid(session: Session, flow: FlowId) -> None:
    """Draw a flow as a Mermaid chart."""
    with session.client() as client:
        found = client.flows.mermaid(flow)
    session.say(found.rstrip("\n"), {"id": flow, "mermaid": found})


def _follow(session: Session, client: Client, flow: Flow) -> None:
    """Show it until it has ended: in place in a terminal, elsewhere once at its end."""
    if session.as_json or not sys.stdout.isatty():
        found = client.flows.wait(flow)
        session.show(found, lambda: trees.tree(found))
    else:
        with Live(trees.tree(flow), console=output.to_people(), refresh_per_second=4) as live:
            while not (found := client.flows.get(flow)).ended:
                live.update(trees.tree(found))
                time.sleep(_LOOK_EVERY)
            live.update(trees.tree(found))
    if found.outcome != "succeeded":
        raise typer.Exit(exits.Exit.NOT_SUCCEEDED)
