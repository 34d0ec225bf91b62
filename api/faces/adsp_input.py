"""Reading what ADSP's clients send, as leniently as upstream does and with its messages (contract adsp 1.3-1.6)."""

import uuid
from collections.abc import Callable
from typing import Any, cast

import msgspec
from starlette.datastructures import QueryParams

from api.faces import adsp_answers as answers
from api.schemas.common import storable
from core import adsp as shapes
from core import ids
from core.creation import Submission
from core.priority import Priority
from core.task import OPEN, Actor
from store.listing import Query

MOST = 5000
_USUAL = 10
_LONGEST_NAME = 50


class Body:
    """A JSON object with checks; each failed one is an entry of the refusal."""

    def __init__(self, value: Any) -> None:
        self._value: dict[str, Any] = value if isinstance(value, dict) else {}
        self._faults: list[str] = []

    def has(self, field: str) -> bool:
        """Whether the key is there, null included."""
        return field in self._value

    def get(self, field: str) -> Any:
        """Its value, or None."""
        return self._value.get(field)

    def check(self, field: str, *, fits: bool) -> None:
        """Note a fault unless the value fits."""
        if not fits:
            self._faults.append(field)

    def optional(self, field: str, kind: type) -> Any:
        """A value that may be left out but not be of another kind, null included."""
        if field in self._value:
            self.check(field, fits=isinstance(self._value[field], kind))
        return self._value.get(field)

    def passed(self) -> None:
        """Raise for the faults noted so far."""
        if self._faults:
            raise answers.invalid((field, "body") for field in self._faults)


def task_id(value: str) -> str:
    """A UUID of any version, as upstream's ids are."""
    try:
        return str(uuid.UUID(value)) if len(value) == 36 else _not_an_id()
    except ValueError:
        return _not_an_id()


def _not_an_id() -> str:
    raise answers.invalid([("id", "params")])


def names(namespace: str, name: str) -> str:
    """`namespace:name` of a path; both are 1 to 50 characters."""
    faults = [
        (field, "params") for field, value in (("namespace", namespace), ("name", name)) if not 1 <= len(value) <= 50
    ]
    if faults:
        raise answers.invalid(faults)
    if not (ids.NAME.fullmatch(namespace) and ids.NAME.fullmatch(name)):
        raise answers.missing("queue", f"{namespace}:{name}")
    return f"{namespace}:{name}"


def paging(params: QueryParams) -> tuple[int, str | None]:
    """`top` (1 to 5000, 10 when left out) and the cursor; an empty `after` is the start."""
    top = params.get("top", str(_USUAL))
    if not (top.isascii() and top.isdigit() and len(top) < 6 and 1 <= int(top) <= MOST):
        raise answers.invalid([("top", "query")])
    return int(top), params.get("after") or None


def boolean(params: QueryParams, name: str) -> bool:
    """Only the literal `true` counts; what is no boolean at all is refused."""
    value = params.get(name)
    if value is not None and value.lower() not in {"true", "false", "1", "0"}:
        raise answers.invalid([(name, "query")])
    return value == "true"


def criteria(params: QueryParams) -> Query:
    """What `criteria` selects; its `tenantId` and `id` are ignored, as upstream does."""
    text = params.get("criteria")
    if not text:
        return Query()
    try:
        wanted = storable(msgspec.json.decode(text, type=dict[str, Any]))
        query = msgspec.convert(wanted, _Criteria)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise answers.invalid([("criteria", "query")]) from None
    return query.selected()


class _Name(msgspec.Struct):
    namespace: str
    name: str


class _Criteria(msgspec.Struct, rename="camel"):
    context: dict[str, Any] | None = None
    queue: _Name | None = None
    definition: _Name | None = None
    not_ended: bool | None = None

    def selected(self) -> Query:
        definition = self.definition
        return Query(
            queues=None if self.queue is None else (f"{self.queue.namespace}:{self.queue.name}",),
            definitions=None if definition is None else (f"{definition.namespace}/{definition.name}",),
            context=self.context or None,
            states=OPEN if self.not_ended else None,
        )


