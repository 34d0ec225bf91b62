"""Request bodies and parameters about imports."""

from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from api.schemas.common import (
    Body,
    Definition,
    JsonObject,
    Label,
    Labels,
    PriorityLabel,
    Text,
    addressed,
    example,
    priority,
)
from api.schemas.schedules import QueueKey
from core.imports import Encoding, ImportState, LineOrder, Source, SourceKind

Address = Annotated[
    str, StringConstraints(pattern=r"^(https?|s3|gs)://\S+$", max_length=4_000), AfterValidator(addressed)
]
Endpoint = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=500), AfterValidator(addressed)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
Lines = Annotated[
    Literal["params", "tasks"],
    Field(description="What a line is: the params of a task, or a whole task (`params`, `name`, `priority`, ...)"),
]
RecordIdField = Annotated[Text, Field(description="The member of params that is the task's `recordId`")]

_KINDS = {"http": SourceKind.LINK, "https": SourceKind.LINK, "s3": SourceKind.S3, "gs": SourceKind.GCS}


class ImportBody(Body):
    """A file to import: where it is, how it is packed, and what its lines become."""

    model_config: ClassVar[ConfigDict] = example(
        {"url": "s3://strike-reports/2026/january.ndjson.gz", "region": "eu-central-1", "secretRef": "reports-bucket"}
    )

    url: Annotated[Address, Field(description="`https://...`, `s3://bucket/object` or `gs://bucket/object`")]
    content_encoding: Encoding = Encoding.AUTO
    endpoint: Annotated[Endpoint | None, Field(description="Of another server with S3's or Google's protocol")] = None
    region: Region | None = None
    secret_ref: Annotated[Text | None, Field(description="The secret with the credentials, as JSON")] = None
    lines: Lines = "params"
    definition: Definition | None = None
    name: Text | None = None
    priority: PriorityLabel | None = None
    labels: Labels | None = None
    context: JsonObject | None = None
    record_id_field: RecordIdField | None = None

    @property
    def source(self) -> Source:
        """Where the file is."""
        return Source(
            kind=_KINDS[urlsplit(self.url).scheme],
            url=self.url,
            endpoint=self.endpoint,
            region=self.region,
            secret_ref=self.secret_ref,
            encoding=self.content_encoding,
        )

    @property
    def order(self) -> LineOrder:
        """What a line becomes."""
        return LineOrder(
            lines=self.lines,
            definition=self.definition,
            name=self.name,
            priority=None if self.priority is None else priority(self.priority),
            labels=tuple(self.labels or ()),
            context=self.context or {},
            record_id_field=self.record_id_field,
        )


class UploadParams(BaseModel):
    """The same for a file that is sent: all but where it is."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid")

    content_encoding: Encoding = Encoding.AUTO
    file_name: Text | None = None
    lines: Lines = "params"
    definition: Definition | None = None
    name: Text | None = None
    priority: PriorityLabel | None = None
    label: Annotated[list[Label], Field(max_length=50)] = []
    record_id_field: RecordIdField | None = None

    @property
    def source(self) -> Source:
        """Where the file is."""
        return Source(kind=SourceKind.UPLOAD, file_name=self.file_name, encoding=self.content_encoding)

    @property
    def order(self) -> LineOrder:
        """What a line becomes."""
        return LineOrder(
            lines=self.lines,
            definition=self.definition,
            name=self.name,
            priority=None if self.priority is None else priority(self.priority),
            labels=tuple(self.label),
            record_id_field=self.record_id_field,
        )


class ImportParams(BaseModel):
    """Which imports to list."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid")

    queue: QueueKey | None = None
    state: ImportState | None = None
    after: Annotated[str | None, Field(max_length=100, description="`next` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class LineErrorParams(BaseModel):
    """Which refused lines to list."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid")

    after: Annotated[int, Field(ge=0, le=10**10 - 1, description="`next` of the page before: a line's number")] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
