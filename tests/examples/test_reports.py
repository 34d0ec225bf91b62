"""Bird-strike reports as tasks."""

import pytest

from examples.strike_reports import reports

_ROW = {
    "Airport Name": "CHICAGO O'HARE INTL ARPT",
    "Aircraft Make Model": "B-737-300",
    "Effect Amount of damage": "Substantial",
    "Flight Date": "1990-01-11",
    "Aircraft Airline Operator": "SOUTHWEST AIRLINES",
    "Origin State": "Illinois",
    "Phase of flight": "Take-off run",
    "Wildlife Size": "Small",
    "Wildlife Species": "Rock pigeon",
    "Time of day": "Day",
    "Cost Other": "5",
    "Cost Repair": "130",
    "Cost Total $": "135",
    "Speed IAS in knots": "",
}


def test_a_report_becomes_a_submission() -> None:
    assert reports.submission(_ROW, record_id="sample-00001") == {
        "name": "B-737-300 1990-01-11",
        "description": "Rock pigeon struck by B-737-300 at CHICAGO O'HARE INTL ARPT, take-off run",
        "params": {
            "airport": "CHICAGO O'HARE INTL ARPT",
            "state": "Illinois",
            "aircraft": "B-737-300",
            "operator": "SOUTHWEST AIRLINES",
            "date": "1990-01-11",
            "timeOfDay": "Day",
            "phase": "Take-off run",
            "species": "Rock pigeon",
            "size": "Small",
            "damage": "Substantial",
            "costRepair": 130,
            "costOther": 5,
            "costTotal": 135,
            "speedKnots": None,
        },
        "priority": "urgent",
        "recordId": "sample-00001",
        "labels": ["damage:substantial", "phase:take-off-run"],
    }


@pytest.mark.parametrize(
    ("damage", "cost", "expected"),
    [
        ("Substantial", 0, "urgent"),
        ("None", 100_000, "urgent"),
        ("Medium", 0, "high"),
        ("Minor", 10_000, "high"),
        ("Minor", 0, "normal"),
        ("C", 0, "normal"),
        ("None", 1, "normal"),
        ("None", 0, "low"),
    ],
)
def test_priority_from_damage_and_cost(damage: str, cost: int, expected: str) -> None:
    assert reports.priority(damage, cost) == expected


def test_the_sample_holds_500_reports_with_a_number_each() -> None:
    bodies = list(reports.read(reports.SAMPLE))
    assert len({body["recordId"] for body in bodies}) == len(bodies) == 500
    assert all(0 < len(body["name"]) <= 50 for body in bodies)
    assert {body["priority"] for body in bodies} == {"urgent", "high", "normal", "low"}
