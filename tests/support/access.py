"""Who may not do what, for every route of the API: what `tests/api/test_access.py` tries one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NATIVE = "/api/v1"
_QUEUE = f"{NATIVE}/queues/{{namespace}}/{{name}}"
_TASK = f"{NATIVE}/tasks/{{task_id}}"
_SCHEDULE = f"{NATIVE}/schedules/{{schedule_id}}"
_TRIGGER = f"{NATIVE}/triggers/{{trigger_id}}"
_DEFINITION = f"{NATIVE}/definitions/{{definition:path}}"
_TEMPLATE = f"{NATIVE}/flow-templates/{{template:path}}"
_WEBHOOK = f"{NATIVE}/webhooks/{{webhook_id}}"
_FLOW = f"{NATIVE}/flows/{{flow_id}}"
_EVERYBODY_BUT_ADMINS = ("nil", "wim", "ann", "rex", "sub")


@dataclass(frozen=True, kw_only=True)
class World:
    """What there is in `demo` when a route is tried: a queue, a ready task, one wim holds, a redrive and so on."""

    ready: Mapping[str, Any]
    held: Mapping[str, Any]
    redrive: str
    schedule: str
    definition: str
    template: str
    flow: str
    saved: str
    bulk: str
    webhook: str
    delivery: str
    job: str
    trigger: str


Body = Callable[[World], Any]


def _nothing(_: World) -> Any:
    return None


def _fence(world: World) -> Any:
    return {"execId": world.held["execId"]}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One route: who can do it, who is refused, and how a stranger is.

    `refused` get 403. A caller of another tenant gets `foreign`, which is 404 unless the route names nothing of
    anybody's: then it answers, and `shows_nothing` says of the answer's JSON that it holds nothing of `demo`.
    """

    right: str
    refused: tuple[str, ...]
    body: Body = _nothing
    held: bool = False
    """The path's task is the one that wim holds."""
    foreign: int = 404
    shows_nothing: Callable[[Any], bool] | None = None
    blind: tuple[str, ...] = ()
    """Callers of demo itself who get an answer that shows nothing."""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def _no_items(answer: Any) -> bool:
    return answer["items"] == []


def _each_refused(answer: Any) -> bool:
    return all(result["status"] in {403, 404} for result in answer["results"])


def _of_acme(answer: Any) -> bool:
    return answer["tenant"] == "acme"


def _not_paused(answer: Any) -> bool:
    return answer["paused"] is False


def _is_new(answer: Any) -> bool:
    return answer["version"] == 1


_HOURLY = {"kind": "cron", "expression": "0 * * * *"}


def _an_hourly(_: World) -> Any:
    return {"trigger": _HOURLY, "task": {"queue": "intake:strike-reports"}}


def _a_trigger(_: World) -> Any:
    return {"selectBy": [{"getIn": ["key"], "value": "x"}], "task": {"queue": "intake:strike-reports"}}


def _a_rule(world: World) -> Any:
    return {"schedule": "0 3 * * *", "task-request": {"definition": world.definition}}


def _a_selecting_rule(world: World) -> Any:
    select_by = [{"get-in": ["key"], "comparator": "eq", "value": "x"}]
    return {"select-by": select_by, "task-request": {"definition": world.definition}}


_JSON = {"Accept": "application/json"}

