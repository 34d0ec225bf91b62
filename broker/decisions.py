"""Whether the answer of a decision task can be carried out: asked before the answer is accepted."""

from typing import Any

from broker.templates import Templates
from core import flow_actions
from core.flow import Status
from core.task import Task
from store.flows import Flows as Record


class Decisions:
    """Checks answers of decision tasks against their flow."""

    def __init__(self, record: Record, templates: Templates) -> None:
        self._record = record
        self._templates = templates

    async def check(self, task: Task, result: Any) -> None:
        """Raise `PayloadMismatch` naming every place where the actions do not fit the flow; one that ended takes all.

        A flow has one decision at a time, so what is checked here still holds when the actions are carried out.
        """
        assert task.parent is not None
        actions = flow_actions.read(result)
        flow = await self._record.get(task.tenant, task.parent.flow)
        if flow is None or flow.status is Status.DONE or flow.ending is not None:
            return
        template = await self._templates.version(task.tenant, flow.template, flow.version)
        known = await self._templates.known(task.tenant, flow_actions.mentions(actions))
        flow_actions.check(template.content, flow, actions, known)
