"""Examples of answers for the OpenAPI document, by the name of their schema. A test holds them against it."""

from typing import Any

_ACTOR = {"id": "5f0c3c7e-2d1f-5d6f-8a53-3b1f0f1a6b55", "name": "Wim Reviewer"}
_AT = "2026-01-31T12:00:00.000Z"

TASK: dict[str, Any] = {
    "id": "019c1a3e-7a10-7cc1-9b7e-5d0c6f2f8a11",
    "queue": "intake:strike-reports",
    "name": "B-737-300 6/11/1997",
    "params": {"airport": "Sacramento", "damage": "Substantial"},
    "context": {},
    "labels": ["damage-substantial"],
    "recordId": "birdstrikes-00042",
    "priority": "high",
    "state": "in-progress",
    "createdAt": _AT,
    "createdBy": {"id": "intake", "name": "intake"},
    "updatedAt": _AT,
    "startedAt": _AT,
    "leaseUntil": "2026-01-31T12:02:00.000Z",
    "holder": _ACTOR,
    "worker": "triage-1",
    "attempt": 1,
    "attemptsLeft": 2,
    "cancelRequested": False,
    "limits": {
        "leaseSeconds": 120.0,
        "startTimeoutSeconds": 10.0,
        "overallTimeoutSeconds": None,
        "retry": {
            "maxAttempts": 2,
            "backoff": {"kind": "fixed", "initialSeconds": 10.0, "maxSeconds": 3600.0, "jitter": 0.0},
        },
    },
    "seq": 2,
}

EXAMPLES: dict[str, Any] = {
    "TaskView": TASK,
    "ClaimsView": {"tasks": [TASK | {"execId": "7b0f3c55-2f0e-4a40-9d51-0c8f3f7c1f10"}]},
    "EndedView": {"id": TASK["id"], "state": "done", "outcome": "succeeded", "endedAt": _AT},
    "BeatView": {"leaseUntil": "2026-01-31T12:04:00.000Z", "cancelRequested": False},
    "ProblemView": {
        "type": "urn:penstock:problem:lease-lost",
        "title": "The lease was lost: the task was handed out again or has ended.",
        "status": 409,
        "detail": "The lease was lost: the task was handed out again or has ended.",
        "instance": "/api/v1/tasks/019c1a3e-7a10-7cc1-9b7e-5d0c6f2f8a11/complete",
        "requestId": "3f1c9d5f0a6b4b0e9a55",
        "state": "in-progress",
    },
    "BatchView": {
        "results": [
            {
                "status": 201,
                "task": {
                    "id": TASK["id"],
                    "state": "ready",
                    "priority": "normal",
                    "createdAt": _AT,
                    "updatedAt": _AT,
                },
            },
            {
                "status": 422,
                "problem": {
                    "type": "urn:penstock:problem:payload-mismatch",
                    "title": "The data does not fit the schema it must fit.",
                    "status": 422,
                    "detail": "params does not fit its schema.",
                    "errors": [{"field": "params.airport", "message": '1 is not of type "string"'}],
                },
            },
        ],
        "accepted": 1,
        "refused": 1,
    },
    "EventView": {
        "n": 4711,
        "id": f"{TASK['id']}.2",
        "task": TASK["id"],
        "queue": "intake:strike-reports",
        "type": "started",
        "seq": 2,
        "at": _AT,
        "by": _ACTOR,
        "state": "in-progress",
        "name": "B-737-300 6/11/1997",
        "recordId": "birdstrikes-00042",
        "priority": "high",
    },
}
