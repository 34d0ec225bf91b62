"""Request bodies and answers about comments."""

from typing import Annotated, Any

from msgspec import UNSET, UnsetType
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Flag, JsonObject, LongText, Text
from api.schemas.views import Stamp, View
from core.task import Actor

Title = Annotated[Text, Field(max_length=255)]


class CommentBody(Body):
    """A comment on a task."""

    content: LongText
    title: Title | None = None
    context: JsonObject | None = None
    requires_attention: Flag = False


class CommentPatch(Body):
    """New values for some of it; null takes the title or the context away."""

    content: LongText | None = None
    title: Title | None = None
    context: JsonObject | None = None
    requires_attention: Flag | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "CommentPatch":
        for field in ("content", "requires_attention"):
            if field in self.model_fields_set and getattr(self, field) is None:
                raise PydanticCustomError("null", "{field} cannot be taken away", {"field": to_camel(field)})
        return self

    @property
    def fields(self) -> dict[str, Any]:
        """What was named, by attribute of `Comment`."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return given | ({"context": self.context or {}} if "context" in given else {})


class CommentsParams(BaseModel):
    """A page of comments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Annotated[int, Field(ge=1, description="`next` of the page before")] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class CommentView(View, frozen=True, kw_only=True, rename="camel"):
    """One comment."""

    id: int
    task: str
    title: str | UnsetType = UNSET
    content: str
    context: dict[str, Any]
    requires_attention: bool
    created_by: Actor
    created_at: Stamp
    updated_by: Actor
    updated_at: Stamp


class CommentsView(View, frozen=True, kw_only=True, rename="camel"):
    """Comments, the newest first, and where the next page begins."""

    items: tuple[CommentView, ...]
    next: int | None
