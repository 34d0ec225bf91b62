"""How the triage example ends tasks, those that are no reports too."""

from typing import Any

import pytest

from examples.strike_reports import triage

_REPORT = {"damage": "None", "species": "Rock pigeon", "costTotal": 0}


@pytest.mark.parametrize(
    ("changed", "decision"),
    [
        ({}, "file"),
        ({"damage": "Substantial"}, "inspect"),
        ({"costTotal": 100_000}, "review"),
        ({"damage": "C", "costTotal": 1}, "review"),
    ],
)
def test_a_report_ends_with_a_decision(changed: dict[str, Any], decision: str) -> None:
    assert triage.end({"params": _REPORT | changed}) == {"action": "complete", "result": {"decision": decision}}


@pytest.mark.parametrize("task", [{}, {"params": None}, {"params": {"species": "Barn owl"}}, {"params": ["x"]}])
def test_what_is_no_report_fails_for_good(task: dict[str, Any]) -> None:
    end = triage.end(task)
    assert (end["action"], end["retryable"]) == ("fail", False)
    assert end["error"]["message"].startswith("This is no strike report: ")
