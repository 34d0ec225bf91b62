"""`penstock tasks watch`: what happens to tasks, as it happens."""

import asyncio
import contextlib
import sys
import time
from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from penstock import errors
from penstock.cli import arguments, exits, output
from penstock.cli.shared import Session, command
from penstock.client import AsyncClient
from penstock.models.platform import Event

_KEPT = 15
_LOOK_EVERY, _LOOK_ANYWAY, _LAST_EVENTS = 0.2, 3.0, 1.0
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
    wanted = _Wanted(queues=queue or [], task=task, kinds=kind or [], since=since, until_idle=until_idle)
    outcome = asyncio.run(_watch(session, wanted))
    if task is not None and outcome != "succeeded":
        raise typer.Exit(exits.Exit.NOT_SUCCEEDED)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What is to be watched, and until when."""

    queues: list[str]
    task: str | None
    kinds: list[str]
    since: str | None
    until_idle: bool


async def _watch(session: Session, wanted: _Wanted) -> str | None:
    """Show events until it is over; answers how the one task ended."""
    async with session.async_client() as client:
        if wanted.task is not None and (found := await client.tasks.get(wanted.task)).ended:
            return found.outcome
        opened, ended = asyncio.Event(), asyncio.Event()
        with _screen(session) as screen:
            watching = [asyncio.create_task(_follow(client, wanted, screen, opened, ended))]
            if wanted.until_idle or wanted.task is not None:
                watching.append(asyncio.create_task(_until_over(client, wanted, opened, ended)))
            try:
                done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in watching:
                    each.cancel()
                await asyncio.wait(watching)
            for each in done:
                each.result()
        return None if wanted.task is None else (await client.tasks.get(wanted.task)).outcome


async def _follow(
    client: AsyncClient, wanted: _Wanted, screen: "_Screen", opened: asyncio.Event, ended: asyncio.Event
) -> None:
    """Show events; returns when the one task has ended."""

    def on_open() -> None:
        _watching()
        opened.set()

    events = client.events.follow(
        queue=wanted.queues or None,
        task=wanted.task,
        type=wanted.kinds or None,
        last_event_id=wanted.since,
        on_open=on_open,
    )
    async for event in events:
        screen.show(event)
        if event.outcome is not None:
            ended.set()
            if wanted.task is not None:
                return


async def _until_over(client: AsyncClient, wanted: _Wanted, opened: asyncio.Event, ended: asyncio.Event) -> None:
    """Return when nothing is open any more and its ends were shown.

    Looks when the watch begins, since the last end may be before it; then after ends, but not too often, and now and
    then anyway: events of other types may be all that is wanted.
    """
    await opened.wait()
    while True:
        ended.clear()
        over = not await _is_open(client, wanted)
        try:
            # When it is over, events of the last ends may still be on their way.
            await asyncio.wait_for(ended.wait(), _LAST_EVENTS if over else _LOOK_ANYWAY)
        except TimeoutError:
            if over:
                return
        await asyncio.sleep(_LOOK_EVERY)


async def _is_open(client: AsyncClient, wanted: _Wanted) -> bool:
    """Whether anything that is watched can still end."""
    if wanted.task is not None:
        return not (await client.tasks.get(wanted.task)).ended
    pages = [await client.tasks.page(queue, limit=1) for queue in wanted.queues]
    return any(page.items for page in pages)


def _watching() -> None:
    """Said when the server has begun to send: what happens from now on is shown."""
    if not sys.stdout.isatty():
        sys.stderr.write("penstock: watching\n")
        sys.stderr.flush()


class _Screen:
    """Where events are shown."""

    def show(self, event: Event) -> None:
        """Show one more."""
        output.show(line(event))
        sys.stdout.flush()


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
