"""Looks at a deployment from where it runs, and says in plain words what is wrong: `python -m broker doctor`."""

from collections.abc import AsyncIterator, Sequence

import httpx

from broker import assembly
from broker.lanes import every_lane
from broker.rabbit import checkup as rabbit
from core.clock import Clock, system_clock
from core.diagnosis import Diagnosis
from core.settings import Settings
from store import checkup as mongodb
from store import masters

_SECONDS = 5.0
_MOST_TENANTS = 200
_OK = 200
_SIGNING = frozenset({"RS256", "ES256"})


async def examine(chosen: Settings, *, clock: Clock = system_clock) -> Sequence[Diagnosis]:
    """Everything that is wrong, in the order in which it is best mended; [] for a healthy deployment."""
    misset = _keys(chosen)
    unsealed = chosen.model_copy(update={"kms": None, "master_keys": None, "master_keys_file": None})
    async with assembly.record(unsealed if misset else chosen) as record:
        server = await mongodb.server(record.database, clock=clock)
        found = [*misset, *server]
        lanes: list[str] = []
        if not any(each.fatal for each in server):
            found += await mongodb.record(record.database, clock=clock)
            found += () if misset else [each async for each in _sealed(record)]
            found += [each async for each in _issuers(record, chosen)]
            lanes = await every_lane(record, chosen.broker_prefix)
    url, mirrored = chosen.rabbitmq_url.get_secret_value(), chosen.rabbitmq_mirrored
    return [*found, *await rabbit.examine(url, chosen.broker_prefix, lanes, mirrored=mirrored)]


def _keys(chosen: Settings) -> list[Diagnosis]:
    """What is wrong with the settings of master keys."""
    try:
        masters.of(chosen)
    except masters.KeyUnusableError as error:
        return [_key(error.detail, "correct it; see docs/operations/security.md")]
    return []


async def _sealed(record: assembly.Record) -> AsyncIterator[Diagnosis]:
    """The master keys of the record that this process lacks."""
    unopened = await record.secrets.sealer.unopened()
    for _, why in sorted(unopened.items()):
        do = "give every process the master keys that the record was sealed with: no secret and no payload opens before"
        yield _key(why, do)


def _key(what: str, do: str) -> Diagnosis:
    return Diagnosis(code="master-keys", where="Keys", what=what.removesuffix("."), do=do)


async def _issuers(record: assembly.Record, chosen: Settings) -> AsyncIterator[Diagnosis]:
    tenants = await record.tenants.every()
    if not tenants:
        what = "there is no tenant, not even that of the operators: no API has run with this database"
        yield Diagnosis(code="no-tenants", where="Tenants", what=what, do="start an API", fatal=False)
    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
        for tenant in tenants[:_MOST_TENANTS]:
            what = await _issuer(http, tenant.issuer)
            if what is not None:
                what = f"the issuer of the tenant {tenant.id}, {tenant.issuer}, {what}: nobody of it gets in"
                do = f"see that the realm exists and PENSTOCK_AUTH_URL ({chosen.auth_url}) is what tokens say in iss"
                yield Diagnosis(code="issuer", where="Login", what=what, do=do)
        if not any(tenant.issuer.startswith(chosen.auth_url) for tenant in tenants[:_MOST_TENANTS]):
            what = await _away(http, chosen.auth_url)
            if what is not None:
                do = "see that it runs, and that PENSTOCK_AUTH_URL names it"
                yield Diagnosis(
                    code="issuer", where="Login", what=f"PENSTOCK_AUTH_URL, {chosen.auth_url}, {what}", do=do
                )


async def _away(http: httpx.AsyncClient, url: str) -> str | None:
    """Why nobody is there, as the end of a sentence; None for whoever answers, whatever it is."""
    try:
        await http.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"does not answer ({type(error).__name__})"
    return None


async def _issuer(http: httpx.AsyncClient, issuer: str) -> str | None:
    """What is wrong with an issuer, as the end of a sentence."""
    try:
        answer = await http.get(f"{issuer}/.well-known/openid-configuration")
        if answer.status_code != _OK:
            return f"answers {answer.status_code} when asked for its configuration"
        told = answer.json()
        if told.get("issuer") != issuer:
            return f"calls itself {told.get('issuer')}"
        keys = (await http.get(str(told["jwks_uri"]))).json()["keys"]
    except httpx.HTTPError as error:
        return f"does not answer ({type(error).__name__})"
    except (ValueError, KeyError, TypeError):
        return "answers what no OpenID issuer says"
    if not any(key.get("alg") in _SIGNING for key in keys):
        return "has no key for RS256 or ES256"
    return None
