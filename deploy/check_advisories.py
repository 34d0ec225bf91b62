"""Looks for known vulnerabilities in what is locked: `python -m deploy.check_advisories`, a part of `make check`.

Advisories are had from services alone: npm asks its registry, pip-audit asks for the packages of requirements.lock.
Where a service does not answer, or does not know the packages, it says so, loudly, and passes; with REQUIRE_AUDIT=1, as
an installation's own CI sets it, that fails. What is found fails always.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from deploy.local.home import ROOT

_SECONDS = 30
_GRAVE = ("critical", "high", "moderate")


class NotHadError(RuntimeError):
    """The advisories could not be had; says why."""


def of_npm(told: str) -> list[str]:
    """What `npm audit --json` found, `package: severity, title` each; raises NotHadError where it is no audit."""
    try:
        said: Any = json.loads(told)
        if "vulnerabilities" not in said:
            raise NotHadError(str(said.get("message") or said.get("error") or "npm answered something else")[:200])
        found: Mapping[str, Any] = said["vulnerabilities"]
    except (ValueError, AttributeError, TypeError):
        raise NotHadError("npm answered no JSON") from None
    return [
        f"{name}: {each['severity']}, {_title(each.get('via', ()))}"
        for name, each in sorted(found.items())
        if each["severity"] in _GRAVE
    ]


def _title(via: Sequence[Any]) -> str:
    told = (cast("dict[str, Any]", each)["title"] for each in via if isinstance(each, dict))
    return str(next(told, "by what it depends on"))


def of_pip(told: str) -> list[str]:
    """What `pip-audit --format json` found, `package version: ids`; raises NotHadError where it is no audit."""
    try:
        rows: list[Any] = json.loads(told)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise NotHadError("pip-audit answered no JSON: its service is not reachable") from None
    found = _vulnerable(rows)
    skipped = [row["name"] for row in rows if "skip_reason" in row]
    if skipped and not found:
        raise NotHadError(
            f"pip-audit could not ask for {len(skipped)} of {len(rows)} packages, {skipped[0]} among them"
        )
    return found


def _vulnerable(rows: Sequence[Any]) -> list[str]:
    return [
        f"{row['name']} {row['version']}: {', '.join(str(each['id']) for each in row['vulns'])}"
        for row in rows
        if row.get("vulns")
    ]


def _ran(command: Sequence[str], folder: Path) -> str:
    """What it printed; its status says whether something was found."""
    if shutil.which(command[0]) is None:
        raise NotHadError(f"{command[0]} is not on this machine")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotHadError(f"{command[0]} did not end within {_SECONDS} s") from None
    return done.stdout


def _console() -> list[str]:
    return of_npm(_ran(["npm", "audit", "--json"], ROOT / "admin_ui"))


def _server() -> list[str]:
    lock = str(ROOT / "requirements.lock")
    return of_pip(
        _ran([sys.executable, "-m", "pip_audit", "--format", "json", "--disable-pip", "--no-deps", "-r", lock], ROOT)
    )


def main() -> None:
    """Look, and say what came of it."""
    failed = False
    for what, look in (("the console's packages", _console), ("the server's packages", _server)):
        try:
            found = look()
        except NotHadError as error:
            sys.stderr.write(f"!!! NOT AUDITED: {what}: advisories could not be had ({error})\n")
            failed = failed or os.environ.get("REQUIRE_AUDIT") == "1"
            continue
        for line in found:
            sys.stderr.write(f"vulnerable: {line}\n")
        failed = failed or bool(found)
        sys.stdout.write(f"audited: {what}, {len(found)} known vulnerabilities\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
