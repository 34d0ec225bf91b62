"""The signing secrets of webhooks: kept among the tenant's secrets, under names that nobody else can give."""

import msgspec
from cachetools import LRUCache

from core.clock import Clock
from core.task import Actor
from core.webhook import Key, Webhook
from store.secrets import Secret, Secrets

_KNOWN = 10_000
_decode = msgspec.json.Decoder(tuple[Key, ...]).decode


class Keyring:
    """Signing secrets by webhook. A webhook's version grows when they are exchanged, so what is known stays right."""

    def __init__(self, secrets: Secrets, *, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock
        self._known: LRUCache[tuple[str, str, int], tuple[Key, ...]] = LRUCache(_KNOWN)

    async def of(self, hook: Webhook) -> tuple[Key, ...]:
        """The newest first; none where they did not come along with an imported tenant: they are exchanged then."""
        place = hook.tenant, hook.id, hook.version
        keys = self._known.get(place)
        if keys is None:
            keys = await self.read(hook.tenant, hook.id)
            if keys:
                self._known[place] = keys
        return keys

    async def read(self, tenant: str, webhook_id: str) -> tuple[Key, ...]:
        """As they are kept now."""
        kept = await self._secrets.value(tenant, _name(webhook_id))
        return () if kept is None else _decode(kept)

    async def put(self, tenant: str, webhook_id: str, keys: tuple[Key, ...], *, by: Actor) -> None:
        """Keep these in place of those before."""
        secret = Secret(tenant=tenant, name=_name(webhook_id), updated_at=self._clock(), updated_by=by)
        await self._secrets.put(secret, msgspec.json.encode(keys).decode())

    async def remove(self, tenant: str, webhook_id: str) -> None:
        """Forget them."""
        await self._secrets.remove(tenant, _name(webhook_id))


def _name(webhook_id: str) -> str:
    """People's names of secrets hold no slash."""
    return f"webhook/{webhook_id}"
