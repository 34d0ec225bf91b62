"""Conditional requests (RFC 9110, 13): entity tags are quoted version numbers."""

from typing import Annotated

from fastapi import Header

from core import errors

IfMatch = Annotated[
    str | None, Header(max_length=500, description="The ETag that was read: change only that, else 412")
]
IfNoneMatch = Annotated[str | None, Header(max_length=500)]


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def matched(if_match: str | None, version: int | None, what: str) -> int | None:
    """The version that a change must find, None for whatever there is; `version` is the one that is there now.

    Raises `PreconditionFailed` when If-Match names no version that could be it. Weak tags never match.
    """
    if if_match is None:
        return None
    if version is not None and (if_match.strip() == "*" or etag(version) in _tags(if_match)):
        return version
    raise errors.PreconditionFailed(f"{what} is not at the version {if_match.strip()} (any more).")


def unchanged(if_none_match: str | None, version: int) -> bool:
    """Whether the caller has this version already."""
    if if_none_match is None:
        return False
    tags = {tag.removeprefix("W/") for tag in _tags(if_none_match)}
    return if_none_match.strip() == "*" or etag(version) in tags


def must_be_new(if_none_match: str | None) -> bool:
    """Whether a PUT may only create (`If-None-Match: *`); any other use of it there is refused."""
    if if_none_match is None:
        return False
    if if_none_match.strip() != "*":
        raise errors.Invalid(
            "With PUT, If-None-Match can only be *.",
            faults=[errors.Fault(field="if-none-match", message="must be *")],
        )
    return True


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}
