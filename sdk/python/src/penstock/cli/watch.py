"""`penstock tasks watch`: what happens to tasks, as it happens."""

import contextlib
import sys
import time
from collections import Counter, deque
from collections.abc import Generator
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from penstock import errors
from penstock.cli import arguments, exits, output
from penstock.cli.shared import Session, command
from penstock.client import Client
from penstock.models.platform import Event

_KEPT = 15
_COLOURS = {"succeeded": "green", "failed": "red", "canceled": "yellow", "expired": "yellow", "lease-lost": "red"}


def add(group: typer.Typer) -> None:
    """Register the command."""
    command(group)(watch)


def watch(
    session: Session,
    queue: Annotated[
        list[str] | None,
        typer.Argument(
            help="Queues; all that you may read without any.",
            metavar="[QUEUE...]",
            autocompletion=arguments.complete_queue,
        ),
    ] = None,
    *,
    task: Annotated[str | None, typer.Option(help="Only this task, until it has ended.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type: created, started, succeeded, ...")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Begin after this event id.")] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is open in the queues any more.")
    ] = False,
) -> None:
    """Watch tasks live: events as they happen, with counts and rates in a terminal, one line or JSON each elsewhere.

    With --task the status says how it ended: 0 succeeded, 10 otherwise. Ends with Ctrl-C.
    """
    if until_idle and not queue:
        raise errors.UsageError("--until-idle needs to know which queues.")
    with session.client() as client:
        if task is not None and client.tasks.get(task).ended:
            _leave_by(client, task)
        idle = _Idle(client, queue or []) if until_idle else None
        events = client.events.follow(queue=queue or None, task=task, type=kind or None, last_event_id=since)
        with contextlib.closing(events), _screen(session) as screen:  # pyright: ignore[reportArgumentType]
            for event in events:
                screen.show(event)
                if (task is not None and event.outcome is not None) or (idle is not None and idle.reached(event)):
                    break
        if task is not None:
            _leave_by(client, task)


class _Idle:
    """Notices that nothing is open any more; asks the server only after an end, and not too often."""

    def __init__(self, client: Client, queues: list[str]) -> None:
        self._client = client
        self._queues = queues
        self._asked = 0.0

    def reached(self, event: Event) -> bool:
        if event.outcome is None or time.monotonic() - self._asked < 0.2:
            return False
        self._asked = time.monotonic()
        return not any(self._client.tasks.page(queue, limit=1).items for queue in self._queues)


class _Screen:
    """Where events are shown."""

    def show(self, event: Event) -> None:
        """Show one more."""
        output.show(line(event))


class _JsonScreen(_Screen):
    def show(self, event: Event) -> None:
        output.print_json(event)
        sys.stdout.flush()


class _LiveScreen(_Screen):
    """Counts, rates and the latest events, in place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._latest: deque[Text] = deque(maxlen=_KEPT)
        self._ends: deque[float] = deque(maxlen=10_000)

    def show(self, event: Event) -> None:
        self._counts[event.type] += 1
        self._latest.append(line(event))
        now = time.monotonic()
        if event.outcome is not None:
            self._ends.append(now)
        self._live.update(Group(self._summary(now), *self._latest))

    def _summary(self, now: float) -> Text:
        while self._ends and now - self._ends[0] > 5:
            self._ends.popleft()
        span = min(5.0, max(now - self._began, 0.5))
        counts = "   ".join(f"{kind} {count:,}" for kind, count in sorted(self._counts.items()))
        return Text(f"{counts}   ended {len(self._ends) / span:,.0f}/s", style="bold")


@contextlib.contextmanager
def _screen(session: Session) -> Generator[_Screen]:
    if session.as_json:
        yield _JsonScreen()
    elif not sys.stdout.isatty():
        yield _Screen()
    else:
        with Live(Text("watching ..."), console=output.to_people(), refresh_per_second=8) as live:
            yield _LiveScreen(live)


def line(event: Event) -> Text:
    """An event in one line."""
    made = Text(f"{event.at.astimezone():%H:%M:%S.%f}"[:-3] + " ", style="dim")
    made.append(f"{event.type:<18}", style=_COLOURS.get(event.type, ""))
    made.append(f" {event.task or ''}", style="bold")
    for word in (event.name, event.record_id, event.queue):
        if word:
            made.append(f"  {word}")
    if event.by is not None:
        made.append(f"  by {event.by.name}", style="dim")
    if event.reason is not None and event.reason.message:
        made.append(f"  ({event.reason.message})", style="dim")
    return made


def _leave_by(client: Client, task: str) -> None:
    """End with a status that says how the task ended."""
    outcome = client.tasks.get(task).outcome
    raise typer.Exit(exits.Exit.DONE if outcome == "succeeded" else exits.Exit.NOT_SUCCEEDED)
