"""How a flow is shown: its steps in order, live, and a drawing of them in Mermaid."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from core import flow_bits, flow_dag, flow_decisions, flow_groups
from core.flow import Driver, Flow, ItemFault, StepState, StepStatus, child_id
from core.flow_template import Template
from core.task import Reason

_MOST_NODES = 200
_WAITING = StepState(status=StepStatus.WAITING)
_COLOURS = {
    StepStatus.WAITING: "fill:#eceff1,stroke:#90a4ae,color:#37474f",
    StepStatus.RUNNING: "fill:#e3f2fd,stroke:#1e88e5,color:#0d47a1",
    StepStatus.SUCCEEDED: "fill:#e8f5e9,stroke:#43a047,color:#1b5e20",
    StepStatus.FAILED: "fill:#ffebee,stroke:#e53935,color:#b71c1c",
    StepStatus.SKIPPED: "fill:#fafafa,stroke:#bdbdbd,color:#9e9e9e,stroke-dasharray:4 3",
    StepStatus.CANCELED: "fill:#fff3e0,stroke:#fb8c00,color:#e65100",
}


class StepView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One step as it is now. Its children's results, errors and times are those of their tasks (`items`)."""

    name: str
    status: StepStatus
    runs: tuple[str, ...]
    """What its children are made of: definitions or templates."""
    after: tuple[str, ...]
    fan: bool
    count: int
    """Its children in all, as far as that is known."""
    done: int
    failed: int
    started_at: datetime | None
    ended_at: datetime | None
    reason: Reason | None
    faults: tuple[ItemFault, ...]


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One child of a step; what is `running` here may still be waiting in its queue."""

    id: str
    index: int
    status: StepStatus


def steps(template: Template, flow: Flow) -> tuple[StepView, ...]:
    """Every step, those that have not begun included; then compensations and finalizers."""
    keys = {Driver.DAG: flow_dag.keys, Driver.GROUPS: flow_groups.keys, Driver.DECISIONS: flow_decisions.keys}
    known = keys[flow.driver](template)
    names = [*known, *(name for name in flow.steps if name not in known)]
    return tuple(_step(template, flow, name) for name in names)


def items(template: Template, flow: Flow, name: str) -> Iterator[ItemView]:
    """The children of a step in order, also those that do not exist yet."""
    state = _state(template, flow, name)
    for index in range(state.total):
        if flow_bits.has(state.ended, index):
            bad = flow_bits.has(state.failed, index)
            status = StepStatus.FAILED if bad else StepStatus.SUCCEEDED
        else:
            status = StepStatus.RUNNING if index < state.planned else StepStatus.WAITING
        yield ItemView(id=child_id(flow.id, name, index), index=index, status=status)


def _state(template: Template, flow: Flow, name: str) -> StepState:
    state = flow.steps.get(name, _WAITING)
    if flow.driver is Driver.GROUPS and not state.total:
        return msgspec.structs.replace(state, total=len(template.groups[int(name)].tasks))
    return state


def _step(template: Template, flow: Flow, name: str) -> StepView:
    state = _state(template, flow, name)
    runs, after = _about(template, flow, name)
    return StepView(
        name=name,
        status=state.status,
        runs=runs,
        after=after,
        fan=state.fan,
        count=state.total,
        done=state.done,
        failed=state.failures,
        started_at=state.started_at,
        ended_at=state.ended_at if state.status is not StepStatus.RUNNING else None,
        reason=state.reason,
        faults=state.faults,
    )


def _about(template: Template, flow: Flow, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a step runs and what it comes after."""
    if flow.driver is Driver.DAG:
        step = template.steps[name.lstrip("~")]
        if name in template.steps:
            return (step.definition or step.template or "",), step.depends_on
        return (step.compensate.definition if step.compensate else "",), ()
    if flow.driver is Driver.GROUPS:
        number, _, final = name.partition("-")
        if name == flow_groups.FINAL:
            return (template.finalizer or "",), ()
        group = template.groups[int(number)]
        return ((group.finalizer or "",), (number,)) if final else (group.tasks, ())
    if name == flow_decisions.DECISIONS:
        return (template.name,), ()
    memory = flow.decisions
    return tuple(dict.fromkeys(a.definition for a in memory.activities)) if memory else (), ()


