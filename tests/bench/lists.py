"""Worklists over HTTP among the tasks of the backlog: the shapes of query that people use most.

`python -m tests.bench.worklists` measures more shapes, on longer reports in eight queues.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.bench.ours import PAYLOAD, Ours

_BIRDS = ("owl", "gull", "stork", "heron", "kite", "swift", "crane", "egret", "snipe", "tern")
_PLACES = ("north", "south", "taxiway", "apron", "approach", "hangar", "threshold", "tower")
_CASES = 400

Asked = dict[str, Any]


def body(dice: random.Random) -> Asked:
    """A task of the backlog, as it is submitted."""
    return {
        "name": f"{dice.choice(_BIRDS)} {dice.choice(_PLACES)}",
        "recordId": f"strike-{dice.randrange(10**6):06}",
        "labels": [f"case-{dice.randrange(_CASES)}"],
        "params": {**PAYLOAD, "number": dice.randrange(10_000)},
    }


def shapes(queue: str, dice: random.Random) -> dict[str, Callable[[], Asked]]:
    """Each shape of query, its values drawn anew every time."""
    page: Asked = {"limit": 50}
    return {
        "a queue": lambda: page | {"queue": queue},
        "newest first": lambda: page | {"queue": queue, "sort": "-createdAt"},
        "all queues": lambda: page,
        "a label": lambda: page | {"queue": queue, "label": f"case-{dice.randrange(_CASES)}"},
        "a word": lambda: page | {"queue": queue, "text": dice.choice(_BIRDS)},
        "two words, newest first": lambda: (
            page | {"queue": queue, "text": f"{dice.choice(_BIRDS)} {dice.choice(_PLACES)}", "sort": "-createdAt"}
        ),
    }


async def measure(bench: Ours, path: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each query, by shape; the shapes take turns."""
    asked = shapes(path.removeprefix("/queues/").replace("/", ":"), random.Random(8))
    found: dict[str, list[float]] = {shape: [] for shape in asked}
    headers = {"Authorization": bench.ada.bearer}
    async with httpx.AsyncClient(base_url=bench.local["api"], headers=headers, timeout=60) as http:
        for number in range(rounds + 3):
            for shape, made in asked.items():
                began = time.perf_counter()
                answer = await http.get("/api/v1/tasks", params=made())
                if number >= 3:
                    found[shape].append((time.perf_counter() - began) * 1000)
                assert answer.status_code == 200, answer.text
    return found
