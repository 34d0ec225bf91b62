"""The scratch pad of one planning: drivers move it on, and `core.flows` reads off it what changed.

It lives for one call of `plan` and never leaves it, so the planner as a whole stays a pure function.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from core import flow_steps
from core.flow import Child, ChildKind, Completion, Ending, Flow, StepState, StepStatus, child_id
from core.flow_template import Template
from core.task import Outcome, Reason


class Wanting(Exception):
    """A child's result is needed and was not given; which one is noted on the scratch pad."""


class Work:
    """A flow's changing parts, opened up."""

    def __init__(self, template: Template, flow: Flow, *, at: datetime, completions: Mapping[str, Completion]) -> None:
        self.template = template
        self.flow = flow
        self.at = at
        self.steps: dict[str, StepState] = dict(flow.steps)
        self.decisions = flow.decisions
        self.undo = flow.undo
        self.ending = flow.ending
        self.needs: dict[str, None] = {}
        """Ids of the children whose completions were wanting, in the order of their first use."""
        self.memo: dict[str, Any] = {}
        """What a driver worked out once and uses for many children."""
        self._completions = completions

    def end(
        self, outcome: Outcome, reason: Reason | None = None, *, result: Any = None, error: Any = None,
        compensate: bool = False,
    ) -> None:  # fmt: skip
        """Decide how the flow ends; the first decision stands."""
        if self.ending is None:
            self.ending = Ending(outcome=outcome, reason=reason, result=result, error=error, compensate=compensate)

    def take_back(self) -> None:
        """Forget the steps that were begun in this planning: nobody has seen them, so they need no canceling."""
        self.needs.clear()
        for name, state in list(self.steps.items()):
            if name not in self.flow.steps and flow_steps.has_open(state):
                del self.steps[name]

    def id_of(self, step: str, index: int) -> str:
        """The id of a child of this flow."""
        return child_id(self.flow.id, step, index)

    def completion(self, step: str, index: int) -> Completion:
        """The end of one child; raises `Wanting` where it was not given."""
        return self.of_children(step, (index,))[0]

    def of_children(self, step: str, indexes: Iterable[int]) -> list[Completion]:
        """The ends of children; raises `Wanting`, with all the absent ones noted."""
        ids = [self.id_of(step, index) for index in indexes]
        absent = [one for one in ids if one not in self._completions]
        if absent:
            self.needs.update(dict.fromkeys(absent))
            raise Wanting
        return [self._completions[one] for one in ids]

    def child(
        self, step: str, index: int, kind: ChildKind, definition: str, params: Any, *, label: str | None = None,
        execute_at: datetime | None = None, attempts: int | None = None,
    ) -> Child:  # fmt: skip
        """A child of this flow, as it is to be created."""
        return Child(
            id=self.id_of(step, index), step=step, index=index, kind=kind, definition=definition, params=params,
            label=label, execute_at=execute_at, attempts=attempts,
        )  # fmt: skip

    def over(self, step: str) -> bool:
        """Whether the step is closed; when all its children have ended, that closes it now."""
        state = self.steps.get(step)
        if state is not None and state.status is StepStatus.RUNNING and state.done == state.total:
            state = flow_steps.close(state, flow_steps.verdict(state), at=self.at)
            self.steps[step] = state
        return state is not None and state.status is not StepStatus.RUNNING
