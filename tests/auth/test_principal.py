"""How a token's claims become a caller with roles, and what cannot be forged by naming a role cleverly."""

from datetime import UTC, datetime

import pytest

from auth import principal
from auth.principal import Access, Claims
from core import errors

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def claims(
    *realm: str, clients: dict[str, tuple[str, ...]] | None = None, name: str | None = None,
    preferred_username: str | None = None, email: str | None = None, azp: str | None = None,
    client_id: str | None = None, sub: str = "s1",
) -> Claims:  # fmt: skip
    return Claims(
        iss="http://issuer",
        sub=sub,
        exp=0,
        realm_access=Access(roles=realm),
        resource_access={client: Access(roles=roles) for client, roles in (clients or {}).items()},
        name=name,
        preferred_username=preferred_username,
        email=email,
        azp=azp,
        client_id=client_id,
    )


def made(read: Claims, tenant: str = "demo") -> principal.Principal:
    return principal.from_claims(read, tenant=tenant, client_id="penstock", expires_at=LATER)


def test_realm_roles_stay_client_roles_are_qualified_and_our_own_clients_count_both_ways() -> None:
    roles = made(claims("reviewer", clients={"penstock": ("task-writer",), "hr": ("boss",)})).roles
    assert roles == {"reviewer", "penstock:task-writer", "task-writer", "hr:boss"}


@pytest.mark.parametrize("client", ["hr", "penstock2", "Penstock", "penstock:x", "", ":", "task-admin"])
def test_another_clients_service_role_stays_qualified(client: str) -> None:
    assert "task-admin" not in made(claims(clients={client: ("task-admin",)})).roles


def test_a_role_of_our_client_cannot_pass_for_one_of_another_client() -> None:
    assert made(claims(clients={"penstock": ("hr:boss",)})).roles == {"penstock:hr:boss"}


def test_a_realm_role_named_like_a_service_role_is_one() -> None:
    assert "task-admin" in made(claims("task-admin")).roles


def test_no_roles_at_all() -> None:
    bare = Claims(iss="http://issuer", sub="s1", exp=0)
    assert made(bare).roles == frozenset()


@pytest.mark.parametrize(
    ("tenant", "roles", "operator"),
    [
        ("core", ("platform-admin",), True),
        ("core", ("task-admin",), False),
        ("demo", ("platform-admin",), False),
        ("Core", ("platform-admin",), False),
    ],
)
def test_operators_are_platform_admins_of_core_alone(tenant: str, roles: tuple[str, ...], *, operator: bool) -> None:
    assert made(claims(*roles), tenant).is_operator is operator


def test_our_clients_platform_admin_in_core_is_an_operator_too() -> None:
    assert made(claims(clients={"penstock": ("platform-admin",)}), "core").is_operator
    assert not made(claims(clients={"hr": ("platform-admin",)}), "core").is_operator


def test_an_operator_acts_in_a_tenant_without_the_roles_it_has_in_core() -> None:
    root = made(claims("platform-admin", "reviewer", "task-writer"), "core")
    acting = root.acting_in("acme")
    assert (acting.tenant, acting.home, acting.subject) == ("acme", "core", root.subject)
    assert acting.roles == {"platform-admin", "task-admin"}
    assert acting.is_operator


def test_nobody_else_acts_in_another_tenant() -> None:
    with pytest.raises(errors.Forbidden, match="platform-admin"):
        made(claims("platform-admin", "task-admin"), "demo").acting_in("acme")


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (claims(preferred_username="service-account-intake", client_id="intake"), "service"),
        (claims(preferred_username="service-account-intake", azp="Intake"), "service"),
        (claims(sub="m2m", azp="m2m"), "service"),
        (claims(preferred_username="ada", azp="penstock-cli"), "user"),
        (claims(preferred_username="service-account-intake", azp="penstock-cli"), "user"),
        (claims(preferred_username="service-account-intake"), "user"),
    ],
)
def test_a_client_that_speaks_for_itself_is_a_service(read: Claims, kind: str) -> None:
    assert made(read).kind == kind


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (claims(name="Ada Admin", preferred_username="ada"), "Ada Admin"),
        (claims(name="", preferred_username="ada"), "ada"),
        (claims(), "s1"),
    ],
)
def test_the_name_is_the_best_there_is(read: Claims, name: str) -> None:
    assert made(read).name == name


def test_an_empty_address_is_none() -> None:
    assert made(claims(email="")).email is None
    assert made(claims(email="ada@demo.example")).email == "ada@demo.example"
