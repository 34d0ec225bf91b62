"""Which events a webhook wants, and which secrets sign."""

from datetime import timedelta
from typing import Any

import pytest

from core import webhook
from core.adsp_events import Criteria
from core.webhook import Filter, Key, Payload, Webhook
from tests.core.test_adsp_events import event
from tests.support.making import ANN, NOW

HOUR = timedelta(hours=1)


def hook(**fields: Any) -> Webhook:
    known: dict[str, Any] = {"version": 1, "created_at": NOW, "created_by": ANN}
    known |= {"updated_at": NOW, "updated_by": ANN, "tenant": "demo", "id": "w", "name": "w", "url": "https://e.org"}
    return Webhook(**known | fields)


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        (Filter(), True),
        (Filter(types=("started", "created")), True),
        (Filter(types=("started",)), False),
        (Filter(queues=("intake:reports",)), True),
        (Filter(queues=("intake:report",)), False),
        (Filter(namespaces=("intake",)), True),
        (Filter(namespaces=("reports",)), False),
        (Filter(definitions=("scan",)), False),
        (Filter(criteria=Criteria(correlation_id="urn:ads:platform:task-service:v1:/tasks/t")), True),
        (Filter(criteria=Criteria(correlation_id="t")), False),
        (Filter(criteria=Criteria(context={"queueName": "reports"})), True),
        (Filter(criteria=Criteria(context={"queueName": "other"})), False),
        (Filter(criteria=Criteria(context={"assignedTo": "u"})), True),
    ],
)
def test_a_filter(chosen: Filter, wanted: bool) -> None:  # noqa: FBT001
    assert webhook.wants(hook(filter=chosen), event("created", 1)) is wanted


def test_adsps_names_stand_for_our_types() -> None:
    both = hook(payload=Payload.ADSP, filter=Filter(types=("task-completed", "task-service:task-started")))
    assert webhook.types_wanted(both) == ("succeeded", "started")
    assert webhook.wants(both, event("started", 2))
    assert webhook.name_of(both, event("started", 2)) == "task-service:task-started"
    every = hook(payload=Payload.ADSP)
    assert len(webhook.types_wanted(every) or ()) == 9
    assert not webhook.wants(every, event("retry-scheduled", 2))


def test_an_exchanged_secret_signs_for_the_time_of_the_overlap() -> None:
    first = webhook.rotated((Key(value="whsec_a"),), "whsec_b", at=NOW, overlap=HOUR)
    assert webhook.signing(first, NOW) == ["whsec_b", "whsec_a"]
    assert webhook.signing(first, NOW + HOUR) == ["whsec_b"]
    second = webhook.rotated(first, "whsec_c", at=NOW + HOUR / 2, overlap=HOUR)
    assert webhook.signing(second, NOW + HOUR / 2) == ["whsec_c", "whsec_b", "whsec_a"]
    assert webhook.signing(second, NOW + HOUR) == ["whsec_c", "whsec_b"]
    at_once = webhook.rotated(second, "whsec_d", at=NOW + HOUR, overlap=timedelta())
    assert [key.value for key in at_once] == ["whsec_d"]


def test_notices_go_to_whoever_asks_for_them_or_for_everything() -> None:
    assert webhook.wants_notice(hook(), webhook.DISABLED)
    assert webhook.wants_notice(hook(filter=Filter(types=(webhook.DISABLED,))), webhook.DISABLED)
    assert not webhook.wants_notice(hook(filter=Filter(types=("created",))), webhook.DISABLED)
    assert not webhook.wants_notice(hook(filter=Filter(queues=("a:b",))), webhook.DISABLED)
    assert not webhook.wants_notice(hook(payload=Payload.ADSP), webhook.DISABLED)


def test_a_new_secret_is_long_and_its_own() -> None:
    assert webhook.new_secret() != webhook.new_secret()
    assert len(webhook.new_secret()) == len("whsec_") + 44
