"""Idempotency keys: where they come from, and how a repeat is told from another request under the same key."""

import hashlib
from typing import Annotated

import msgspec
from fastapi import Header

from core import errors
from core.creation import Submission

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="A repeat under the same key answers the task of then"),
]

_encode = msgspec.json.Encoder(order="deterministic").encode


def one_key(header: str | None, field: str | None) -> str | None:
    """The key of a single submit, by header or by `dedupKey`; two different ones are refused."""
    if header is not None and field is not None and header != field:
        raise errors.Invalid(
            "The header Idempotency-Key and dedupKey differ; give one.",
            faults=[errors.Fault(field="dedupKey", message="differs from the header Idempotency-Key")],
        )
    return header if field is None else field


def key_in_batch(header: str | None, field: str | None, index: int) -> str | None:
    """The key of a task in a batch: its own, else the batch's with the task's number."""
    return f"{header}/{index}" if field is None and header is not None else field


def fingerprinted(submission: Submission) -> Submission:
    """The submission with the digest by which a repeat is recognised; without a key it needs none."""
    if submission.dedup_key is None:
        return submission
    content = msgspec.structs.replace(submission, dedup_key=None)
    return msgspec.structs.replace(submission, fingerprint=hashlib.sha256(_encode(content)).hexdigest())
