"""Definitions: make, read, change, remove; and their earlier versions."""

from typing import Annotated, Any

from fastapi import Body, Query
from starlette.requests import Request
from starlette.responses import Response

from api import conditions, defined, definition_guards, described, guards, merging, replies, routing
from api.context import Catalogues, Reads
from api.schemas import definition_views as views
from api.schemas.definitions import DefinitionBody
from core import errors
from core.definition import Definition

router = routing.router("definitions")

_PATH = "/definitions/{definition:path}"
_DEFINITION = described.answers(views.DefinitionView, "The definition.", headers=("ETag",))
_CHANGES = described.refusals(errors.PreconditionFailed, errors.Changed, errors.Conflict)
_CHUNK = 200

After = Annotated[str | None, Query(max_length=150, description="`next` of the page before")]
Before = Annotated[int | None, Query(ge=1, lt=2**31, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
QueueFilter = Annotated[str | None, Query(max_length=101, description="`namespace:name`")]
Version = Annotated[int | None, Query(ge=1, lt=2**31, description="An earlier version, as it was")]
Patch = Annotated[
    dict[str, Any], Body(examples=[{"retry": {"maxAttempts": 5}, "description": None}], description="RFC 7396")
]


@router.get("/definitions", responses=described.answers(views.DefinitionPageView, "A page of definitions, by name."))
async def list_definitions(
    *,
    request: Request,
    at: guards.Member,
    record: Reads,
    queue: QueueFilter = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List the definitions of the queues that the caller has any right in."""
    items: list[views.DefinitionView] = []
    while chunk := await record.definitions.page(at.tenant, after=after, limit=_CHUNK, queue=queue):
        for each in chunk:
            if await definition_guards.concerns(request, at.who, each):
                if len(items) == limit:
                    return replies.reply(views.DefinitionPageView(items=tuple(items), next=items[-1].name))
                items.append(defined.definition_view(each))
        after = chunk[-1].name
    return replies.reply(views.DefinitionPageView(items=tuple(items), next=None))


@router.put(
    _PATH,
    responses=_DEFINITION
    | described.answers(views.DefinitionView, "The definition is new.", status=201, headers=("ETag", "Location"))
    | _CHANGES,
)
async def put_definition(
    *,
    at: guards.Founding,
    definition: definition_guards.Name,
    body: DefinitionBody,
    catalogue: Catalogues,
    record: Reads,
    if_match: conditions.IfMatch = None,
    if_none_match: conditions.IfNoneMatch = None,
) -> Response:
    """Make a definition, or give it exactly these settings; tasks keep what they were made with.

    `If-Match` and `If-None-Match: *` as with queues. The queue of a definition never changes.
    """
    match = None
    if if_match is not None or conditions.must_be_new(if_none_match):
        there = await record.definitions.get(at.tenant, definition)
        if if_match is None and there is not None:
            raise errors.PreconditionFailed(f"Definition {definition} exists already.")
        match = conditions.matched(if_match, there.version if there else None, f"Definition {definition}")
    made, created = await catalogue.put(at.tenant, definition, body.fields(), by=at.by, match=match)
    return _definition(made, status=201 if created else 200)


@router.get(_PATH, responses=_DEFINITION | described.empty(304, "The caller has this version already."))
async def get_definition(
    at: definition_guards.Knowing,
    record: Reads,
    version: Version = None,
    if_none_match: conditions.IfNoneMatch = None,
) -> Response:
    """Read a definition as it is now, or as it was at an earlier version."""
    found = at.definition
    if version is not None and version != found.version:
        earlier = await record.definitions.versions(at.tenant, found.name, limit=1, before=version + 1)
        if not earlier or earlier[0].version != version:
            raise errors.NotFound(f"Definition {found.name} has no version {version}.")
        found = earlier[0]
    if conditions.unchanged(if_none_match, found.version):
        return replies.nothing(status=304, headers={"ETag": conditions.etag(found.version)})
    return _definition(found)


@router.patch(_PATH, responses=_DEFINITION | _CHANGES)
async def patch_definition(
    at: definition_guards.Managing, body: Patch, catalogue: Catalogues, if_match: conditions.IfMatch = None
) -> Response:
    """Change some settings of a definition (RFC 7396); null takes a setting back to its default."""
    was = at.definition
    conditions.matched(if_match, was.version, f"Definition {was.name}")
    wanted = merging.merged(defined.body_of(was), body, DefinitionBody)
    try:
        changed, _ = await catalogue.put(at.tenant, was.name, wanted.fields(), by=at.by, match=was.version)
    except errors.PreconditionFailed:
        if if_match is not None:
            raise
        raise errors.Changed(f"Definition {was.name} was changed at the same moment; try again.") from None
    return _definition(changed)


@router.delete(
    _PATH,
    status_code=204,
    responses=described.empty(204, "The definition is gone.")
    | described.refusals(errors.QueueNotEmpty, errors.PreconditionFailed, errors.Changed),
)
async def delete_definition(
    at: definition_guards.Managing, catalogue: Catalogues, if_match: conditions.IfMatch = None
) -> Response:
    """Delete a definition; open tasks of it refuse that with 409."""
    match = conditions.matched(if_match, at.definition.version, f"Definition {at.definition.name}")
    await catalogue.remove(at.definition, match=match)
    return replies.nothing(status=204)


@router.get(
    "/definition-places/{definition:path}",
    responses=described.answers(views.PlacesView, "How the definition's limit stands."),
)
async def list_definition_places(at: definition_guards.Knowing, record: Reads, limit: Limit = 100) -> Response:
    """List for which values at the key path tasks are held or wait, the fullest first.

    `held` never exceeds `limit`, except while tasks end that were held when the limit was lowered. A definition without
    a limit has null there.
    """
    limited = at.definition.concurrency
    slots = await record.seats.of_lane(at.tenant, at.definition.lane)
    fullest = sorted(slots, key=lambda slot: (slot.held, slot.called + slot.parked), reverse=True)[:limit]
    shown = tuple(defined.place_view(slot) for slot in fullest)
    return replies.reply(
        views.PlacesView(
            limit=None if limited is None else limited.limit,
            key=() if limited is None else limited.key,
            total=len(slots),
            items=shown,
        )
    )


@router.get(
    "/definition-versions/{definition:path}",
    responses=described.answers(views.DefinitionPageView, "A page of earlier versions, the newest first."),
)
async def list_definition_versions(
    at: definition_guards.Knowing, record: Reads, before: Before = None, limit: Limit = 100
) -> Response:
    """List what a definition was before."""
    found = await record.definitions.versions(at.tenant, at.definition.name, limit=limit + 1, before=before)
    items, more = found[:limit], len(found) > limit
    shown = tuple(defined.definition_view(each) for each in items)
    return replies.reply(views.DefinitionPageView(items=shown, next=str(items[-1].version) if more else None))


def _definition(definition: Definition, *, status: int = 200) -> Response:
    headers = {"ETag": conditions.etag(definition.version)}
    if status == 201:
        headers["Location"] = f"{routing.PREFIX}/definitions/{definition.name}"
    return replies.reply(defined.definition_view(definition), status=status, headers=headers)
