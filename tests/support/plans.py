"""Records the commands that a client sends, and asks mongod how it would carry each out."""

from collections.abc import Iterator
from typing import Any, cast

from pymongo import monitoring
from pymongo.asynchronous.database import AsyncDatabase

Document = dict[str, Any]
_SESSION = {"lsid", "$db", "$clusterTime", "txnNumber", "$readPreference", "apiVersion", "maxTimeMS", "ordered"}
_QUERIES = {"find", "aggregate", "update", "findAndModify", "count", "delete", "distinct"}


class Recorder(monitoring.CommandListener):
    """Keeps every query and conditional write, for `AsyncMongoClient(event_listeners=[recorder])`."""

    def __init__(self) -> None:
        self.commands: list[Document] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note the command, each write of a bulk as one of its own."""
        if event.command_name not in _QUERIES:
            return
        command = {name: value for name, value in dict(event.command).items() if name not in _SESSION}
        parts: list[Document] = []
        for writes in ("updates", "deletes"):
            parts += [command | {writes: [one]} for one in command.get(writes, [])]
        self.commands += parts or [command]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to note."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to note."""


async def stages(database: AsyncDatabase[Document], command: Document) -> list[str]:
    """The stages of the winning plan, outermost first; an index scan is shown as `IXSCAN name`."""
    answer = await database.command("explain", command, verbosity="queryPlanner")
    return list(_walk(answer))


def _walk(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        fields = cast("Document", node)
        if "stage" in fields:
            yield f"{fields['stage']} {fields['indexName']}" if "indexName" in fields else str(fields["stage"])
        for name, below in fields.items():
            if name not in {"rejectedPlans", "command", "serverParameters"}:
                yield from _walk(below)
    elif isinstance(node, list):
        for below in cast("list[object]", node):
            yield from _walk(below)
