"""The two clients: `AsyncClient` and, with the same calls, `Client`."""

from types import TracebackType
from typing import Self

import httpx

from penstock import connection, faces, tokens
from penstock.calls.commenting import Commenting
from penstock.calls.definitions import DefinitionCalls
from penstock.calls.events import EventCalls
from penstock.calls.flows import FlowCalls, FlowTemplateCalls
from penstock.calls.holding import Holding
from penstock.calls.imports import ImportCalls
from penstock.calls.keeping import AuditCalls, SecretCalls
from penstock.calls.looking import Looking
from penstock.calls.managing import Managing
from penstock.calls.paths import ROOT
from penstock.calls.platform import TenantCalls
from penstock.calls.queues import QueueCalls
from penstock.calls.schedules import ScheduleCalls
from penstock.calls.submitting import Submitting
from penstock.calls.webhooks import WebhookCalls
from penstock.calls.worklists import BulkCalls, FilterCalls, PeopleCalls, WorklistCalls
from penstock.faces import Async, Calls, Sync, operation
from penstock.models.platform import Me
from penstock.transport import Call, Retries, Transport


class _General(Calls):
    """Calls that belong to no group."""

    @operation
    async def me(self) -> Me:
        """Who the server takes the caller for."""
        return await self._transport.answer(Call(method="GET", path=f"{ROOT}/me", repeatable=True), Me)

    @operation
    async def token(self) -> str | None:
        """The bearer token that the next call would carry."""
        return await self._transport.token()


class Tasks(Submitting, Looking, Holding, Managing, Commenting, Sync):
    """Calls on tasks."""


class AsyncTasks(Submitting, Looking, Holding, Managing, Commenting, Async):
    """Calls on tasks."""


class Queues(QueueCalls, Sync):
    """Calls on queues."""


class AsyncQueues(QueueCalls, Async):
    """Calls on queues."""


class Definitions(DefinitionCalls, Sync):
    """Calls on definitions."""


class AsyncDefinitions(DefinitionCalls, Async):
    """Calls on definitions."""


class Flows(FlowCalls, Sync):
    """Calls on flows."""


class AsyncFlows(FlowCalls, Async):
    """Calls on flows."""


class FlowTemplates(FlowTemplateCalls, Sync):
    """Calls on flow templates."""


class AsyncFlowTemplates(FlowTemplateCalls, Async):
    """Calls on flow templates."""


class Schedules(ScheduleCalls, Sync):
    """Calls on schedules."""


class AsyncSchedules(ScheduleCalls, Async):
    """Calls on schedules."""


class Imports(ImportCalls, Sync):
    """Calls on imports."""


class AsyncImports(ImportCalls, Async):
    """Calls on imports."""


class Webhooks(WebhookCalls, Sync):
    """Calls on webhooks."""


class AsyncWebhooks(WebhookCalls, Async):
    """Calls on webhooks."""


class Secrets(SecretCalls, Sync):
    """Calls on secrets."""


class AsyncSecrets(SecretCalls, Async):
    """Calls on secrets."""


class AuditTrail(AuditCalls, Sync):
    """Calls on the audit trail."""


class AsyncAuditTrail(AuditCalls, Async):
    """Calls on the audit trail."""


class Events(EventCalls, Sync):
    """Calls on events."""


class AsyncEvents(EventCalls, Async):
    """Calls on events."""


class Tenants(TenantCalls, Sync):
    """Calls on tenants."""


class AsyncTenants(TenantCalls, Async):
    """Calls on tenants."""


class Worklist(WorklistCalls, Sync):
    """Calls on the worklist of a person."""


class AsyncWorklist(WorklistCalls, Async):
    """Calls on the worklist of a person."""


class Filters(FilterCalls, Sync):
    """Calls on saved filters."""


class AsyncFilters(FilterCalls, Async):
    """Calls on saved filters."""


