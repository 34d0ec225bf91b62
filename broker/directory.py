"""The queues as this process knows them: cached, and forgotten the moment any replica changes one."""

from core import errors
from core.queue import Queue
from store import documents, mongo, watch
from store.queues import Queues


class Directory:
    """Looks queues up; caches only while the change stream that invalidates is alive."""

    def __init__(self, database: mongo.Database, queues: Queues) -> None:
        self._database = database
        self._queues = queues
        self._known: dict[str, Queue] = {}
        self._live = False
        self._generation = 0

    async def follow(self) -> None:
        """Keep the cache honest, for ever; run it as a task beside the server."""
        await watch.follow(self._database, "queues", changed=self._forget, reset=self._reset)

    async def queue(self, tenant: str, key: str) -> Queue:
        """The queue `namespace:name` of the tenant; raises `NotFound`."""
        known = self._known.get(documents.key(tenant, key))
        if known is not None:
            return known
        generation = self._generation
        found = await self._queues.get(tenant, key)
        if found is None:
            raise errors.NotFound(f"There is no queue {key}.")
        if self._live and generation == self._generation:
            self._known[documents.key(tenant, key)] = found
        return found

    def forget(self, tenant: str, key: str) -> None:
        """Let a change that this process just wrote take effect here without waiting for the stream."""
        self._forget(documents.key(tenant, key))

    def _forget(self, document_key: str) -> None:
        self._generation += 1
        self._known.pop(document_key, None)

    def _reset(self, live: bool) -> None:  # noqa: FBT001 - the shape that `watch.follow` calls
        self._generation += 1
        self._live = live
        self._known.clear()