CASES: dict[tuple[str, str], Case] = {
    ("POST", f"{_QUEUE}/claims"): Case(right="wim", refused=("nil", "sub", "rex", "ann", "ada")),
    ("POST", f"{_TASK}/start"): Case(right="wim", refused=("nil", "sub", "rex", "ann", "ada")),
    ("POST", f"{_TASK}/heartbeat"): Case(right="wim", refused=("nil", "wes", "ada"), body=_fence, held=True),
    ("POST", f"{_TASK}/complete"): Case(right="wim", refused=("nil", "wes", "ada"), body=_fence, held=True),
    ("POST", f"{_TASK}/fail"): Case(right="wim", refused=("nil", "wes", "ada"), body=_fence, held=True),
    ("POST", f"{_TASK}/release"): Case(right="wim", refused=("nil", "wes", "ada"), body=_fence, held=True),
    ("POST", f"{NATIVE}/tasks/settle"): Case(
        right="wim",
        refused=(),
        body=lambda world: {
            "items": [
                {"id": world.held["id"], "execId": world.held["execId"], "action": action}
                for action in ("release", "fail", "complete")
            ]
        },
        foreign=200,
        shows_nothing=_each_refused,
        blind=("nil", "wes", "ada"),
    ),
    ("POST", f"{_QUEUE}/tasks"): Case(right="sub", refused=("nil", "wim", "ann", "rex"), body=lambda _: {}),
    ("POST", f"{_QUEUE}/tasks/batch"): Case(
        right="sub", refused=("nil", "wim", "ann", "rex"), body=lambda _: {"tasks": [{"name": "x"}]}
    ),
    ("GET", f"{_QUEUE}/tasks"): Case(right="wim", refused=("nil",)),
    ("GET", f"{NATIVE}/tasks"): Case(right="rex", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil",)),
    ("GET", _TASK): Case(right="sub", refused=("nil", "intake")),
    ("PATCH", _TASK): Case(right="sub", refused=("nil", "rex", "wim", "ann"), body=lambda _: {"name": "other"}),
    ("DELETE", _TASK): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_TASK}/cancel"): Case(right="wim", refused=("nil", "rex", "wes", "intake"), held=True),
    ("POST", f"{_TASK}/retry"): Case(right="ann", refused=("nil", "wim", "sub", "rex")),
    ("POST", f"{_TASK}/assign"): Case(right="wim", refused=("nil", "sub", "rex"), body=lambda _: {"to": "me"}),
    ("POST", f"{_TASK}/priority"): Case(
        right="ann", refused=("nil", "wim", "sub", "rex"), body=lambda _: {"priority": "urgent"}
    ),
    ("GET", f"{_TASK}/history"): Case(right="wim", refused=("nil", "intake")),
    ("GET", f"{NATIVE}/events"): Case(
        right="rex", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil", "sub"), headers=_JSON
    ),
    ("GET", f"{NATIVE}/queues"): Case(right="nil", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil",)),
    ("PUT", _QUEUE): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {}, foreign=201, shows_nothing=_is_new
    ),
    ("GET", _QUEUE): Case(right="sub", refused=("nil",)),
    ("PATCH", _QUEUE): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"description": "other"}),
    ("DELETE", _QUEUE): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_QUEUE}/pause"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_QUEUE}/resume"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_QUEUE}/purge"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{_QUEUE}/metrics"): Case(right="wim", refused=("nil", "sub")),
    ("GET", f"{_QUEUE}/usage"): Case(right="wim", refused=("nil", "sub")),
    ("GET", f"{_QUEUE}/metrics/series"): Case(right="wim", refused=("nil", "sub")),
    ("POST", f"{_QUEUE}/redrive"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{_QUEUE}/redrives"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{_QUEUE}/redrives/{{redrive_id}}"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_QUEUE}/redrives/{{redrive_id}}/undo"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{NATIVE}/schedules"): Case(
        right="wim", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil", "sub")
    ),
    ("POST", f"{NATIVE}/schedules"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=_an_hourly, foreign=400),
    ("POST", f"{NATIVE}/schedules/preview"): Case(
        right="nil",
        refused=(),
        body=lambda _: {"trigger": _HOURLY},
        foreign=200,
        shows_nothing=lambda answer: "at" in answer["items"][0],
    ),
    ("PUT", _SCHEDULE): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=_an_hourly, foreign=400),
    ("GET", _SCHEDULE): Case(right="wim", refused=("nil", "sub")),
    ("PATCH", _SCHEDULE): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"description": "other"}),
    ("DELETE", _SCHEDULE): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_SCHEDULE}/pause"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_SCHEDULE}/resume"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_SCHEDULE}/run"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{_SCHEDULE}/upcoming"): Case(right="wim", refused=("nil", "sub")),
    ("GET", f"{_SCHEDULE}/firings"): Case(right="wim", refused=("nil", "sub")),
    ("GET", f"{NATIVE}/scheduler"): Case(right="nil", refused=(), foreign=200, shows_nothing=_not_paused),
    ("POST", f"{NATIVE}/scheduler/pause"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, foreign=200, shows_nothing=lambda _: True
    ),
    ("POST", f"{NATIVE}/scheduler/resume"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, foreign=200, shows_nothing=_not_paused
    ),
    ("GET", f"{NATIVE}/flow-templates"): Case(
        right="wim", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil",)
    ),
    ("PUT", _TEMPLATE): Case(
        right="ada",
        refused=_EVERYBODY_BUT_ADMINS,
        body=lambda _: {"driver": "decisions", "queue": "intake:strike-reports"},
        foreign=400,
    ),
    ("GET", _TEMPLATE): Case(right="sub", refused=("nil",)),
    ("DELETE", _TEMPLATE): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{NATIVE}/flows"): Case(
        right="sub", refused=("nil", "wim", "ann", "rex"), body=lambda world: {"template": world.template}
    ),
    ("GET", f"{NATIVE}/flows"): Case(
        right="wim", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil", "intake")
    ),
    ("GET", _FLOW): Case(right="wim", refused=("nil", "intake")),
    ("GET", f"{_FLOW}/mermaid"): Case(right="sub", refused=("nil", "intake")),
    ("GET", f"{_FLOW}/steps/{{step}}/items"): Case(right="sub", refused=("nil", "intake")),
    ("POST", f"{_FLOW}/cancel"): Case(right="sub", refused=("nil", "rex", "wim", "intake"), body=lambda _: {}),
    ("POST", f"{_FLOW}/retry"): Case(right="sub", refused=("nil", "rex", "wim", "intake")),
    ("POST", f"{NATIVE}/records"): Case(
        right="sub",
        refused=("nil", "wim", "ann", "rex"),
        body=lambda _: {"what": "x"},
        foreign=201,
        shows_nothing=lambda answer: answer["tasks"] == [],
    ),
    ("PUT", f"{NATIVE}/aidbox/scheduler-rules/{{schedule_id}}"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, body=_a_rule, foreign=400
    ),
    ("GET", f"{NATIVE}/aidbox/scheduler-rules/{{schedule_id}}"): Case(right="wim", refused=("nil", "sub")),
    ("PUT", f"{NATIVE}/aidbox/subscription-rules/{{trigger_id}}"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, body=_a_selecting_rule, foreign=400
    ),
    ("GET", f"{NATIVE}/aidbox/subscription-rules/{{trigger_id}}"): Case(right="wim", refused=("nil", "sub")),
    ("GET", f"{NATIVE}/triggers"): Case(
        right="wim", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil", "sub")
    ),
    ("POST", f"{NATIVE}/triggers"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=_a_trigger, foreign=400),
    ("PUT", _TRIGGER): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=_a_trigger, foreign=400),
    ("GET", _TRIGGER): Case(right="wim", refused=("nil", "sub")),
    ("PATCH", _TRIGGER): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"description": "other"}),
    ("DELETE", _TRIGGER): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_TRIGGER}/pause"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_TRIGGER}/resume"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_TRIGGER}/run"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"record": {}}),
    ("GET", f"{_TRIGGER}/runs"): Case(right="wim", refused=("nil", "sub")),
    ("POST", f"{_QUEUE}/imports"): Case(
        right="sub", refused=("nil", "wim", "ann", "rex"), body=lambda _: {"url": "https://files.example.org/x.ndjson"}
    ),
    ("POST", f"{_QUEUE}/imports/upload"): Case(right="sub", refused=("nil", "wim", "ann", "rex"), body=lambda _: {}),
    ("GET", f"{NATIVE}/imports"): Case(
        right="wim", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil", "intake")
    ),
    ("GET", f"{NATIVE}/imports/{{import_id}}"): Case(right="wim", refused=("nil", "intake")),
    ("GET", f"{NATIVE}/imports/{{import_id}}/errors"): Case(right="sub", refused=("nil", "intake")),
    ("POST", f"{NATIVE}/imports/{{import_id}}/cancel"): Case(right="sub", refused=("nil", "rex", "wim", "intake")),
    ("GET", f"{_TASK}/comments"): Case(right="sub", refused=("nil", "intake")),
    ("POST", f"{_TASK}/comments"): Case(
        right="wim", refused=("nil", "intake"), body=lambda _: {"content": "Looked at."}
    ),
    ("GET", f"{_TASK}/comments/{{number}}"): Case(right="wim", refused=("nil", "intake")),
    ("PATCH", f"{_TASK}/comments/{{number}}"): Case(
        right="ann", refused=("nil", "wim", "sub", "rex"), body=lambda _: {"content": "Other"}
    ),
    ("DELETE", f"{_TASK}/comments/{{number}}"): Case(right="ann", refused=("nil", "wim", "sub", "rex")),
    ("GET", f"{NATIVE}/roles"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, foreign=200, shows_nothing=lambda answer: answer["items"] != []
    ),
    ("GET", f"{NATIVE}/people"): Case(right="wim", refused=("nil", "sub"), query="?queue=intake:strike-reports"),
    ("POST", f"{NATIVE}/worklist/next"): Case(right="wim", refused=("nil", "sub", "rex", "ann", "ada"), foreign=403),
    ("GET", f"{NATIVE}/filters"): Case(right="nil", refused=(), foreign=200, shows_nothing=_no_items),
    ("POST", f"{NATIVE}/filters"): Case(
        right="nil",
        refused=(),
        body=lambda _: {"name": "x", "wanted": {}},
        foreign=201,
        shows_nothing=lambda answer: answer["mine"],
    ),
    ("GET", f"{NATIVE}/filters/{{filter_id}}"): Case(right="nil", refused=()),
    ("PUT", f"{NATIVE}/filters/{{filter_id}}"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"name": "x", "wanted": {}}
    ),
    ("DELETE", f"{NATIVE}/filters/{{filter_id}}"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{NATIVE}/bulk-actions"): Case(
        right="ann",
        refused=("nil", "wim", "rex", "sub"),
        body=lambda world: {"action": "priority", "priority": "low", "ids": [world.ready["id"]]},
        foreign=403,
    ),
    ("GET", f"{NATIVE}/bulk-actions/{{token}}"): Case(right="ann", refused=()),
    ("POST", f"{NATIVE}/bulk-actions/{{token}}/run"): Case(right="ann", refused=()),
    ("POST", f"{NATIVE}/bulk-actions/{{token}}/stop"): Case(right="ann", refused=()),
    ("GET", f"{NATIVE}/secrets"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, foreign=200, shows_nothing=_no_items
    ),
    ("PUT", f"{NATIVE}/secrets/{{name}}"): Case(
        right="ada",
        refused=_EVERYBODY_BUT_ADMINS,
        body=lambda _: {"value": "x"},
        foreign=201,
        shows_nothing=lambda answer: "value" not in answer,
    ),
    ("DELETE", f"{NATIVE}/secrets/{{name}}"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{NATIVE}/webhooks"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, foreign=200, shows_nothing=_no_items
    ),
    ("POST", f"{NATIVE}/webhooks"): Case(
        right="ada",
        refused=_EVERYBODY_BUT_ADMINS,
        body=lambda _: {"name": "x", "url": "https://example.org"},
        foreign=201,
        shows_nothing=_is_new,
    ),
    ("GET", _WEBHOOK): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("PATCH", _WEBHOOK): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"name": "other"}),
    ("DELETE", _WEBHOOK): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_WEBHOOK}/test"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_WEBHOOK}/rotate-secret"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_WEBHOOK}/replay"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"status": "any"}),
    ("GET", f"{_WEBHOOK}/deliveries"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{_WEBHOOK}/deliveries/{{delivery_id}}"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{_WEBHOOK}/deliveries/{{delivery_id}}/replay"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{NATIVE}/definitions"): Case(
        right="wim", refused=(), foreign=200, shows_nothing=_no_items, blind=("nil",)
    ),
    ("PUT", _DEFINITION): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"queue": "intake:strike-reports"}, foreign=400
    ),
    ("GET", _DEFINITION): Case(right="sub", refused=("nil",)),
    ("PATCH", _DEFINITION): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"description": "other"}),
    ("DELETE", _DEFINITION): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("GET", f"{NATIVE}/definition-places/{{definition:path}}"): Case(right="sub", refused=("nil",)),
    ("GET", f"{NATIVE}/definition-versions/{{definition:path}}"): Case(right="sub", refused=("nil",)),
    ("GET", f"{NATIVE}/usage"): Case(
        right="rex",
        refused=("nil", "wim", "ann", "sub"),
        foreign=200,
        shows_nothing=lambda answer: answer["used"]["openTasks"] == 0,
    ),
    ("GET", f"{NATIVE}/audit"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS, foreign=200, shows_nothing=_no_items),
    ("GET", f"{NATIVE}/me"): Case(right="nil", refused=(), foreign=200, shows_nothing=_of_acme),
    ("GET", f"{NATIVE}/tenants"): Case(right="root", refused=("ada", "nil"), foreign=403),
    ("PUT", f"{NATIVE}/tenants/{{tenant}}"): Case(
        right="root", refused=("ada", "nil"), body=lambda _: {"issuer": "http://127.0.0.1:1/realms/x"}, foreign=403
    ),
    ("GET", f"{NATIVE}/tenants/{{tenant}}"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("DELETE", f"{NATIVE}/tenants/{{tenant}}"): Case(right="root", refused=("ada", "nil"), foreign=403),
    ("GET", f"{NATIVE}/tenants/{{tenant}}/export"): Case(right="ada", refused=_EVERYBODY_BUT_ADMINS),
    ("POST", f"{NATIVE}/tenants/{{tenant}}/import"): Case(right="root", refused=("ada", "nil"), foreign=403),
    ("PATCH", f"{NATIVE}/tenants/{{tenant}}"): Case(
        right="ada", refused=_EVERYBODY_BUT_ADMINS, body=lambda _: {"displayName": "Demo"}
    ),
}
"""By method and path template. A route that is not here, and not in `PUBLIC`, fails the test."""

ELSEWHERE = (
    *("/task/v1/", "/comment/v1/", "/stream/v1/", "/tasks", "/scheduler", "/v1/"),
    *("/rpc", "/Aidbox", "/execution/", "/v2/"),
)
"""Faces whose refusals have statuses of their own: what they refuse whom is tried in `tests/api/faces`."""

PUBLIC = frozenset(
    {
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/metrics"),
        ("GET", "/liveness"),
        ("GET", "/health"),
        ("GET", "/swagger/docs/v1"),
        ("GET", "/readiness"),
        ("GET", f"{NATIVE}/openapi.json"),
        ("HEAD", f"{NATIVE}/openapi.json"),
        ("GET", f"{NATIVE}/sign-in/{{tenant}}"),
        *((method, path) for method in ("GET", "HEAD") for path in ("/", "/console", "/console/{path:path}")),
    }
)
"""What everybody may ask who can reach the port."""
