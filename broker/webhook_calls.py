"""Calls a webhook's receiver: signed by Standard Webhooks, through the guard for addresses that tenants give."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec
import standardwebhooks
from cachetools import TTLCache

from broker import telemetry
from broker.outbound import Answer, Blocked, Call, Outbound, Unreachable
from broker.telemetry import Tracing
from broker.webhook_keys import Keyring
from core import delivery, errors, push, webhook
from core.clock import Clock
from core.delivery import Attempt
from core.webhook import Webhook
from store.tenants import Tenants

TIMEOUT_SECONDS = 15.0
_MOST_READ = 4 * 1024
_TENANTS = 10_000
_ALLOWED_SECONDS = 5.0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call, and the moment before which the receiver wants no other (`Retry-After`)."""

    attempt: Attempt
    not_before: datetime | None = None


class Caller:
    """Makes signed calls."""

    def __init__(
        self, outbound: Outbound, tenants: Tenants, keys: Keyring, *, clock: Clock, tracing: Tracing | None = None
    ) -> None:
        self._tracing = tracing
        self._outbound = outbound
        self._keys = keys
        self._tenants = tenants
        self._clock = clock
        self._allowed: TTLCache[str, tuple[str, ...]] = TTLCache(_TENANTS, _ALLOWED_SECONDS)

    async def call(self, hook: Webhook, message_id: str, body: str, *, trace: str | None = None) -> Said:
        """Send a message once, in its task's trace; what went wrong is in what is said. Raises `Unavailable`."""
        at, loop = self._clock(), asyncio.get_running_loop()
        began = loop.time()
        secrets = webhook.signing(await self._keys.of(hook), at)
        if not secrets:
            return Said(attempt=Attempt(at=at, ms=0, error="It has no secret: exchange it by rotate-secret."))
        named = headers(secrets, message_id, body, at)
        status = error = response = not_before = None
        try:
            answer = await self._send(hook, named, body, trace)
        except (Unreachable, Blocked) as failure:
            error = failure.detail
        except (errors.Invalid, ValueError) as failure:
            error = str(failure)
        else:
            status, response = answer.status, delivery.excerpt(answer.body)
            not_before = push.retry_after(answer.headers.get("retry-after"), at=at)
        took = round((loop.time() - began) * 1000)
        attempt = Attempt(at=at, ms=took, status=status, error=error, response=response)
        return Said(attempt=attempt, not_before=not_before)

    async def _send(self, hook: Webhook, named: dict[str, str], body: str, trace: str | None) -> Answer:
        about = {"penstock.tenant": hook.tenant, "penstock.webhook": hook.id}
        tracing = None if trace is None else self._tracing
        allowed = await self._listed(hook.tenant)
        with telemetry.calling(tracing, "task webhook", trace, about) as parent:
            call = Call(
                method="POST",
                url=hook.url,
                headers=named if parent is None else {**named, "traceparent": parent},
                body=body.encode(),
                timeout=TIMEOUT_SECONDS,
                most=_MOST_READ,
            )
            return await self._outbound.send(hook.tenant, call, allowed=allowed)

    async def _listed(self, tenant: str) -> tuple[str, ...]:
        if tenant not in self._allowed:
            found = await self._tenants.get(tenant)
            self._allowed[tenant] = () if found is None else found.http_allow
        return self._allowed[tenant]


def headers(secrets: Sequence[str], message_id: str, body: str, at: datetime) -> dict[str, str]:
    """The headers of a call, signed with each of the secrets."""
    signatures = [standardwebhooks.Webhook(secret).sign(message_id, at, body) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Penstock",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
