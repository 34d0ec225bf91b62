"""JSON that belongs to callers: what of it MongoDB would not give back as it was, and is therefore refused."""

from typing import Any, cast

MOST_DEPTH = 64
"""Levels of nesting in a caller's own JSON; MongoDB takes 100 in a document."""
_INT64 = 2**63


def fault(value: Any) -> str | None:
    """Why this JSON cannot be kept; None when it can."""
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                members = cast("dict[str, Any]", node)
                if (wrong := _fault_of_members(members)) is not None:
                    return wrong
                below.extend(members.values())
            elif isinstance(node, list):
                below.extend(cast("list[Any]", node))
            elif type(node) is int and not -_INT64 <= node < _INT64:
                return "integers must fit into 64 bits"
        if not below:
            return None
        level = below
    return f"it is nested more than {MOST_DEPTH} levels deep"


def _fault_of_members(members: dict[str, Any]) -> str | None:
    if any("\0" in key for key in members):
        return "names of members must not contain NUL"
    if "$ref" in members and "$id" in members:
        # The driver reads such an object as its own reference type, and would give back something else.
        return "an object must not have both $ref and $id"
    return None
