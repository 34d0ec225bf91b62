"""Gives a new stack its tenants, their first queues and, in `demo`, real tasks; all through the public API."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from deploy.local import issuer_realms, services
from examples.strike_reports import reports

TENANTS = tuple(realm for realm in issuer_realms.REALMS if realm.name != "core")
QUEUE = "/api/v1/queues/intake/strike-reports"
_FILLED = "demo"
_REVIEWS = "/api/v1/queues/intake/strike-reviews"
_QUEUES: dict[str, dict[str, Any]] = {
    QUEUE: {
        "displayName": "Strike reports",
        "description": "Reports of wildlife strikes, waiting for triage",
        "bindings": {
            "submitters": ["task-writer"],
            "workers": ["reviewer"],
            "assigners": ["supervisor"],
            "readers": [],
        },
    },
    _REVIEWS: {
        "displayName": "Strike reviews",
        "description": "Reports that no rule decides, for people",
        # The triage program works as a reviewer and submits what it leaves to people.
        "bindings": {"submitters": ["reviewer"], "workers": ["reviewer"], "assigners": ["supervisor"], "readers": []},
    },
}
_PATIENCE = 30.0


class SeedError(RuntimeError):
    """The API refused what every new stack needs."""


async def seed(home: Path, at: services.Addresses) -> str:
    """Add what is missing, change nothing that is there; says what was done. Raises SeedError.

    The tasks come once in the life of a home: people may have finished and deleted them since.
    """
    done: list[str] = []
    async with httpx.AsyncClient(base_url=at.api, timeout=30) as api:
        try:
            async with asyncio.timeout(_PATIENCE):
                await _until_it_serves(api)
                done += await _add_tenants(api, at.auth)
            for realm in TENANTS:
                done += await _fill(api, at.auth, realm.name, once=home / "seeded")
        except httpx.HTTPStatusError as refusal:
            raise SeedError(f"{refusal}: {refusal.response.text}") from refusal
        except (httpx.HTTPError, TimeoutError) as error:
            raise SeedError(f"seeding: {error!r}") from error
    return ", ".join(done) or "nothing to add"


async def password_token(client: httpx.AsyncClient, auth: str, realm: str, username: str) -> str:
    """An access token of a local user, whose password is the user name."""
    answer = await client.post(
        f"{auth}/realms/{realm}/protocol/openid-connect/token",
        data={"grant_type": "password", "client_id": "penstock-cli", "username": username, "password": username},
    )
    return str(answer.raise_for_status().json()["access_token"])


async def _until_it_serves(api: httpx.AsyncClient) -> None:
    while (await api.get("/health/ready")).json()["status"] != "ready":
        await asyncio.sleep(0.05)


async def _add_tenants(api: httpx.AsyncClient, auth: str) -> list[str]:
    """Register every tenant with the issuer of its realm, again when the issuer has moved to another port."""
    headers = await _bearer(api, auth, "core", "root")
    # A new API registers the operators' own tenant a moment after it begins to serve.
    while (listing := await api.get("/api/v1/tenants", headers=headers)).status_code == 401:
        await asyncio.sleep(0.2)
    known = {tenant["id"]: tenant["issuer"] for tenant in listing.raise_for_status().json()["items"]}
    added: list[str] = []
    for realm in TENANTS:
        body = {"issuer": f"{auth}/realms/{realm.name}", "displayName": realm.display_name}
        if known.get(realm.name) != body["issuer"]:
            (await api.put(f"/api/v1/tenants/{realm.name}", headers=headers, json=body)).raise_for_status()
            added.append(f"tenant {realm.name}")
    return added


async def _fill(api: httpx.AsyncClient, auth: str, tenant: str, *, once: Path) -> list[str]:
    headers = await _bearer(api, auth, tenant, "ada")
    done: list[str] = []
    for path, body in _QUEUES.items():
        if (await api.get(path, headers=headers)).status_code == 404:
            (await api.put(path, headers=headers, json=body)).raise_for_status()
            done.append(f"{tenant}'s queue {body['displayName']}")
    if tenant == _FILLED and not once.exists():
        done.append(f"{await _add_tasks(api, headers)} tasks")
        once.touch()
    return done


async def _add_tasks(api: httpx.AsyncClient, headers: dict[str, str]) -> int:
    # The key makes a second attempt harmless, should the first have been cut off before it was noted down.
    tasks: list[dict[str, Any]] = list(reports.read(reports.SAMPLE))
    keyed = {**headers, "Idempotency-Key": "sample"}
    answer = await api.post(f"{QUEUE}/tasks/batch", headers=keyed, json={"tasks": tasks})
    results = answer.raise_for_status().json()
    if results["refused"]:
        refused = next(result for result in results["results"] if "problem" in result)
        raise SeedError(f"{results['refused']} of the sample's tasks were refused, the first with {refused['problem']}")
    return int(results["accepted"])


async def _bearer(api: httpx.AsyncClient, auth: str, realm: str, username: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {await password_token(api, auth, realm, username)}"}
