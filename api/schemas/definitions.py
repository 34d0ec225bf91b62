"""Request bodies about definitions."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import (
    Body,
    Definition,
    JsonObject,
    Labels,
    LimitFields,
    LongText,
    PriorityLabel,
    Seconds,
    Strict,
    Text,
    addressed,
    example,
    priority,
)
from api.schemas.schedules import QueueKey
from core import definition as records
from core import import_tasks
from core.task import Limits

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e\x80-\xff]*$", max_length=4_000)]
Status = Annotated[str, StringConstraints(pattern=r"^([1-5]xx|[1-5][0-9][0-9])$")]
PathPart = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ConcurrencyFields(Body):
    """At most `limit` tasks are held at once, for each distinct value at the path `key` within the task's params."""

    limit: Annotated[int, Strict(), Field(ge=1, le=100_000)]
    key: Annotated[list[PathPart], Field(max_length=10, examples=[["airport"]], default_factory=list)]


class WorkerTarget(Body):
    """Whoever claims it."""

    kind: Literal["worker"] = "worker"


class HttpOptions(Body):
    """How an HTTP target is called."""

    timeout_seconds: Annotated[Seconds, Field(le=300)] | None = None
    success: Annotated[list[Status], Field(min_length=1, max_length=20)] | None = None
    max_response_bytes: Annotated[int, Strict(), Field(ge=0, le=4 * 1024 * 1024)] | None = None
    concurrency: Annotated[int, Strict(), Field(ge=1, le=200)] | None = None
    rate_per_second: Annotated[float, Strict(), Field(gt=0, le=10_000)] | None = None
    break_after: Annotated[int, Strict(), Field(ge=1, le=1000)] | None = None
    break_seconds: Annotated[Seconds, Field(le=3600)] | None = None


class HttpTarget(Body):
    """An HTTP endpoint that gets each task pushed."""

    kind: Literal["http"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]", max_length=2_000), AfterValidator(addressed)]
    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"] | None = None
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=50, default_factory=dict)]
    secret_ref: Annotated[Text | None, Field(description="The secret that signs each call (Standard Webhooks)")] = None
    options: HttpOptions | None = None


class ImportOptions(Body):
    """What holds for all files of a definition of Aidbox's bulk import; whoever submits names the files."""

    allow: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^(https?|s3|gs)://[^\s/]", max_length=2_000)]] | None,
        Field(min_length=1, max_length=100, description="Prefixes of the addresses that may be imported"),
    ] = None
    secret_ref: Annotated[Text | None, Field(description="The secret with the credentials; `allow` says for what")] = (
        None
    )
    endpoint: (
        Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=500), AfterValidator(addressed)] | None
    ) = None
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    lines: Literal["params", "tasks"] | None = None
    definition: Definition | None = None
    priority: PriorityLabel | None = None
    labels: Labels | None = None
    record_id_field: Text | None = None

    @model_validator(mode="after")
    def _secrets_are_for_something(self) -> "ImportOptions":
        if self.secret_ref is not None and self.allow is None:
            raise PydanticCustomError("allow", "with secretRef, allow must say which addresses may be imported")
        return self


class BuiltinTarget(Body):
    """A part of the platform itself."""

    kind: Literal["builtin"]
    name: Definition
    options: Annotated[ImportOptions | None, Field(description=f"With `{import_tasks.TASK}`")] = None

    @model_validator(mode="after")
    def _options_are_for_imports(self) -> "BuiltinTarget":
        if self.options is not None and self.name != import_tasks.TASK:
            raise PydanticCustomError("options", "only {name} has options", {"name": import_tasks.TASK})
        return self


Target = Annotated[WorkerTarget | HttpTarget | BuiltinTarget, Field(discriminator="kind")]


class DefinitionBody(LimitFields):
    """A definition's settings. Time limits and retry that are not named are Aidbox's: 10 s, 120 s, 2 attempts."""

    model_config: ClassVar[ConfigDict] = example(
        {
            "queue": "intake:strike-reports",
            "description": "Decide what a report needs",
            "paramsSchema": {"type": "object", "required": ["airport"]},
            "resultSchema": {"type": "object", "required": ["decision"]},
            "retry": {"maxAttempts": 3, "backoff": {"kind": "exponential", "initialSeconds": 2}},
            "concurrency": {"limit": 2, "key": ["airport"]},
        }
    )

    queue: QueueKey
    description: LongText | None = None
    params_schema: JsonObject | None = None
    result_schema: JsonObject | None = None
    error_schema: JsonObject | None = None
    priority: PriorityLabel | None = None
    concurrency: ConcurrencyFields | None = None
    target: Target = WorkerTarget()

    @model_validator(mode="after")
    def _limits_need_time(self) -> "DefinitionBody":
        if self.concurrency is not None and "lease_seconds" in self.model_fields_set and self.lease_seconds is None:
            raise PydanticCustomError(
                "lease", "with concurrency, leaseSeconds must not be null: a place would never be free again"
            )
        return self

    def fields(self) -> dict[str, Any]:
        """All settings by attribute of `core.definition.Definition`: what is left open has its default."""
        limited = self.concurrency
        return {
            "queue": self.queue,
            "description": self.description,
            "params_schema": self.params_schema,
            "result_schema": self.result_schema,
            "error_schema": self.error_schema,
            "priority": None if self.priority is None else priority(self.priority),
            "limits": self.over(Limits()),
            "concurrency": None
            if limited is None
            else records.Concurrency(limit=limited.limit, key=tuple(limited.key)),
            "target": _target(self.target),
        }


def _target(target: WorkerTarget | HttpTarget | BuiltinTarget) -> records.Target:
    if isinstance(target, HttpTarget):
        return records.Target(
            kind=records.TargetKind.HTTP,
            url=target.url,
            method=target.method,
            headers=dict(target.headers),
            secret_ref=target.secret_ref,
            options={} if target.options is None else target.options.model_dump(by_alias=True, exclude_none=True),
        )
    if isinstance(target, BuiltinTarget):
        options = {} if target.options is None else target.options.model_dump(by_alias=True, exclude_none=True)
        return records.Target(kind=records.TargetKind.BUILTIN, name=target.name, options=options)
    return records.Target()
