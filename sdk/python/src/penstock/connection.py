"""Which server, as whom: from arguments, the environment, a profile, or the local stack, in this order.

PENSTOCK_URL ........................................ the server
PENSTOCK_TOKEN ...................................... a token, or with PENSTOCK_ISSUER and PENSTOCK_CLIENT_ID
PENSTOCK_CLIENT_SECRET .............................. a program's own account, or
PENSTOCK_USERNAME, PENSTOCK_PASSWORD ................ a person's
PENSTOCK_TENANT ..................................... the tenant that an operator acts in
PENSTOCK_PROFILE, PENSTOCK_CONFIG ................... another profile, another file of profiles
PENSTOCK_LOCAL ...................................... `ada`, `wim@acme`, `intake`: somebody of the local stack
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from penstock import errors, profiles, tokens

DEFAULT_LOCAL = "ada@demo"
_LOCAL_FILE = "local.json"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A server, and who is calling it."""

    url: str
    provider: tokens.TokenProvider | None = None
    tenant: str | None = None
    issuer: str | None = None
    who: str = ""
    """For people: whose account this is."""


class _LocalUser(BaseModel):
    realm: str
    username: str
    password: str


class _LocalClient(BaseModel):
    realm: str
    client_id: str
    client_secret: str


class LocalStack(BaseModel):
    """What `local.json` of a local stack says, as far as it matters here."""

    api: str
    auth: str
    client_id: str
    users: tuple[_LocalUser, ...] = ()
    clients: tuple[_LocalClient, ...] = ()


def find(*, profile: str | None = None, environ: Mapping[str, str] = os.environ) -> Connection:
    """The connection that the environment or a profile describes. Raises UsageError when nothing does."""
    if profile is None and environ.get("PENSTOCK_LOCAL"):
        return local(environ["PENSTOCK_LOCAL"], environ=environ)
    if profile is None and environ.get("PENSTOCK_URL"):
        return _of_environment(environ)
    name = profile or environ.get("PENSTOCK_PROFILE") or None
    book = profiles.Profiles(profiles.config_file(environ))
    found = book.get(name)
    if found is None:
        what = f"There is no profile {name!r}" if name else "No server is chosen"
        raise errors.UsageError(f"{what}: run `penstock login`, set PENSTOCK_URL, or use --local.")
    return _of_profile(found, name or book.names()[0], book, environ)


def local(who: str = DEFAULT_LOCAL, *, environ: Mapping[str, str] = os.environ) -> Connection:
    """The local stack, as `name` or `name@realm` of it: a user or a service client. Raises UsageError."""
    file = _local_file(environ)
    try:
        stack = LocalStack.model_validate_json(file.read_bytes())
    except OSError as error:
        raise errors.UsageError(
            f"No local stack runs here: {file} is not there. Start one with `penstock dev`."
        ) from error
    except ValidationError as error:
        raise errors.UsageError(f"{file} is not what a local stack writes.") from error
    name, _, realm = who.partition("@")
    realm = realm or ("core" if name == "root" else "demo")
    issuer = f"{stack.auth.rstrip('/')}/realms/{realm}"
    provider = _local_provider(stack, issuer, name, realm)
    if provider is None:
        known = sorted(
            {f"{u.username}@{u.realm}" for u in stack.users} | {f"{c.client_id}@{c.realm}" for c in stack.clients}
        )
        raise errors.UsageError(f"The local stack has no {name}@{realm}. It has {', '.join(known)}.")
    tenant = environ.get("PENSTOCK_TENANT")
    return Connection(url=stack.api, provider=provider, tenant=tenant, issuer=issuer, who=f"{name}@{realm}")


def _local_provider(stack: LocalStack, issuer: str, name: str, realm: str) -> tokens.TokenProvider | None:
    for user in stack.users:
        if (user.username, user.realm) == (name, realm):
            return tokens.Password(
                issuer=issuer, client_id=stack.client_id, username=user.username, password=user.password
            )
    for client in stack.clients:
        if (client.client_id, client.realm) == (name, realm):
            return tokens.ClientCredentials(
                issuer=issuer, client_id=client.client_id, client_secret=client.client_secret
            )
    return None


def _local_file(environ: Mapping[str, str]) -> Path:
    """`local.json` of the stack that PENSTOCK_HOME names, else of `.penstock` here or in a folder above."""
    if environ.get("PENSTOCK_HOME"):
        return Path(environ["PENSTOCK_HOME"]).expanduser() / _LOCAL_FILE
    here = Path.cwd()
    candidates = [folder / ".penstock" / _LOCAL_FILE for folder in (here, *here.parents)]
    return next((each for each in candidates if each.exists()), candidates[0])


def _of_environment(environ: Mapping[str, str]) -> Connection:
    issuer, client_id = environ.get("PENSTOCK_ISSUER"), environ.get("PENSTOCK_CLIENT_ID")
    provider: tokens.TokenProvider | None = None
    who = ""
    if token := environ.get("PENSTOCK_TOKEN"):
        provider, who = tokens.StaticToken(token), "PENSTOCK_TOKEN"
    elif issuer and client_id and (username := environ.get("PENSTOCK_USERNAME")):
        password = environ.get("PENSTOCK_PASSWORD", "")
        secret = environ.get("PENSTOCK_CLIENT_SECRET")
        provider, who = (
            tokens.Password(
                issuer=issuer, client_id=client_id, client_secret=secret, username=username, password=password
            ),
            username,
        )
    elif issuer and client_id:
        secret = environ.get("PENSTOCK_CLIENT_SECRET")
        provider, who = tokens.ClientCredentials(issuer=issuer, client_id=client_id, client_secret=secret), client_id
    return Connection(
        url=environ["PENSTOCK_URL"], provider=provider, tenant=environ.get("PENSTOCK_TENANT"), issuer=issuer, who=who
    )


def _of_profile(
    profile: profiles.Profile, name: str, book: profiles.Profiles, environ: Mapping[str, str]
) -> Connection:
    provider: tokens.TokenProvider | None = None
    if profile.issuer and profile.client_id and profile.refresh_token:
        provider = tokens.RefreshToken(
            issuer=profile.issuer,
            client_id=profile.client_id,
            client_secret=profile.client_secret,
            refresh_token=profile.refresh_token,
            on_grant=lambda grant: book.remember(name, grant),
            first=_first(profile),
        )
    elif profile.issuer and profile.client_id and profile.client_secret:
        provider = tokens.ClientCredentials(
            issuer=profile.issuer, client_id=profile.client_id, client_secret=profile.client_secret
        )
    elif profile.access_token:
        provider = tokens.StaticToken(profile.access_token)
    return Connection(
        url=environ.get("PENSTOCK_URL") or profile.url,
        provider=provider,
        tenant=environ.get("PENSTOCK_TENANT") or profile.tenant,
        issuer=profile.issuer,
        who=profile.username or profile.client_id or name,
    )


def _first(profile: profiles.Profile) -> tokens.Grant | None:
    if profile.access_token is None or profile.renew_at is None:
        return None
    return tokens.Grant(
        access_token=profile.access_token, refresh_token=profile.refresh_token, renew_at=profile.renew_at
    )
