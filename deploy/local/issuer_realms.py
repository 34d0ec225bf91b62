"""The realms, users and clients of a local stack (DESIGN 10): read by its issuer, listed in its `local.json`."""

import uuid
from collections.abc import Iterator, Mapping

import msgspec

OUR_CLIENT = "penstock"
"""The client that stands for the API: its id is in every token's `aud`, and the service roles are its roles."""

_SUBJECTS = uuid.UUID("6f1d9a52-4d0c-4b53-9f0e-5f1b1f3c7a10")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person. The password is the user name."""

    username: str
    given_name: str
    family_name: str
    realm_roles: tuple[str, ...] = ()
    service_roles: tuple[str, ...] = ()
    """Roles of our own client: `task-admin` and the like."""

    @property
    def password(self) -> str:
        """What to log in with."""
        return self.username

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.given_name} {self.family_name}"

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles, as Penstock reads them."""
        return self.realm_roles + self.service_roles


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A program. One with a service account has a secret, which is its id; the others are public."""

    client_id: str
    passwords: bool = False
    """May trade a user's password for a token (Keycloak: direct access grants)."""
    code: bool = False
    """May send people to the login page (Keycloak: standard flow); always with PKCE."""
    service_account: bool = False
    service_roles: tuple[str, ...] = ()

    @property
    def secret(self) -> str | None:
        """What a confidential client proves itself with."""
        return self.client_id if self.service_account else None

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the service account, as Penstock reads them."""
        return self.service_roles


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """People who have roles together; those of a group below have them, too."""

    name: str
    realm_roles: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """User names."""
    below: "tuple[Group, ...]" = ()


PEOPLE = Client(client_id="penstock-people", service_account=True)
"""In every realm: the API looks up roles and people with it."""


class Realm(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant's users and clients."""

    name: str
    display_name: str
    users: tuple[User, ...]
    clients: tuple[Client, ...]
    groups: tuple[Group, ...] = ()
    composed: Mapping[str, tuple[str, ...]] = {}
    """Realm roles that bring others with them."""

    def realm_roles_of(self, user: User) -> tuple[str, ...]:
        """The realm roles that a user has in any way."""
        found = dict.fromkeys(user.realm_roles)
        for group, above in self.every_group():
            if user.username in group.members:
                found |= dict.fromkeys(role for each in (group, *above) for role in each.realm_roles)
        while more := {part for role in found for part in self.composed.get(role, ())} - found.keys():
            found |= dict.fromkeys(sorted(more))
        return tuple(found)

    def every_group(self) -> Iterator[tuple[Group, tuple[Group, ...]]]:
        """Every group with those above it."""
        left = [(group, tuple[Group, ...]()) for group in self.groups]
        while left:
            group, above = left.pop(0)
            yield group, above
            left += [(each, (group, *above)) for each in group.below]

    def user(self, username: str) -> User | None:
        """The user of that name, in any case of letters, as in Keycloak."""
        return next((user for user in self.users if user.username == username.lower()), None)

    def user_of(self, subject: str) -> User | None:
        """The user whose tokens have that `sub`."""
        return next((user for user in self.users if self.subject(user.username) == subject), None)

    def client(self, client_id: str) -> Client | None:
        """The client of that id."""
        return next((client for client in (*self.clients, PEOPLE) if client.client_id == client_id), None)

    def subject(self, username: str) -> str:
        """The `sub` of a user or service account: the same for ever, and another in every realm."""
        return str(uuid.uuid5(_SUBJECTS, f"{self.name}/{username}"))


_PUBLIC = (
    Client(client_id="penstock-cli", passwords=True, code=True),
    Client(client_id="penstock-console", code=True),
)
_INTAKE = Client(client_id="intake", service_account=True, service_roles=("task-writer",))

_PEOPLE = (
    User(username="ada", given_name="Ada", family_name="Admin", service_roles=("task-admin",)),
    User(username="ann", given_name="Ann", family_name="Supervisor", realm_roles=("supervisor",)),
    User(username="wim", given_name="Wim", family_name="Reviewer", realm_roles=("reviewer",)),
    User(username="wes", given_name="Wes", family_name="Reviewer", realm_roles=("reviewer",)),
    User(username="rex", given_name="Rex", family_name="Reader", service_roles=("task-reader",)),
    User(username="sub", given_name="Sue", family_name="Submitter", service_roles=("task-writer",)),
    User(username="nil", given_name="Nil", family_name="Nobody"),
)
_ROOT = User(username="root", given_name="Root", family_name="Operator", realm_roles=("platform-admin",))

REALMS = (
    Realm(name="core", display_name="Platform operators", users=(_ROOT,), clients=_PUBLIC),
    Realm(name="demo", display_name="Demo", users=_PEOPLE, clients=(*_PUBLIC, _INTAKE)),
    Realm(name="acme", display_name="Acme", users=_PEOPLE, clients=(*_PUBLIC, _INTAKE)),
)
