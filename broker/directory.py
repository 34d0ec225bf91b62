"""Queues, definitions and tenants as this process knows them: cached, forgotten soon after any replica changes one."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Generic, TypeVar

import cachetools

from core import builtins, errors, ids
from core.clock import Clock
from core.definition import Definition, TargetKind
from core.flow_template import StoredTemplate
from core.queue import Queue
from core.tenant import Tenant, TenantState
from store import documents, mongo
from store.definitions import Definitions
from store.flow_templates import FlowTemplates
from store.notices import Ear, Notices
from store.queues import Queues
from store.tenants import Tenants

Kept = TypeVar("Kept")
_MOST = 20_000
TENANTS_KEPT = timedelta(minutes=5)


class Directory:
    """Looks up what is read with every request and changed seldom."""

    def __init__(
        self,
        database: mongo.Database,
        queues: Queues,
        definitions: Definitions,
        templates: FlowTemplates,
        *,
        clock: Clock,
    ) -> None:
        self._database = database
        self._queues = queues
        self._definitions = definitions
        self._templates = templates
        self._clock = clock
        self._queue_cache: _Cache[Queue] = _Cache()
        self._definition_cache: _Cache[Definition] = _Cache()
        self._bound_cache: _Cache[list[Definition]] = _Cache()
        self._limited_cache: _Cache[dict[str, Definition]] = _Cache()
        self._template_cache: _Cache[StoredTemplate] = _Cache()
        self._deciding_cache: _Cache[list[StoredTemplate]] = _Cache()
        self._tenants = Tenants(database)
        self._tenant_cache: _Cache[Tenant] = _Cache()
        self._heeding: list[Callable[[str | None], None]] = []

    def heed_tenants(self, forget: Callable[[str | None], None]) -> None:
        """Call `forget(tenant)` when a tenant was changed, anywhere; `forget(None)` when any may have been.

        Within moments, so that what is known of tenants can be kept for `TENANTS_KEPT`.
        """
        self._heeding.append(forget)

    async def follow(self) -> None:
        """Keep the caches honest, for ever; run it as a task beside the server."""
        ears = {
            "queues": _ear(self._queue_cache),
            "definitions": _ear(self._definition_cache, self._bound_cache, self._limited_cache),
            "flowTemplates": _ear(self._template_cache, self._deciding_cache),
            "tenants": Ear(self._forget_tenant, self._forget_tenants),
        }
        await Notices(self._database).follow(ears)

    def _forget_tenant(self, tenant: str | None) -> None:
        if tenant is not None:
            self._tenant_cache.forget(tenant)
        for forget in self._heeding:
            forget(tenant)

    def _forget_tenants(self, live: bool) -> None:  # noqa: FBT001 - the shape that `Ear` has
        self._tenant_cache.reset(live=live)
        self._forget_tenant(None)

    async def tenant_state(self, tenant: str) -> TenantState:
        """Whether the tenant's callers are let in; one that is not registered counts as active."""
        found = await self._tenant_cache.get(tenant, lambda: self._tenants.get(tenant))
        return TenantState.ACTIVE if found is None else found.state

    async def queue(self, tenant: str, key: str) -> Queue:
        """The queue `namespace:name` of the tenant; raises `NotFound`."""
        found = await self._queue_cache.get(documents.key(tenant, key), lambda: self._queues.get(tenant, key))
        if found is None:
            raise errors.NotFound(f"There is no queue {key}.")
        return found

    async def definition(self, tenant: str, name: str) -> Definition:
        """The definition of that name; raises `NotFound`."""
        key = documents.key(tenant, name)
        found = await self._definition_cache.get(key, lambda: self._definitions.get(tenant, name))
        if found is None and name in builtins.NAMES:
            found = await self._provided(tenant, name)
        if found is None:
            raise errors.NotFound(f"There is no definition {name}.")
        return found

    async def _provided(self, tenant: str, name: str) -> Definition | None:
        """A built-in definition, made with its queue for a tenant that uses it for the first time."""
        at = self._clock()
        earlier = await self._definitions.versions(tenant, name, limit=1)
        version = earlier[0].version + 1 if earlier else 1
        with contextlib.suppress(errors.AlreadyExists):
            await self._queues.insert(tenant, builtins.queue(tenant, lane=ids.new_id(), at=at))
        with contextlib.suppress(errors.AlreadyExists):
            made = builtins.definition(tenant, name, lane=ids.new_id(), at=at, version=version)
            await self._definitions.insert(tenant, made)
        return await self._definitions.get(tenant, name)

    async def template(self, tenant: str, name: str) -> StoredTemplate:
        """The flow template of that name as it is now; raises `NotFound`."""
        key = documents.key(tenant, name)
        found = await self._template_cache.get(key, lambda: self._templates.get(tenant, name))
        if found is None:
            raise errors.NotFound(f"There is no flow template {name}.")
        return found

    async def lanes(
        self, queue: Queue, names: tuple[str, ...] | None = None, *, tasks: bool = True, decisions: bool = True
    ) -> list[str]:
        """The lanes that workers of the queue draw from: all, or those of some definitions and flow templates.

        `tasks` and `decisions` leave out the one or the other. Push targets have their lanes to themselves.
        """
        lanes = [queue.lane] if tasks and names is None else []
        key = documents.key(queue.tenant, queue.key)
        if tasks:
            bound = await self._bound_cache.get(key, lambda: self._definitions.of_queue(queue.tenant, queue.key))
            worked = [each for each in bound or [] if each.target.kind is TargetKind.WORKER]
            lanes += [each.lane for each in worked if names is None or each.name in names]
        if decisions:
            deciding = await self._deciding_cache.get(key, lambda: self._templates.of_queue(queue.tenant, queue.key))
            lanes += [each.lane for each in deciding or [] if names is None or each.name in names]
        return lanes

    async def limited(self, tenant: str) -> dict[str, Definition]:
        """The tenant's definitions that limit how many of their tasks are held at once, by lane."""
        return await self._limited_cache.get(tenant, lambda: self._definitions.limited(tenant)) or {}

    def forget_queue(self, tenant: str, key: str) -> None:
        """Let a change that this process just wrote take effect here without waiting for the notice."""
        self._queue_cache.forget(documents.key(tenant, key))

    def forget_definition(self, tenant: str, name: str) -> None:
        """The same for a definition."""
        self._definition_cache.forget(documents.key(tenant, name))
        self._bound_cache.clear()
        self._limited_cache.clear()

    def forget_template(self, tenant: str, name: str) -> None:
        """The same for a flow template."""
        self._template_cache.forget(documents.key(tenant, name))
        self._deciding_cache.clear()


