"""Roles of a tenant and the people who have them, from its identity provider."""

from typing import Annotated, Any, ClassVar, Literal, cast

from fastapi import Query
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from api import described, guards, replies, routing
from api.context import Lookup, Reads
from api.schemas import people_views as views
from api.schemas.common import Text
from auth import policy
from auth.people import People, Person
from auth.policy import Action
from core import errors
from store.queues import Queues
from store.tenants import Tenants

router = routing.router("people")


class PeopleParams(BaseModel):
    """Whom to list: who has some roles, or who is bound to a queue."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    role: Annotated[list[Text], Field(max_length=50)] = []
    queue: Annotated[str, Field(max_length=101)] | None = None
    binding: Literal["submitters", "workers", "assigners", "readers"] = "workers"
    search: Text | None = Field(default=None, description="Part of name, user name or e-mail address")
    after: Annotated[str, Field(max_length=9, pattern=r"^\d+$", description="`next` of the page before")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    @model_validator(mode="after")
    def _one_way(self) -> "PeopleParams":
        if bool(self.role) == (self.queue is not None):
            raise PydanticCustomError("one", "give role or queue, one of them")
        return self


@router.get("/roles", responses=described.answers(views.RolesView, "All roles.") | described.refusals(errors.Conflict))
async def list_roles(at: guards.Founding, people: Lookup, record: Reads) -> Response:
    """List the roles that queues can be bound to; as the identity provider said within the last minute."""
    found = await people.roles(at.tenant, await issuer(record.tenants, at.tenant))
    items = (
        views.RoleView(
            name=role.name,
            client=UNSET if role.client is None else role.client,
            description=UNSET if role.description is None else role.description,
            composite=role.composite,
        )
        for role in found
    )
    return replies.reply(views.RolesView(items=tuple(items)))


@router.get(
    "/people",
    responses=described.answers(views.PeopleView, "A page of people, by name.") | described.refusals(errors.Conflict),
)
async def list_people(
    at: guards.Member, asked: Annotated[PeopleParams, Query()], people: Lookup, record: Reads
) -> Response:
    """List who has a role, in whatever way: directly, by a group, or by a role that brings it.

    With `queue`, who is bound to it as `binding` says; that needs the right to read there, `role` to manage queues.
    """
    roles = asked.role if asked.queue is None else await _bound(record.queues, at, asked.queue, asked.binding)
    if asked.queue is None:
        at.require(Action.MANAGE)
    found = await of_roles(people, record.tenants, at.tenant, roles)
    if asked.search is not None:
        part = asked.search.casefold()
        found = [each for each in found if part in f"{each.name}\n{each.username}\n{each.email or ''}".casefold()]
    first = int(asked.after or 0)
    upto = first + asked.limit
    items = tuple(_view(each) for each in found[first:upto])
    return replies.reply(views.PeopleView(items=items, next=str(upto) if upto < len(found) else None))


async def of_roles(people: People, tenants: Tenants, tenant: str, roles: list[str]) -> list[Person]:
    """Everybody who has one of the roles."""
    return await people.of_roles(tenant, await issuer(tenants, tenant), roles)


async def issuer(tenants: Tenants, tenant: str) -> str:
    """Who issues the tenant's tokens."""
    found = await tenants.get(tenant)
    if found is None:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    return found.issuer


async def _bound(queues: Queues, at: guards.InTenant, key: str, binding: str) -> list[str]:
    queue = await queues.get(at.tenant, key)
    if queue is None:
        raise errors.NotFound(f"There is no queue {key}.")
    policy.require(at.who, Action.READ, queue.bindings)
    return [*cast("tuple[str, ...]", getattr(queue.bindings, binding))]


def _view(person: Person) -> views.PersonView:
    email: Any = UNSET if person.email is None else person.email
    return views.PersonView(id=person.id, name=person.name, username=person.username, email=email)