# --- Mermaid ---------------------------------------------------------------------------------------------


def mermaid(template: Template, flow: Flow) -> str:
    """A flow chart in Mermaid's language, every node with its state and coloured by it; long ones are cut."""
    draw = {Driver.DAG: _dag, Driver.GROUPS: _groups, Driver.DECISIONS: _decisions}[flow.driver]
    used = {status: f"  classDef {status.value} {style}" for status, style in _COLOURS.items()}
    return "\n".join(["flowchart TD", *draw(template, flow), *used.values(), ""])


def _dag(template: Template, flow: Flow) -> Iterator[str]:
    views = steps(template, flow)
    numbers = {view.name: number for number, view in enumerate(views[:_MOST_NODES])}
    for view in views[:_MOST_NODES]:
        title = f"undo {view.name[1:]}" if view.name.startswith("~") else view.name
        yield _node(f"n{numbers[view.name]}", [title, *_progress(view)], view.status)
    for view in views[:_MOST_NODES]:
        for other in view.after:
            if other in numbers:
                yield f"  n{numbers[other]} --> n{numbers[view.name]}"
    for name in flow.undo or ():
        if name in numbers and f"~{name}" in numbers:
            yield f"  n{numbers[name]} -.-> n{numbers[f'~{name}']}"
    yield from _cut(len(views))


def _groups(template: Template, flow: Flow) -> Iterator[str]:
    drawn = 0
    for number, group in enumerate(template.groups):
        key = str(number)
        state = _state(template, flow, key)
        shown = list(items(template, flow, key))[:_MOST_NODES]
        yield f'  subgraph g{number}["{_text(f"{number + 1}: {group.execution.value}, {state.status.value}")}"]'
        for item in shown:
            yield "  " + _node(f"g{number}t{item.index}", [group.tasks[item.index], item.status.value], item.status)
        if group.execution.value == "sequential":
            yield from (f"    g{number}t{n} --> g{number}t{n + 1}" for n in range(len(shown) - 1))
        yield "  end"
        if number and template.execution.value == "sequential":
            yield f"  g{number - 1} --> g{number}"
        drawn += len(shown)
        if drawn >= _MOST_NODES and number + 1 < len(template.groups):
            yield from _cut(_MOST_NODES + 1)
            return


def _decisions(template: Template, flow: Flow) -> Iterator[str]:
    """Each decision after the event it was asked about, each activity after the decision that scheduled it."""
    memory = flow.decisions or flow_decisions.Decisions()
    decided = list(items(template, flow, flow_decisions.DECISIONS))[:_MOST_NODES]
    done = list(items(template, flow, flow_decisions.ACTIVITIES))[:_MOST_NODES]
    for item in decided:
        yield _node(f"d{item.index}", [f"decision {item.index + 1}", item.status.value], item.status)
        event = memory.asked[item.index]
        if 0 <= event < len(done):
            yield f"  a{event} --> d{item.index}"
    for item in done:
        activity = memory.activities[item.index]
        title = activity.label or activity.definition
        yield _node(f"a{item.index}", [title, item.status.value], item.status)
        if activity.decision < len(decided):
            yield f"  d{activity.decision} --> a{item.index}"
    yield from _cut(max(len(memory.asked), len(memory.activities)))


def _progress(view: StepView) -> list[str]:
    if view.fan and view.count:
        failed = f", {view.failed} failed" if view.failed else ""
        return [f"{view.status.value} {view.done}/{view.count}{failed}"]
    return [view.status.value]


def _node(name: str, lines: list[str], status: StepStatus) -> str:
    return f'  {name}["{"<br/>".join(_text(line) for line in lines)}"]:::{status.value}'


def _cut(count: int) -> Iterator[str]:
    if count > _MOST_NODES:
        yield _node("more", [f"more than {_MOST_NODES}"], StepStatus.WAITING)


def _text(text: str) -> str:
    """Text that cannot end a node or become markup: everything but plain characters as an entity."""
    return "".join(c if c.isalnum() or c in " .:,_-/()+~" else f"#{ord(c)};" for c in text)
