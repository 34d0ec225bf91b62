"""What a tenant's admin does to a definition: make, change, remove; every version stays readable."""

from collections.abc import Mapping
from typing import Any

from broker.directory import Directory
from broker.places import Places
from broker.rabbit import topology
from broker.rabbit.management import Lanes
from core import builtins, errors, ids, import_tasks, schemas
from core.clock import Clock
from core.definition import Definition, TargetKind
from core.errors import Fault
from core.task import Actor
from store.definitions import Definitions

RESERVED = "awf."
"""Names that begin so are those of built-in tasks (contract aidbox 7)."""
_TRIES = 20


class Catalogue:
    """The operations on definitions, for one process."""

    def __init__(
        self,
        definitions: Definitions,
        directory: Directory,
        lanes: Lanes,
        places: Places,
        *,
        clock: Clock,
        prefix: str,
    ) -> None:
        self._definitions = definitions
        self._directory = directory
        self._lanes = lanes
        self._places = places
        self._clock = clock
        self._prefix = prefix

    async def put(
        self, tenant: str, name: str, fields: Mapping[str, Any], *, by: Actor, match: int | None
    ) -> tuple[Definition, bool]:
        """Make the definition, or give it exactly these settings (attribute names of `Definition`); True if it is new.

        Raises `Invalid` with the place of what cannot be, `Conflict` when another queue is named than it belongs to,
        `PreconditionFailed` when it is not at the version `match`.
        """
        fields = import_tasks.with_schema(fields)
        await self._check(tenant, name, fields)
        at = self._clock()
        for _ in range(_TRIES):
            there = await self._definitions.get(tenant, name)
            if match is not None and (there is None or there.version != match):
                raise errors.PreconditionFailed(f"Definition {name} is not at version {match} (any more).")
            if there is None:
                made = Definition(
                    tenant=tenant, name=name, lane=ids.new_id(), version=await self._next(tenant, name), created_at=at,
                    created_by=by, updated_at=at, updated_by=by, **fields,
                )  # fmt: skip
                try:
                    await self._definitions.insert(tenant, made)
                except errors.AlreadyExists:
                    continue
                self._directory.forget_definition(tenant, name)
                return made, True
            if there.queue != fields["queue"]:
                raise errors.Conflict(
                    f"Definition {name} belongs to the queue {there.queue}; delete it to bind the name to another one."
                )
            changed = Definition(
                tenant=tenant, name=name, lane=there.lane, version=there.version + 1, created_at=there.created_at,
                created_by=there.created_by, updated_at=at, updated_by=by, **fields,
            )  # fmt: skip
            if await self._definitions.replace(tenant, changed, was=there):
                self._directory.forget_definition(tenant, name)
                if there.concurrency is None:
                    await self._places.adopt(changed)
                return changed, False
        raise errors.Changed(retry_after=1.0)

    async def remove(self, definition: Definition, *, match: int | None) -> None:
        """Remove the definition. Its tasks go on with what they took from it; new ones are refused.

        Raises `QueueNotEmpty` while open tasks of it wait in its lane, `PreconditionFailed`.
        """
        tenant, name = definition.tenant, definition.name
        if match is not None and definition.version != match:
            raise errors.PreconditionFailed(f"Definition {name} is at version {definition.version}, not {match}.")
        open_tasks = await self._definitions.open_tasks(tenant, definition)
        if open_tasks:
            raise errors.QueueNotEmpty(
                f"Definition {name} has open tasks; let them end or cancel them first.", extra={"open": open_tasks}
            )
        if not await self._definitions.remove(tenant, definition):
            raise errors.Changed(retry_after=1.0)
        self._directory.forget_definition(tenant, name)
        await self._lanes.drop(topology.lane(self._prefix, tenant, definition.lane))

    async def _next(self, tenant: str, name: str) -> int:
        """The number of the first version of a name: one that was deleted before goes on counting."""
        earlier = await self._definitions.versions(tenant, name, limit=1)
        return earlier[0].version + 1 if earlier else 1

    async def _check(self, tenant: str, name: str, fields: Mapping[str, Any]) -> None:
        faults: list[Fault] = []
        if ids.DEFINITION.fullmatch(name) is None:
            faults.append(Fault(field="name", message=f"must match {ids.DEFINITION.pattern}"))
        target = fields["target"]
        if name.startswith(RESERVED) and target.kind is not TargetKind.BUILTIN:
            faults.append(Fault(field="name", message=f"names beginning with '{RESERVED}' are for built-in tasks"))
        if target.kind is TargetKind.BUILTIN and target.name not in (*builtins.NAMES, import_tasks.TASK):
            known = ", ".join((*builtins.NAMES, import_tasks.TASK))
            faults.append(Fault(field="target.name", message=f"there is no built-in {target.name}; there are {known}"))
        if target.name in builtins.NAMES and fields.get("concurrency") is not None:
            faults.append(Fault(field="concurrency", message=f"tasks of {target.name} are not limited"))
        try:
            await self._directory.queue(tenant, fields["queue"])
        except errors.NotFound as error:
            faults.append(Fault(field="queue", message=error.detail))
        if faults:
            raise errors.Invalid("The definition cannot be kept.", faults=faults)
        for field, schema in (
            ("paramsSchema", fields.get("params_schema")),
            ("resultSchema", fields.get("result_schema")),
            ("errorSchema", fields.get("error_schema")),
        ):
            if schema is not None:
                schemas.check_schema(schema, field)
