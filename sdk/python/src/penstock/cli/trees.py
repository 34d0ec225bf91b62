"""A flow as a tree for people: its steps in their order, the children that matter below them."""

from datetime import UTC, datetime

from rich.text import Text
from rich.tree import Tree

from penstock.models.flow import Flow, FlowItem, FlowStep

_MARKS = {
    "waiting": ("○", "dim"),
    "created": ("○", "dim"),
    "running": ("●", "cyan"),
    "in-progress": ("●", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("·", "dim"),
    "canceled": ("·", "yellow"),
    "expired": ("✗", "yellow"),
}
_SHOWN = 8
"""How many children of a step are shown one by one: first those that failed, then those that run."""


def tree(flow: Flow) -> Tree:
    """The whole flow."""
    made = Tree(_head(flow))
    for step in flow.steps:
        branch = made.add(_step(step))
        worth = sorted((item for item in step.items if _matters(step, item)), key=lambda item: item.status != "failed")
        for item in worth[:_SHOWN]:
            branch.add(_item(item))
        if len(worth) > _SHOWN:
            branch.add(Text(f"... and {len(worth) - _SHOWN} more", style="dim"))
    return made


def _head(flow: Flow) -> Text:
    line = _marked(flow.outcome or flow.status)
    line.append(flow.template, style="bold")
    for word in (flow.label, flow.id):
        if word:
            line.append(f"  {word}")
    if flow.cancel_requested and not flow.ended:
        line.append("  asked to stop", style="yellow")
    _tail(line, flow.started_at, flow.ended_at, flow.reason.message if flow.reason else None)
    return line


def _step(step: FlowStep) -> Text:
    line = _marked(step.status)
    line.append(step.name, style="bold")
    if runs := ", ".join(step.runs):
        line.append(f"  {runs}", style="dim")
    if step.fan or step.count > 1:
        line.append(f"  {step.done} of {step.count}")
    if step.failed:
        line.append(f"  {step.failed} failed", style="red")
    if step.status == "waiting" and step.after:
        line.append(f"  after {', '.join(step.after)}", style="dim")
    _tail(line, step.started_at, step.ended_at, step.reason.message if step.reason else None)
    return line


def _item(item: FlowItem) -> Text:
    line = _marked(item.status)
    line.append(item.name or str(item.index))
    task = item.task
    line.append(f"  {item.id}", style="dim")
    if task is None:
        return line
    who = task.holder or (task.assignment.to if task.assignment else None)
    if who is not None and task.outcome is None:
        line.append(f"  {who.name}")
    if task.progress is not None and task.progress.current is not None:
        of = "" if task.progress.total is None else f" of {task.progress.total:g}"
        line.append(f"  {task.progress.current:g}{of} {task.progress.unit or ''}".rstrip())
    _tail(line, task.started_at, task.ended_at, task.reason.message if task.reason else None)
    return line


def _matters(step: FlowStep, item: FlowItem) -> bool:
    if not step.fan and step.count <= 1:
        task = item.task
        return task is not None and task.outcome is None and (task.progress or task.holder) is not None
    return item.status in {"failed", "running"}


def _marked(status: str) -> Text:
    mark, style = _MARKS.get(status, ("?", ""))
    made = Text(f"{mark} ", style=style)
    made.append(f"{status:<9} ", style=style)
    return made


def _tail(line: Text, began: datetime | None, ended: datetime | None, reason: str | None) -> None:
    if began is not None:
        seconds = ((ended or datetime.now(UTC)) - began).total_seconds()
        line.append(f"  {max(seconds, 0.0):.1f} s", style="dim")
    if reason:
        line.append(f"  ({reason})", style="dim")