def creation(value: Any) -> Submission:
    """A create body. Unknown and untrusted keys (id, status, tenantId, ...) are ignored: a console posts them."""
    body = Body(value)
    _check_name(body, required=True)
    description, record_id = body.optional("description", str), body.optional("recordId", str)
    context = body.optional("context", dict)
    body.passed()
    data, urgency = body.get("data"), body.get("priority")
    return Submission(
        name=str(body.get("name")),
        description=description,
        record_id=record_id,
        context=context or {},
        params=data if isinstance(data, dict) else {},
        priority=shapes.PRIORITIES.get(urgency, Priority.NORMAL) if isinstance(urgency, str) else Priority.NORMAL,
    )


def changes(value: Any) -> tuple[dict[str, Any], Priority | None]:
    """What a PATCH changes (by names of `Task`'s fields) and the new priority. Falsy values are ignored."""
    body = Body(value)
    if body.has("name"):
        _check_name(body, required=False)
    fields: dict[str, Any] = {
        "name": body.get("name"),
        "description": body.optional("description", str),
        "context": body.optional("context", dict),
        "params": body.optional("data", dict),
    }
    body.passed()
    kept = {field: str(given) if field == "name" else given for field, given in fields.items() if given}
    return kept, _patched_priority(body.get("priority"))


def _patched_priority(given: Any) -> Priority | None:
    """A number 1 to 3 or such a string, as the console sends it; a name, too. Unknown words are ignored."""
    if given is None or isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    if isinstance(given, str) and given in shapes.PRIORITIES:
        return shapes.PRIORITIES[given]
    try:
        number = float(given)
    except ValueError:
        return None
    if number != number or number == 0:  # noqa: PLR0124 - NaN is ignored like any word
        return None
    found = shapes.NUMBERS.get(int(number)) if number in shapes.NUMBERS else None
    if found is None:
        raise answers.Refused(400, f"Specified priority '{given}' not recognized.")
    return found


def data(value: Any) -> dict[str, Any]:
    """The whole new data of a task; an empty body counts as `{}`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise answers.invalid([("", "body")])
    return cast("dict[str, Any]", value)


def operation(value: Any, *, checked: bool) -> Body:
    """The body of an operation; below a queue's path it is `checked`, elsewhere upstream does not."""
    body = Body(value)
    if checked:
        body.check("operation", fits=isinstance(body.get("operation"), str))
        body.optional("priority", str)
        body.optional("reason", str)
        to = body.get("assignTo")
        body.check("assignTo", fits=to is None or isinstance(to, dict))
        body.passed()
    return body


def priority(body: Body) -> Priority:
    """The name of a priority; numbers are refused, as upstream does."""
    given = body.get("priority")
    if not isinstance(given, str) or given not in shapes.PRIORITIES:
        raise answers.Refused(400, f"Specified priority '{given}' not recognized.")
    return shapes.PRIORITIES[given]


def assignee(body: Body) -> Actor | None:
    """Whom to assign to; null, nothing or an object without an id take the task back."""
    to = body.get("assignTo")
    if not isinstance(to, dict):
        return None
    read = _text(cast("dict[str, Any]", to).get)
    person = read("id")
    return Actor(id=person, name=read("name") or person, email=read("email") or None) if person else None


def _text(get: Callable[[str], Any]) -> Callable[[str], str]:
    def read(field: str) -> str:
        value = get(field)
        return value[:255] if isinstance(value, str) else ""

    return read


def _check_name(body: Body, *, required: bool) -> None:
    """Upstream's two checks of a name: that it is text (only when creating), and its length."""
    name = body.get("name")
    is_text = isinstance(name, str)
    if required:
        body.check("name", fits=is_text)
    measured = str(name) if is_text or (isinstance(name, int | float) and not isinstance(name, bool)) else ""
    body.check("name", fits=1 <= len(measured) <= _LONGEST_NAME)
