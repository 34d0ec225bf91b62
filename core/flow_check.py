"""What must be true of a flow template before it is stored: everything it names exists and nothing goes in circles."""

import graphlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import msgspec
from msgspec import UNSET

from core import errors, flow_values, schemas
from core.errors import Fault
from core.flow import Driver
from core.flow_template import Step, Template
from core.flow_values import Path

MAX_STEPS = 1000
MAX_GROUP_TASKS = 10_000
STEP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,63}")
STEP_FIELDS = frozenset({"result", "results", "error", "outcome", "count", "failed"})
"""What `steps.<name>.` may be followed by: see `core.flow_dag`."""
FLOW_FIELDS = frozenset({"id", "label"})
_OF_DRIVER = {
    Driver.GROUPS: frozenset({"groups", "execution", "finalizer", "max_attempts"}),
    Driver.DAG: frozenset({"steps", "result", "on_cancel"}),
    Driver.DECISIONS: frozenset({"decision"}),
}


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Names of definitions and of flow templates: those a template mentions, or those of them that exist."""

    definitions: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()


def mentions(template: Template) -> Names:
    """The names whose existence `check` wants to know."""
    steps = template.steps.values()
    definitions = {name for group in template.groups for name in group.tasks}
    definitions |= {each.finalizer for each in (template, *template.groups) if each.finalizer}
    definitions |= {step.definition for step in steps if step.definition}
    definitions |= {step.compensate.definition for step in steps if step.compensate}
    return Names(
        definitions=frozenset(definitions),
        templates=frozenset(step.template for step in steps if step.template),
    )


def check(template: Template, known: Names) -> None:
    """Raise `Invalid` with every fault of the template, each with its path (`steps.count.params.items`).

    `known` holds at least those names of `mentions` that exist; the template's own name counts as known.
    """
    for schema, field in (
        (template.params_schema, "paramsSchema"),
        (template.result_schema, "resultSchema"),
        (template.error_schema, "errorSchema"),
    ):
        if schema is not None:
            schemas.check_schema(schema, field)
    faults = [*_general(template), *_RULES[template.driver](template, known)]
    if faults:
        raise errors.Invalid("The flow template cannot be carried out.", faults=faults)


def _general(template: Template) -> Iterator[Fault]:
    allowed = _OF_DRIVER[template.driver]
    defaults = Template(name="", driver=template.driver, queue="")
    for field in msgspec.structs.fields(Template):
        elsewhere = any(field.name in names for names in _OF_DRIVER.values()) and field.name not in allowed
        if elsewhere and getattr(template, field.name) != getattr(defaults, field.name):
            yield Fault(field=field.encode_name, message=f"has no meaning with driver '{template.driver}'")
    if template.overall_timeout_seconds is not None and template.overall_timeout_seconds <= 0:
        yield Fault(field="overallTimeoutSeconds", message="must be more than 0")
    if template.max_attempts < 1:
        yield Fault(field="maxAttempts", message="must be at least 1")


def _groups(template: Template, known: Names) -> Iterator[Fault]:
    if not template.groups:
        yield Fault(field="groups", message="must hold at least one group")
    if sum(len(group.tasks) for group in template.groups) > MAX_GROUP_TASKS:
        yield Fault(field="groups", message=f"must not hold more than {MAX_GROUP_TASKS} tasks in all")
    for number, group in enumerate(template.groups):
        if not group.tasks:
            yield Fault(field=f"groups.{number}.tasks", message="must hold at least one task")
        for place, name in enumerate(group.tasks):
            if name not in known.definitions:
                yield _unknown("definition", name, f"groups.{number}.tasks.{place}")
        if group.finalizer is not None and group.finalizer not in known.definitions:
            yield _unknown("definition", group.finalizer, f"groups.{number}.finalizer")
    if template.finalizer is not None and template.finalizer not in known.definitions:
        yield _unknown("definition", template.finalizer, "finalizer")


def _decisions(template: Template, known: Names) -> Iterator[Fault]:
    del template, known
    yield from ()


# --- dag -------------------------------------------------------------------------------------------------


def _dag(template: Template, known: Names) -> Iterator[Fault]:
    steps = template.steps
    if not 0 < len(steps) <= MAX_STEPS:
        yield Fault(field="steps", message=f"must hold 1 to {MAX_STEPS} steps")
    for name, step in steps.items():
        yield from _names(name, step, steps, known, own=template.name)
    before, circles = _ancestors(steps)
    yield from circles
    if circles:
        return
    for name, step in steps.items():
        yield from _values(name, step, Scope(template=template, ancestors=before.get(name, frozenset())))
    if template.result is not UNSET:
        scope = Scope(template=template, ancestors=frozenset(steps))
        yield from _value(template.result, "result", scope)


def _names(name: str, step: Step, steps: Collection[str], known: Names, *, own: str) -> Iterator[Fault]:
    place = f"steps.{name}"
    if STEP_NAME.fullmatch(name) is None:
        yield Fault(field=place, message="a step's name is 1 to 64 letters, digits, '_' or '-'")
    if (step.definition is None) == (step.template is None):
        yield Fault(field=place, message="names either a definition or a template")
    if step.definition is not None and step.definition not in known.definitions:
        yield _unknown("definition", step.definition, f"{place}.definition")
    if step.template is not None and step.template not in known.templates | {own}:
        yield _unknown("flow template", step.template, f"{place}.template")
    if step.compensate is not None and step.compensate.definition not in known.definitions:
        yield _unknown("definition", step.compensate.definition, f"{place}.compensate.definition")
    for number, other in enumerate(step.depends_on):
        if other not in steps:
            yield _unknown("step", other, f"{place}.dependsOn.{number}")
        elif other in step.depends_on[:number]:
            yield Fault(field=f"{place}.dependsOn.{number}", message=f"'{other}' is named twice")
    if step.chunk is not None and (step.chunk < 1 or step.for_each is UNSET):
        yield Fault(field=f"{place}.chunk", message="is a number from 1 on, and goes with 'forEach'")


def _ancestors(steps: Mapping[str, Step]) -> tuple[dict[str, frozenset[str]], list[Fault]]:
    """What each step comes after; with a fault, and nothing known, where the steps go in a circle."""
    depends = {name: [other for other in step.depends_on if other in steps] for name, step in steps.items()}
    before: dict[str, frozenset[str]] = {}
    try:
        for name in graphlib.TopologicalSorter(depends).static_order():
            before[name] = frozenset(depends[name]).union(*(before[other] for other in depends[name]))
    except graphlib.CycleError as error:
        circle = [str(name) for name in reversed(cast("list[str]", error.args[1]))]
        way = " -> ".join(circle)
        return {}, [
            Fault(field=f"steps.{circle[0]}.dependsOn", message=f"the steps depend on each other in a circle: {way}")
        ]
    return before, []


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a value may refer to where it is written."""

    template: Template
    ancestors: frozenset[str]
    item: bool = False
    result: bool = False


