"""What an HTTP target is sent of a task, with which headers, secrets and policies (DESIGN 9)."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import standardwebhooks
from cachetools import TTLCache

from broker import telemetry
from broker.envelopes import encode
from broker.outbound import Answer, Call, Outbound, Unreachable
from core import errors, push
from core.clock import Clock
from core.definition import Definition
from core.push import Options, Verdict
from core.task import Task
from store.secrets import Secrets
from store.tenants import Tenants

_OK = 200
_SECRET = re.compile(r"\$\{secret:([^}]{1,200})\}")


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What every call needs."""

    outbound: Outbound
    secrets: Secrets
    tenants: Tenants
    clock: Clock
    tracing: telemetry.Tracing | None = None


class Target:
    """The HTTP target of one definition, as that is now."""

    def __init__(self, definition: Definition, means: Means) -> None:
        self.definition = definition
        self.options = msgspec.convert(definition.target.options, Options)
        self._means = means
        self._allowed: TTLCache[str, tuple[str, ...]] = TTLCache(1, 5.0)

    async def send(self, task: Task) -> Answer:
        """Call it, or have the policy evaluated that stands in its place; then the policies behind it.

        Raises `Unreachable`, `Blocked`, `Unavailable`, and `Invalid`, `NotFound` or ValueError for what cannot be sent.
        """
        options = self.options
        body = encode(task.params if options.raw else envelope(task))
        if options.request_policy:
            answer = await self._evaluated(task, options.request_policy, body)
        elif self.definition.target.url:
            answer = await self._called(task, body)
        else:
            raise errors.Invalid("invalid task: must define either request policy or url")
        for name in (options.response_policy, options.final_policy):
            if name and push.verdict(answer.status, options) is Verdict.COMPLETE:
                answer = await self._evaluated(task, name, answer.body)
        return answer

    async def _called(self, task: Task, body: bytes) -> Answer:
        target, options = self.definition.target, self.options
        method = target.method or "POST"
        if options.raw:
            # As upstream: no headers of ours, and within a list a GET has no body.
            headers, body = {"content-type": "application/json"}, b"" if method == "GET" and task.parent else body
        else:
            headers = await self._headers(task, body)
        about = {"penstock.tenant": task.tenant, "penstock.task": task.id, "penstock.attempt": task.attempt}
        with telemetry.calling(self._means.tracing, "task push", task.trace, about) as trace:
            if trace is not None and not options.raw:
                headers["traceparent"] = trace
            return await self._send(task, method, target.url or "", headers, body)

    async def _evaluated(self, task: Task, name: str, body: bytes) -> Answer:
        """What a policy makes of the body; only 200 is an answer (contract xfsc-and-jobs 1.5)."""
        tenant = await self._means.tenants.get(task.tenant)
        if tenant is None or tenant.policy_url is None:
            raise errors.Invalid("The tenant has no policyUrl; PATCH /api/v1/tenants sets it.")
        url = f"{tenant.policy_url.rstrip('/')}/policy/{name}/evaluation"
        answer = await self._send(task, "POST", url, {"content-type": "application/json"}, body)
        if answer.status != _OK:
            raise Unreachable(f"The policy {name} answered {answer.status}.")
        return answer

    async def _send(self, task: Task, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        options = self.options
        call = Call(
            method=method,
            url=url,
            headers=headers,
            body=body,
            timeout=options.timeout_seconds,
            most=options.max_response_bytes,
        )
        return await self._means.outbound.send(task.tenant, call, allowed=await self._listed())

    async def _headers(self, task: Task, body: bytes) -> dict[str, str]:
        target = self.definition.target
        headers = {"content-type": "application/json", "user-agent": "Penstock"}
        headers |= {name.lower(): await self._filled(value) for name, value in target.headers.items()}
        headers |= {"penstock-task": task.id, "penstock-attempt": str(task.attempt)}
        if target.secret_ref is not None:
            secret = standardwebhooks.Webhook(await self._secret(target.secret_ref))
            at = self._means.clock()
            headers["webhook-id"] = task.id
            headers["webhook-timestamp"] = str(int(at.timestamp()))
            headers["webhook-signature"] = secret.sign(task.id, at, body.decode())
        return headers

    async def _filled(self, value: str) -> str:
        """A header's value with its secrets, written `${secret:name}`, in place."""
        for name in _SECRET.findall(value):
            value = value.replace(f"${{secret:{name}}}", await self._secret(name))
        return value

    async def _secret(self, name: str) -> str:
        value = await self._means.secrets.value(self.definition.tenant, name)
        if value is None:
            raise errors.NotFound(f"There is no secret {name}; PUT /api/v1/secrets/{name} keeps one.")
        return value

    async def _listed(self) -> tuple[str, ...]:
        tenant = self.definition.tenant
        if tenant not in self._allowed:
            found = await self._means.tenants.get(tenant)
            self._allowed[tenant] = () if found is None else found.http_allow
        return self._allowed[tenant]


def envelope(task: Task) -> dict[str, Any]:
    """What a target is sent of a task; it may answer 202 and complete it later by `execId`."""
    return {
        "id": task.id,
        "execId": task.exec_id,
        "attempt": task.attempt,
        "queue": task.queue,
        "definition": task.definition,
        "name": task.name,
        "params": task.params,
        "context": task.context,
        "recordId": task.record_id,
    }
