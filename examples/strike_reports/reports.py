"""A bird-strike report as a task: what the intake program and the local stack's seed submit for a row of the CSV.

The rows are the FAA's wildlife strike reports, which are in the public domain.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).with_name("sample.csv")
"""500 reports, every twentieth of the full file."""

_MAX_NAME = 50
_GREAT_COST = 100_000
_NOTABLE_COST = 10_000


def read(file: Path) -> Iterator[dict[str, Any]]:
    """The submit body of every report in the file, in its order; recordId is the file's name and the row's number."""
    with file.open(newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows), 1):
            yield submission(row, record_id=f"{file.stem}-{number:05}")


def submission(row: Mapping[str, str], *, record_id: str) -> dict[str, Any]:
    """One report as the body of `POST /api/v1/queues/{namespace}/{name}/tasks`.

    Costs are US dollars, the speed is knots or None; `damage` is kept as the report has it, unknown codes included.
    """
    aircraft, airport, date = row["Aircraft Make Model"], row["Airport Name"], row["Flight Date"]
    phase, species = row["Phase of flight"], row["Wildlife Species"]
    damage, cost = row["Effect Amount of damage"], int(row["Cost Total $"])
    speed = row["Speed IAS in knots"]
    params = {
        "airport": airport,
        "state": row["Origin State"],
        "aircraft": aircraft,
        "operator": row["Aircraft Airline Operator"],
        "date": date,
        "timeOfDay": row["Time of day"],
        "phase": phase,
        "species": species,
        "size": row["Wildlife Size"],
        "damage": damage,
        "costRepair": int(row["Cost Repair"]),
        "costOther": int(row["Cost Other"]),
        "costTotal": cost,
        "speedKnots": int(speed) if speed else None,
    }
    return {
        "name": _name(f"{aircraft} {date}"),
        "description": f"{species} struck by {aircraft} at {airport}, {phase.lower()}",
        "params": params,
        "priority": priority(damage, cost),
        "recordId": record_id,
        "labels": [_label("damage", damage), _label("phase", phase)],
    }


def priority(damage: str, cost: int) -> str:
    """How soon somebody should look: from the reported damage and the total cost in dollars."""
    if damage == "Substantial" or cost >= _GREAT_COST:
        return "urgent"
    if damage == "Medium" or cost >= _NOTABLE_COST:
        return "high"
    # Codes that the FAA does not explain count as damage: somebody has to find out.
    if damage != "None" or cost > 0:
        return "normal"
    return "low"


def _name(text: str) -> str:
    """As a task's name may be: letters, digits, dashes, blanks; 50 at most."""
    return re.sub(r"[^A-Za-z0-9_ -]+", "-", text)[:_MAX_NAME].strip()


def _label(kind: str, value: str) -> str:
    return f"{kind}:{value.lower().replace(' ', '-')}"
