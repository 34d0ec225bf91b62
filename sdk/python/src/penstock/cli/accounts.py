"""Who is calling: login, logout, token, me, profiles."""

import asyncio
import os
import sys
from typing import Annotated

import httpx
import typer

from penstock import connection, errors, profiles, tokens
from penstock.cli import output
from penstock.cli.shared import Session, command
from penstock.client import Client

_CLIENT = "penstock-cli"


def add(app: typer.Typer) -> None:
    """Register the commands."""
    for function in (login, logout, token, me):
        command(app)(function)
    command(app, "profiles")(list_profiles)


def login(
    session: Session,
    *,
    issuer: Annotated[
        str | None, typer.Option(help="The OpenID issuer, for example https://id.example.org/realms/demo.")
    ] = None,
    client_id: Annotated[str, typer.Option(help="The client to sign in with.")] = _CLIENT,
    client_secret: Annotated[
        str | None, typer.Option(help="For a program's own account instead of a person's; or PENSTOCK_CLIENT_SECRET.")
    ] = None,
    username: Annotated[str | None, typer.Option("--username", "-u", help="Whose account.")] = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
) -> None:
    """Sign in, and remember it as a profile.

    The password is asked for, or taken from PENSTOCK_PASSWORD; it is not kept, only what the issuer gave for it. With
    --local nothing has to be said: the local stack's file knows everything.
    """
    if session.local or session.who:
        _login_local(session)
        return
    if session.url is None or issuer is None:
        raise errors.UsageError("Say --url and --issuer, or --local for the local stack.")
    secret = client_secret or os.environ.get("PENSTOCK_CLIENT_SECRET")
    if secret is not None and username is None:
        _keep(session, issuer, tokens.ClientCredentials(issuer=issuer, client_id=client_id, client_secret=secret))
        return
    username = username or str(typer.prompt("Username", err=True))
    provider = tokens.Password(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret,
        username=username,
        password=_password(stdin=password_stdin),
    )
    _keep(session, issuer, provider)


def logout(session: Session) -> None:
    """Forget a profile."""
    book = profiles.Profiles(profiles.config_file())
    name = session.profile or book.names()[0]
    if not book.remove(name):
        raise errors.UsageError(f"There is no profile {name!r}.")
    session.say(f"Forgot {name}.", {"profile": name})


def token(session: Session) -> None:
    """Print a bearer token, for curl and the like."""
    with session.client() as client:
        found = client.token()
    if found is None:
        raise errors.UsageError("This connection has no token.")
    session.say(found, {"token": found})


def me(session: Session) -> None:
    """Show who the server takes you for."""
    with session.client() as client:
        found = client.me()
        session.show(
            found,
            lambda: output.members(
                [
                    ("server", client.url),
                    ("tenant", found.tenant),
                    ("name", found.name),
                    ("email", found.email),
                    ("kind", "operator" if found.operator else found.kind),
                    ("roles", found.roles),
                ]
            ),
        )


def list_profiles(
    session: Session,
    *,
    use: Annotated[str | None, typer.Option(help="Make this one the current profile.")] = None,
) -> None:
    """List the profiles; the current one is marked."""
    book = profiles.Profiles(profiles.config_file())
    if use is not None:
        chosen = book.get(use)
        if chosen is None:
            raise errors.UsageError(f"There is no profile {use!r}.")
        book.put(chosen, use, current=True)
    current, names = book.names()
    rows = [(name, book.get(name)) for name in names]
    shown = [
        {"name": name, "current": name == current, "url": p.url, "user": p.username or p.client_id, "tenant": p.tenant}
        for name, p in rows
        if p is not None
    ]
    session.show(
        shown,
        lambda: output.table(
            ("", "name", "server", "as"),
            [("*" if each["current"] else "", each["name"], each["url"], each["user"]) for each in shown],
        ),
    )


def _login_local(session: Session) -> None:
    who = session.who or connection.DEFAULT_LOCAL
    found = connection.local(who)
    assert found.provider is not None
    assert found.issuer is not None
    _keep(session, found.issuer, found.provider, url=found.url, name="local")


def _keep(
    session: Session, issuer: str, provider: tokens.TokenProvider, *, url: str | None = None, name: str | None = None
) -> None:
    """Prove the sign-in with a call, then remember what it gave."""
    url = url or session.url or ""
    grant = asyncio.run(_grant(provider))
    with Client(url, token=grant.access_token, tenant=session.tenant) as client:
        found = client.me()
    username, client_id, secret = _identity(provider)
    profile = profiles.Profile(
        url=url,
        tenant=session.tenant,
        issuer=issuer,
        client_id=client_id,
        client_secret=secret,
        username=username,
        refresh_token=grant.refresh_token,
        access_token=grant.access_token,
        renew_at=grant.renew_at,
    )
    book = profiles.Profiles(profiles.config_file())
    kept = book.put(profile, session.profile or name, current=True)
    session.say(
        f"Signed in to {url} as {found.name or found.subject} (tenant {found.tenant}); kept as profile {kept}.",
        {"profile": kept, "url": url, "tenant": found.tenant, "subject": found.subject, "name": found.name},
    )


async def _grant(provider: tokens.TokenProvider) -> tokens.Grant:
    async with httpx.AsyncClient(timeout=15) as http:
        return await provider.fetch(http, None)


def _identity(provider: tokens.TokenProvider) -> tuple[str | None, str | None, str | None]:
    match provider:
        case tokens.Password(username=username, client_id=client_id, client_secret=secret):
            return username, client_id, None if secret is None else str(secret)
        case tokens.ClientCredentials(client_id=client_id, client_secret=secret):
            return None, client_id, None if secret is None else str(secret)
        case _:
            return None, None, None


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\n")
    if found := os.environ.get("PENSTOCK_PASSWORD"):
        return found
    if not sys.stdin.isatty():
        raise errors.UsageError("There is nobody to ask for the password: use --password-stdin or PENSTOCK_PASSWORD.")
    return str(typer.prompt("Password", hide_input=True, err=True))
