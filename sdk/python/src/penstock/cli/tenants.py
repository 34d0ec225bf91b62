"""`penstock tenants`: list, show, put, set."""

from typing import Annotated

import typer

from penstock.cli import arguments, output
from penstock.cli.shared import Session, command
from penstock.models.platform import Tenant

TenantId = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Tenants: for operators, and a tenant's own administrators.", no_args_is_help=True)
    command(group, "list")(list_tenants)
    for function in (show, put):
        command(group)(function)
    command(group, "set")(change)
    app.add_typer(group, name="tenants")


def list_tenants(session: Session) -> None:
    """List all tenants."""
    with session.client() as client:
        found = list(client.tenants.list())
    if session.as_json:
        for tenant in found:
            output.print_json(tenant)
        return
    rows = [(tenant.id, tenant.display_name, tenant.issuer) for tenant in found]
    output.show(output.table(("tenant", "name", "issuer"), rows))


def show(session: Session, tenant_id: TenantId) -> None:
    """Show a tenant."""
    with session.client() as client:
        found = client.tenants.get(tenant_id)
    session.show(found, lambda: _shown(found))


def put(
    session: Session,
    tenant_id: TenantId,
    *,
    issuer: Annotated[str, typer.Option(help="Its OpenID issuer.")],
    display_name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
) -> None:
    """Attach a tenant to its issuer."""
    with session.client() as client:
        found = client.tenants.put(tenant_id, issuer=issuer, display_name=display_name)
    session.say(f"Tenant {found.id} is {found.issuer}.", found)


def change(
    session: Session,
    tenant_id: TenantId,
    settings: Annotated[list[str], typer.Argument(help="What to change.", metavar="NAME=VALUE...")],
) -> None:
    """Change settings of a tenant, for example policyUrl=https://policy.example.org."""
    with session.client() as client:
        found = client.tenants.update(tenant_id, arguments.assignments(settings))
    session.say(f"Tenant {found.id} was changed.", found)


def _shown(tenant: Tenant) -> object:
    return output.members(tenant.model_dump(by_alias=True).items())
