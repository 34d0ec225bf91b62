"""Flow templates: what a tenant's admin does to them, and the versions that flows are planned by, remembered."""

import contextlib
from typing import Any

import cachetools
import msgspec

from broker.directory import Directory
from core import errors, flow_check, flow_parse, ids, import_tasks
from core.clock import Clock
from core.errors import Fault
from core.flow_check import Names
from core.flow_template import StoredTemplate, Template
from core.task import Actor
from store.flow_templates import FlowTemplates

_TRIES = 20
_MOST_KEPT = 5_000


class Templates:
    """The operations on flow templates, for one process."""

    def __init__(self, record: FlowTemplates, directory: Directory, *, clock: Clock) -> None:
        self._record = record
        self._directory = directory
        self._clock = clock
        self._versions: cachetools.LRUCache[tuple[str, str, int], StoredTemplate] = cachetools.LRUCache(_MOST_KEPT)

    async def get(self, tenant: str, name: str) -> StoredTemplate:
        """The template as it is now; raises `NotFound`."""
        return await self._directory.template(tenant, name)

    async def version(self, tenant: str, name: str, version: int) -> StoredTemplate:
        """One version, which never changes; raises `NotFound`."""
        key = (tenant, name, version)
        found = self._versions.get(key) or await self._record.version(tenant, name, version)
        if found is None:
            raise errors.NotFound(f"Flow template {name} has no version {version}.")
        self._versions[key] = found
        return found

    async def put(
        self, tenant: str, name: str, body: Any, *, by: Actor, match: int | None
    ) -> tuple[StoredTemplate, bool]:
        """Store a template, read from JSON; True when it is new.

        Raises `Invalid` with every fault and its path, `PreconditionFailed` when it is not at the version `match`.
        """
        content = await self.checked(tenant, name, body)
        at = self._clock()
        for _ in range(_TRIES):
            there = await self._record.get(tenant, name)
            if match is not None and (there is None or there.version != match):
                raise errors.PreconditionFailed(f"Flow template {name} is not at version {match} (any more).")
            made = StoredTemplate(
                tenant=tenant,
                name=name,
                version=await self._record.newest_version(tenant, name) + 1,
                lane=ids.new_id() if there is None or there.content.queue != content.queue else there.lane,
                content=content,
                created_at=at if there is None else there.created_at,
                created_by=by if there is None else there.created_by,
                updated_at=at,
                updated_by=by,
            )
            try:
                if there is None:
                    await self._record.insert(tenant, made)
                elif not await self._record.replace(tenant, made, was=there.version):
                    continue
            except errors.AlreadyExists:
                continue
            self._directory.forget_template(tenant, name)
            return made, there is None
        raise errors.Changed(retry_after=1.0)

    async def remove(self, template: StoredTemplate, *, match: int | None) -> None:
        """Remove a template; flows that were started by it go on. Raises `PreconditionFailed`, `Changed`."""
        if match is not None and template.version != match:
            raise errors.PreconditionFailed(
                f"Flow template {template.name} is at version {template.version}, not {match}."
            )
        if not await self._record.remove(template.tenant, template.name, was=template.version):
            raise errors.Changed(retry_after=1.0)
        self._directory.forget_template(template.tenant, template.name)

    async def checked(self, tenant: str, name: str, body: Any) -> Template:
        """The template that a body describes, all that it names being there; raises `Invalid`."""
        if ids.DEFINITION.fullmatch(name) is None:
            raise errors.Invalid(
                "The name cannot be.", faults=[Fault(field="name", message=f"must match {ids.DEFINITION.pattern}")]
            )
        content = flow_parse.parse(name, body)
        if name == import_tasks.WORKFLOW and content.params_schema is None:
            content = msgspec.structs.replace(content, params_schema=import_tasks.WORKFLOW_SCHEMA)
        try:
            await self._directory.queue(tenant, content.queue)
        except errors.NotFound as error:
            raise errors.Invalid(error.detail, faults=[Fault(field="queue", message=error.detail)]) from None
        flow_check.check(content, await self.known(tenant, flow_check.mentions(content)))
        return content

    async def known(self, tenant: str, names: Names) -> Names:
        """Those of the names that exist."""
        definitions = {name for name in names.definitions if await self._defined(tenant, name)}
        templates = {name for name in names.templates if await self._record.get(tenant, name) is not None}
        return Names(definitions=frozenset(definitions), templates=frozenset(templates))

    async def encrypts(self, template: StoredTemplate) -> bool:
        """Whether flows of it are kept sealed: its own queue, or one of its definitions, asks for that."""
        tenant, known, left = template.tenant, {template.name}, [template.content]
        while left:
            content = left.pop()
            if (await self._directory.queue(tenant, content.queue)).encrypt_payloads:
                return True
            names = flow_check.mentions(content)
            for name in names.definitions:
                with contextlib.suppress(errors.NotFound):
                    definition = await self._directory.definition(tenant, name)
                    if (await self._directory.queue(tenant, definition.queue)).encrypt_payloads:
                        return True
            for name in names.templates - known:
                known.add(name)
                with contextlib.suppress(errors.NotFound):
                    left.append((await self._directory.template(tenant, name)).content)
        return False

    async def _defined(self, tenant: str, name: str) -> bool:
        try:
            await self._directory.definition(tenant, name)
        except errors.NotFound:
            return False
        return True
