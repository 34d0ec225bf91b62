"""Webhooks: made, changed, tried, and what was sent to them looked at and sent again."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from penstock.calls import paging, paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page
from penstock.models.webhook import Delivery, Replayed, Tried, Webhook
from penstock.transport import Call, Query

_WEBHOOKS = f"{paths.ROOT}/webhooks"
_TRY_SECONDS = 60.0

WebhookRef = str | Webhook
"""A webhook: its id, or one that the server showed."""


class WebhookCalls(Calls):
    """Calls on webhooks."""

    @operation
    async def create(
        self,
        name: str,
        url: str,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name on the wire
        payload: Literal["native", "adsp"] = "native",
        paused: bool = False,
    ) -> Webhook:
        """Make a webhook: it is told of what happens from now on. Its `secret` is shown this once.

        `filter` as the wire has it: `{"types": [...], "queues": [...], "definitions": [...]}`.
        """
        body = {"name": name, "url": url, "filter": dict(filter or {}), "payload": payload, "paused": paused}
        return await self._transport.answer(Call(method="POST", path=_WEBHOOKS, body=body), Webhook)

    @operation
    async def get(self, webhook: WebhookRef) -> Webhook:
        """The webhook. Raises NotFound."""
        return await self._transport.answer(_get(_path(webhook)), Webhook)

    @stream
    async def list(self) -> AsyncIterator[Webhook]:
        """The tenant's webhooks, by id."""
        async for each in paging.walk(self._transport, _WEBHOOKS, Page[Webhook]):
            yield each

    @operation
    async def update(self, webhook: WebhookRef, fields: Mapping[str, Any], *, version: int | None = None) -> Webhook:
        """Change some settings, named as on the wire; `{"paused": False}` lets it go on where it stopped."""
        headers = paths.conditions(version)
        call = Call(method="PATCH", path=_path(webhook), body=dict(fields), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Webhook)

    @operation
    async def delete(self, webhook: WebhookRef) -> None:
        """Remove it with its deliveries."""
        await self._transport.send(Call(method="DELETE", path=_path(webhook)))

    @operation
    async def test(self, webhook: WebhookRef) -> Tried:
        """Have a signed sample sent now, and learn what came of it."""
        call = Call(method="POST", path=f"{_path(webhook)}/test", body={}, read_seconds=_TRY_SECONDS)
        return await self._transport.answer(call, Tried)

    @operation
    async def rotate_secret(self, webhook: WebhookRef, *, overlap: paths.Seconds | None = None) -> Webhook:
        """Give it a new `secret`; for the overlap deliveries are signed with the old one, too."""
        body = paths.given(overlapSeconds=paths.seconds(overlap))
        return await self._transport.answer(
            Call(method="POST", path=f"{_path(webhook)}/rotate-secret", body=body), Webhook
        )

    @stream
    async def deliveries(
        self,
        webhook: WebhookRef,
        *,
        status: str | None = None,
        task: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Delivery]:
        """What was sent, the newest first."""
        query: Query = {"status": status, "task": task, "since": paths.moment(since)}
        path = f"{_path(webhook)}/deliveries"
        async for each in paging.walk(self._transport, path, Page[Delivery], query, limit=limit):
            yield each

    @operation
    async def delivery(self, webhook: WebhookRef, delivery: str) -> Delivery:
        """One delivery with its tries and its body. Raises NotFound."""
        return await self._transport.answer(_get(_delivery(webhook, delivery)), Delivery)

    @operation
    async def replay(self, webhook: WebhookRef, delivery: str) -> Delivery:
        """Send a delivery again, whatever it came to before."""
        call = Call(method="POST", path=f"{_delivery(webhook, delivery)}/replay", body={}, repeatable=True)
        return await self._transport.answer(call, Delivery)

    @operation
    async def replay_all(
        self,
        webhook: WebhookRef,
        *,
        status: Literal["failed", "delivered", "any"] = "failed",
        since: datetime | None = None,
    ) -> int:
        """Send again what failed, or all, made since a moment; answers how many."""
        body = paths.given(status=status, since=paths.moment(since))
        call = Call(method="POST", path=f"{_path(webhook)}/replay", body=body, repeatable=True)
        return (await self._transport.answer(call, Replayed)).replayed


def _path(ref: WebhookRef) -> str:
    return f"{_WEBHOOKS}/{quote(ref.id if isinstance(ref, Webhook) else ref, safe='')}"


def _delivery(ref: WebhookRef, delivery: str) -> str:
    return f"{_path(ref)}/deliveries/{quote(delivery, safe='')}"


def _get(path: str, query: Query | None = None) -> Call:
    return Call(method="GET", path=path, query=query or {}, repeatable=True)