def _values(name: str, step: Step, scope: Scope) -> Iterator[Fault]:
    place = f"steps.{name}"
    inner = msgspec.structs.replace(scope, item=step.for_each is not UNSET)
    if step.when is not UNSET:
        faults = list(flow_values.faults_of_condition(step.when, f"{place}.when"))
        yield from faults or _references(step.when, f"{place}.when", scope)
    if step.for_each is not UNSET:
        if not _may_be_list(step.for_each):
            yield Fault(field=f"{place}.forEach", message="must be a list, or a '$from' that leads to one")
        yield from _value(step.for_each, f"{place}.forEach", scope)
    if step.params is not UNSET:
        yield from _value(step.params, f"{place}.params", inner)
    if step.compensate is not None and step.compensate.params is not UNSET:
        undo = msgspec.structs.replace(inner, result=True, ancestors=scope.ancestors | {name})
        yield from _value(step.compensate.params, f"{place}.compensate.params", undo)


def _may_be_list(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and "$from" in value)


def _value(value: Any, place: str, scope: Scope) -> Iterator[Fault]:
    faults = list(flow_values.faults_of_value(value, place))
    yield from faults or _references(value, place, scope)


def _references(value: Any, place: str, scope: Scope) -> Iterator[Fault]:
    for path, where in flow_values.references(value, place):
        message = _nowhere(path, scope)
        if message:
            yield Fault(field=where, message=f"'{'.'.join(path)}' {message}")


def _nowhere(path: Path, scope: Scope) -> str | None:
    """Why the path leads nowhere; None where it may lead somewhere."""
    root, rest = path[0], path[1:]
    if root == "input":
        return None if _may_have(scope.template.params_schema, rest) else "is not in paramsSchema"
    if root == "steps":
        return _nowhere_in_steps(rest, scope)
    if root == "flow":
        return None if FLOW_FIELDS.issuperset(rest) and rest else f"must be one of {_listed('flow', FLOW_FIELDS)}"
    if root in {"item", "index"}:
        return None if scope.item else "is to be had only in params of a step with 'forEach'"
    if root == "result":
        return None if scope.result else "is to be had only in params of a compensation"
    return "must begin with input, steps, item, index, result or flow"


def _nowhere_in_steps(rest: Path, scope: Scope) -> str | None:
    if not rest or rest[0] not in scope.template.steps:
        return "names no step of this template"
    name = rest[0]
    if name not in scope.ancestors:
        return "is of a step that this one does not come after: name it in dependsOn"
    if len(rest) < 2 or rest[1] not in STEP_FIELDS:
        return f"must go on with one of {_listed(f'steps.{name}', STEP_FIELDS)}"
    return None


def _may_have(schema: Any, path: Path) -> bool:
    """False only where the schema rules out a value at the path: an unlisted property of a closed object."""
    for key in path:
        if not isinstance(schema, dict):
            return True
        known: Any = cast("dict[str, Any]", schema)
        listed = known.get("properties", {})
        closed = known.get("additionalProperties") is False and not {"patternProperties", "$ref"} & known.keys()
        if key not in listed:
            return not closed
        schema = listed[key]
    return True


def _listed(stem: str, fields: Collection[str]) -> str:
    return ", ".join(f"{stem}.{field}" for field in sorted(fields))


def _unknown(kind: str, name: str, place: str) -> Fault:
    return Fault(field=place, message=f"there is no {kind} '{name}'")


_RULES = {Driver.GROUPS: _groups, Driver.DAG: _dag, Driver.DECISIONS: _decisions}
