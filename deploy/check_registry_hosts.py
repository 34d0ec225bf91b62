"""Fails when a committed file names a package registry: `python -m deploy.check_registry_hosts`.

A lock file that names a registry works only where that registry is reachable; mirrors are the installer's setting.
"""

import re
import subprocess
import sys
from pathlib import Path

# Written in parts, or this file would name them.
_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("repo", "maven", "apache", "org"),
        ("repo1", "maven", "org"),
        ("proxy", "golang", "org"),
        ("registry-1", "docker", "io"),
    )
)
_HOST = re.compile("|".join(re.escape(host) for host in _HOSTS))


def offences(root: Path) -> list[str]:
    """`path:line` of every line in a file known to git (committed, or staged) that names a registry."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)
    found: list[str] = []
    for name in filter(None, listing.stdout.split("\0")):
        file = root / name
        if not file.is_file():
            continue
        lines = file.read_text(errors="ignore").splitlines()
        found.extend(f"{name}:{number}" for number, line in enumerate(lines, 1) if _HOST.search(line))
    return found


def main() -> int:
    """The number of the exit: 1 when there is an offence."""
    found = offences(Path.cwd())
    for place in found:
        sys.stderr.write(f"{place}: names a package registry\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