class Bulk(BulkCalls, Sync):
    """Calls on many tasks at once."""


class AsyncBulk(BulkCalls, Async):
    """Calls on many tasks at once."""


class People(PeopleCalls, Sync):
    """Calls on people and roles."""


class AsyncPeople(PeopleCalls, Async):
    """Calls on people and roles."""


def _transport(
    *,
    url: str | None,
    token: str | tokens.TokenProvider | None,
    tenant: str | None,
    retries: Retries | None,
    timeout: float,
    http: httpx.AsyncBaseTransport | None,
) -> Transport:
    if url is None:
        found = connection.find()
        url, token, tenant = found.url, token or found.provider, tenant or found.tenant
    provider = tokens.StaticToken(token) if isinstance(token, str) else token
    return Transport(url, provider=provider, tenant=tenant, retries=retries, timeout=timeout, http=http)


class AsyncClient(_General, Async):
    """Everything the platform offers, to be awaited. Use it with `async with`, in one event loop.

    Without a `url` the connection comes from the environment or from the profile of `penstock login`
    (see `penstock.connection`). `token` is a provider of `penstock.tokens`, or a token; `tenant` is for operators.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | tokens.TokenProvider | None = None,
        tenant: str | None = None,
        retries: Retries | None = None,
        timeout: float = 30.0,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(_transport(url=url, token=token, tenant=tenant, retries=retries, timeout=timeout, http=http))
        self.tasks = AsyncTasks(self._transport)
        self.queues = AsyncQueues(self._transport)
        self.definitions = AsyncDefinitions(self._transport)
        self.flows = AsyncFlows(self._transport)
        self.flow_templates = AsyncFlowTemplates(self._transport)
        self.schedules = AsyncSchedules(self._transport)
        self.imports = AsyncImports(self._transport)
        self.webhooks = AsyncWebhooks(self._transport)
        self.secrets = AsyncSecrets(self._transport)
        self.audit = AsyncAuditTrail(self._transport)
        self.events = AsyncEvents(self._transport)
        self.tenants = AsyncTenants(self._transport)
        self.worklist = AsyncWorklist(self._transport)
        self.filters = AsyncFilters(self._transport)
        self.bulk = AsyncBulk(self._transport)
        self.people = AsyncPeople(self._transport)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def blocking(self, portal: faces.Portal) -> "Client":
        """The same client for code in other threads, over a portal into this client's loop."""
        return Client(shared=(self._transport, portal))

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Client(_General, Sync):
    """Everything the platform offers, to be called from ordinary code and from any number of threads."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | tokens.TokenProvider | None = None,
        tenant: str | None = None,
        retries: Retries | None = None,
        timeout: float = 30.0,
        http: httpx.AsyncBaseTransport | None = None,
        shared: tuple[Transport, faces.Portal] | None = None,
    ) -> None:
        self._own = faces.BackgroundLoop() if shared is None else None
        if shared is None:
            assert self._own is not None
            shared = (
                _transport(url=url, token=token, tenant=tenant, retries=retries, timeout=timeout, http=http),
                self._own,
            )
        super().__init__(*shared)
        self.tasks = Tasks(*shared)
        self.queues = Queues(*shared)
        self.definitions = Definitions(*shared)
        self.flows = Flows(*shared)
        self.flow_templates = FlowTemplates(*shared)
        self.schedules = Schedules(*shared)
        self.imports = Imports(*shared)
        self.webhooks = Webhooks(*shared)
        self.secrets = Secrets(*shared)
        self.audit = AuditTrail(*shared)
        self.events = Events(*shared)
        self.tenants = Tenants(*shared)
        self.worklist = Worklist(*shared)
        self.filters = Filters(*shared)
        self.bulk = Bulk(*shared)
        self.people = People(*shared)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def close(self) -> None:
        """Close the connections and end the thread behind; a client that was lent by another stays open."""
        if self._own is not None:
            self._own.call(self._transport.close())
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
