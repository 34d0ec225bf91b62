"""The release before, as processes to run beside ours: its source comes out of the repository's history.

`python -m tests.chaos.previous` says loudly when it is not there.
"""

import shutil
import subprocess
import sys
from pathlib import Path

COMMIT = "25a7b09"
"""The oldest commit whose record ours still reads and writes. Move it on with a migration that adds what it lacks."""
_ROOT = Path(__file__).parents[2]
_SERVER = ("api", "auth", "broker", "core", "loop", "store")
_MISSING = f"""
!!! THE ROLLING UPGRADE IS NOT TESTED AGAINST THE RELEASE BEFORE
!!! The history down to {COMMIT} is not here: processes of this very source take turns instead.
!!! `git fetch --unshallow`, or a clone with its history, brings it.
"""


def is_here() -> bool:
    """Whether the history reaches back to that commit."""
    return _git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode == 0


def source(folder: Path) -> Path:
    """Write the source of that commit into the folder; without history our own: they are swapped at least."""
    if not is_here():
        for name in _SERVER:
            shutil.copytree(_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        return folder
    folder.mkdir(parents=True)
    archive = _git("archive", "--format=tar", COMMIT)
    assert archive.returncode == 0, archive.stderr.decode()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def api(at: Path | None, port: int) -> tuple[str, ...] | None:
    """The command of its API; None where there is no such release."""
    flags = ("--ws", "none", "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "3")
    return None if at is None else (*_in(at), "uvicorn", "api.app:create_app", "--factory", *flags, "--port", str(port))


def engine(at: Path | None) -> tuple[str, ...] | None:
    """The command of its engine."""
    return None if at is None else (*_in(at), "broker", "engine")


def _in(at: Path) -> tuple[str, ...]:
    # `env` replaces itself by the program, so that the process is the one that is killed.
    return "env", "-C", str(at), sys.executable, "-m"


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, check=False)


if __name__ == "__main__":
    sys.stderr.write("" if is_here() else _MISSING)
