"""What answers about roles and people look like."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import View


class RoleView(View, frozen=True, kw_only=True, rename="camel"):
    """A role that a queue can be bound to."""

    name: Annotated[str, Meta(description="As bindings name it: a realm role as it is, a client's as `client:role`")]
    client: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    composite: Annotated[bool, Meta(description="It brings other roles with it.")]


class RolesView(View, frozen=True, kw_only=True, rename="camel"):
    """The roles of the tenant, by name."""

    items: tuple[RoleView, ...]


class PersonView(View, frozen=True, kw_only=True, rename="camel"):
    """Somebody of the tenant."""

    id: Annotated[str, Meta(description="The subject of their tokens: what `assign` takes")]
    name: str
    username: str
    email: str | UnsetType = UNSET


class PeopleView(View, frozen=True, kw_only=True, rename="camel"):
    """People by name, and where the next page begins."""

    items: tuple[PersonView, ...]
    next: str | None
