"""Looks at a deployment from where it runs, and says in plain words what is wrong: `python -m broker doctor`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import pydantic

from broker import assembly
from broker.lanes import every_lane
from broker.rabbit import checkup as rabbit
from core.clock import Clock, system_clock
from core.diagnosis import Diagnosis
from core.settings import Settings
from store import checkup as mongodb

_SECONDS = 5.0
_MOST_TENANTS = 200
_OK = 200
_SIGNING = frozenset({"RS256", "ES256"})


def settings(values: Mapping[str, Any] | None = None) -> Settings | list[Diagnosis]:
    """The settings of the environment, or what is wrong with them."""
    try:
        return Settings.model_validate(values or {})
    except pydantic.ValidationError as error:
        return [_setting(fault) for fault in error.errors(include_url=False, include_input=False)]


def _setting(fault: Any) -> Diagnosis:
    name = f"PENSTOCK_{'_'.join(str(part) for part in fault['loc']).upper()}" if fault["loc"] else ""
    what = f"{name} {fault['msg'].removeprefix('Value error, ')}".strip()
    if fault["type"] == "missing":
        what = f"{name} is not set"
    return Diagnosis(code="settings", where="Settings", what=what, do="see docs/operations/settings.md")


async def examine(chosen: Settings, *, clock: Clock = system_clock) -> Sequence[Diagnosis]:
    """Everything that is wrong, in the order in which it is best mended; [] for a healthy deployment."""
    async with assembly.record(chosen) as record:
        found = list(await mongodb.server(record.database, clock=clock))
        lanes: list[str] = []
        if not any(each.fatal for each in found):
            found += await mongodb.record(record.database, clock=clock)
            found += [each async for each in _issuers(record, chosen)]
            lanes = await every_lane(record, chosen.broker_prefix)
    url, mirrored = chosen.rabbitmq_url.get_secret_value(), chosen.rabbitmq_mirrored
    return [*found, *await rabbit.examine(url, chosen.broker_prefix, lanes, mirrored=mirrored)]


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


def text(found: Sequence[Diagnosis]) -> str:
    """What was found, for people."""
    if not found:
        return "Nothing is wrong."
    lines = [f"{'FAULT' if each.fatal else 'warning'}  {each.where}: {each.what}.\n       {each.do}." for each in found]
    return "\n".join(lines)
