"""`penstock tenants`: list, show, put, create, set, delete, export, restore."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from penstock import errors
from penstock.cli import arguments, output
from penstock.cli.shared import Session, command
from penstock.models.platform import Tenant

TenantId = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Tenants: for operators, and a tenant's own administrators.", no_args_is_help=True)
    command(group, "list")(list_tenants)
    for function in (show, put, create):
        command(group)(function)
    command(group, "set")(change)
    for function in (delete, export, restore):
        command(group)(function)
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


def create(
    session: Session,
    tenant_id: TenantId,
    *,
    admin: Annotated[str, typer.Option(help="The first admin's user name.")],
    email: Annotated[str, typer.Option(help="The first admin's e-mail address.")],
    given_name: Annotated[str | None, typer.Option(help="The first admin's given name.")] = None,
    family_name: Annotated[str | None, typer.Option(help="The first admin's family name.")] = None,
    display_name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role for bindings; may be repeated.")] = None,
    service_client: Annotated[str | None, typer.Option(help="The program's client; intake unless named.")] = None,
) -> None:
    """Make a tenant with a realm of its own. What its people begin with is shown this once."""
    names = {"username": admin, "email": email, "givenName": given_name, "familyName": family_name}
    person = {name: value for name, value in names.items() if value is not None}
    with session.client() as client:
        found = client.tenants.create(
            tenant_id, admin=person, display_name=display_name, roles=role, service_client=service_client
        )
    session.show(found, lambda: _shown(found))


def delete(
    session: Session,
    tenant_id: TenantId,
    *,
    grace: Annotated[str | None, typer.Option(help="Erase it after so long: 30d, 0s.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Shut a tenant out at once, and erase everything of it after its grace."""
    if not yes and not typer.confirm(f"Delete tenant {tenant_id} with everything it owns?", err=True):
        raise errors.UsageError("Nothing was done.")
    with session.client() as client:
        found = client.tenants.delete(tenant_id, grace=arguments.seconds(grace))
    when = "" if found.erase_at is None else f" It is erased at {found.erase_at.astimezone():%Y-%m-%d %H:%M}."
    session.say(f"Tenant {found.id} is shut out.{when}", found)


def export(
    session: Session,
    tenant_id: TenantId,
    file: Annotated[str, typer.Argument(help="Where it is written; - for standard output.", metavar="FILE")] = "-",
) -> None:
    """Write everything that a tenant owns as NDJSON; secrets are left out."""
    with session.client() as client:
        pieces = client.tenants.export(tenant_id)
        if file == "-":
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        with Path(file).open("wb") as kept:
            size = sum(kept.write(piece) for piece in pieces)
    session.say(f"Wrote {size:,} bytes to {file}.", {"file": file, "bytes": size})


def restore(
    session: Session,
    tenant_id: TenantId,
    file: Annotated[str, typer.Argument(help="What `export` wrote.", metavar="FILE")],
) -> None:
    """Bring back into an empty tenant what an export holds."""
    with session.client() as client:
        found = client.tenants.restore(tenant_id, file)
    counts = ", ".join(f"{count} {name}" for name, count in found.documents.items()) or "nothing"
    session.say(f"Tenant {tenant_id} has {counts} again.", found)


def _shown(tenant: Tenant) -> object:
    return output.members(tenant.model_dump(by_alias=True).items())