class _Cache(Generic[Kept]):
    """Keeps what was found, only while the notices that invalidate it are read.

    A value that was read while a change came in is not kept: it may be the one from before.
    """

    def __init__(self) -> None:
        self._known: cachetools.LRUCache[str, Kept] = cachetools.LRUCache(_MOST)
        self._live = False
        self._generation = 0

    async def get(self, key: str, read: Callable[[], Awaitable[Kept | None]]) -> Kept | None:
        known = self._known.get(key)
        if known is not None:
            return known
        generation = self._generation
        found = await read()
        if found is not None and self._live and generation == self._generation:
            self._known[key] = found
        return found

    def forget(self, key: str) -> None:
        self._generation += 1
        self._known.pop(key, None)

    def clear(self) -> None:
        self._generation += 1
        self._known.clear()

    def reset(self, *, live: bool) -> None:
        self._live = live
        self.clear()


def _ear(by_key: _Cache[Any], *derived: _Cache[Any]) -> Ear:
    """Forgets a changed document, and all that was derived from such."""

    def changed(document_key: str) -> None:
        by_key.forget(document_key)
        for each in derived:
            each.clear()

    def reset(live: bool) -> None:  # noqa: FBT001 - the shape that `Ear` has
        for each in (by_key, *derived):
            each.reset(live=live)

    return Ear(changed, reset)
