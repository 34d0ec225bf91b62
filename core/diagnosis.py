"""What is wrong with a deployment, in words for whoever runs it."""

from collections.abc import Sequence

import msgspec


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, what it is and means, and what to do about it."""

    code: str
    """A word that stays the same from release to release, for scripts."""
    where: str
    what: str
    do: str
    fatal: bool = True
    """False for what works, but not for long or not well."""


def text(found: Sequence[Diagnosis]) -> str:
    """What was found, for people."""
    if not found:
        return "Nothing is wrong."
    lines = [f"{'FAULT' if each.fatal else 'warning'}  {each.where}: {each.what}.\n       {each.do}." for each in found]
    return "\n".join(lines)
