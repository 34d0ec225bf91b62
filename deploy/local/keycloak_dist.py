"""Gets a Keycloak that can be started at once: `python -m deploy.local.keycloak_dist`.

The distribution comes from Maven by its coordinates, or from the folder that PENSTOCK_KEYCLOAK_HOME names, which is
copied and left as it is. It is built once for our use (half a minute) and kept in the user's cache folder.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Generator
from pathlib import Path

VERSION = "26.7.3"
COORDINATES = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
HOME_VARIABLE = "PENSTOCK_KEYCLOAK_HOME"

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_OLDEST_JAVA = 17
_TRIES = 3
_FETCH_SECONDS = 300
_BUILD_SECONDS = 180
_OPTIONS = ("--db=dev-file",)


class KeycloakMissingError(RuntimeError):
    """There is no Keycloak and no way to get one."""


def distribution(*, fetch: bool = True) -> Path:
    """The folder of a built distribution; raises KeycloakMissingError.

    Without `fetch` only one that is built already is taken: for those who have no minute to wait.
    """
    _check_java()
    given = os.environ.get(HOME_VARIABLE)
    source = Path(given).resolve() if given else None
    folder = _cache() / f"keycloak-{_name(source)}"
    if (folder / "version.txt").exists():
        return folder
    if not fetch:
        raise KeycloakMissingError("Keycloak is not fetched yet: `make test` does that")
    with _locked(_cache()):
        if not (folder / "version.txt").exists():
            _make(folder, source)
    return folder


def _name(source: Path | None) -> str:
    """Another source or other options make another folder."""
    version = VERSION
    if source is not None:
        if not (source / "lib" / "quarkus-run.jar").exists():
            raise KeycloakMissingError(f"{HOME_VARIABLE}={source} is no Keycloak distribution: lib/quarkus-run.jar")
        stated = source / "version.txt"
        version = f"{source} {stated.read_text() if stated.exists() else ''}"
    digest = hashlib.sha256("\0".join((version, *_OPTIONS)).encode()).hexdigest()[:12]
    return f"{VERSION if source is None else 'own'}-{digest}"


def _make(folder: Path, source: Path | None) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".keycloak-") as scratch:
        if source is None:
            unpacked = _unpack(_fetch(Path(scratch)), Path(scratch))
        else:
            unpacked = Path(shutil.copytree(source, Path(scratch) / "keycloak", ignore=shutil.ignore_patterns("data")))
        _build(unpacked)
        # The last thing, and all at once: a folder that is there is whole.
        unpacked.rename(folder)


def _fetch(into: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise KeycloakMissingError(f"there is no Maven to fetch Keycloak with, and no {HOME_VARIABLE}")
    _say(f"Fetching Keycloak {VERSION} ...")
    argv = [maven, "-B", "-q", _PLUGIN, f"-Dartifact={COORDINATES}", f"-DoutputDirectory={into}"]
    if not os.access(Path.home(), os.W_OK):
        argv.append(f"-Dmaven.repo.local={into / 'm2'}")
    said = ""
    for turn in range(_TRIES):
        # A download that was cut off is remembered as failed for a day, unless -U.
        said = _run(argv if turn == 0 else [*argv, "-U"], into, _FETCH_SECONDS)
        found = next(into.glob("keycloak-quarkus-dist-*.zip"), None)
        if found is not None and zipfile.is_zipfile(found):
            return found
        time.sleep(2 * (turn + 1))
    raise KeycloakMissingError(f"Maven did not fetch {COORDINATES}: {said[-500:]}")


def _unpack(archive: Path, into: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(into)
    return next(into.glob("keycloak-*/version.txt")).parent


def _build(folder: Path) -> None:
    _say("Building Keycloak for local use, once ...")
    launcher = folder / "bin" / "kc.sh"
    launcher.chmod(0o755)
    said = _run([str(launcher), "build", *_OPTIONS], folder, _BUILD_SECONDS)
    if "configuration updated" not in said:
        raise KeycloakMissingError(f"Keycloak was not built: {said[-1000:]}")


def _run(argv: list[str], where: Path, seconds: float) -> str:
    try:
        ran = subprocess.run(
            argv, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{argv[0]} took longer than {seconds:g} s"
    return ran.stdout + ran.stderr


def _check_java() -> None:
    java = shutil.which("java")
    if java is None:
        raise KeycloakMissingError("there is no Java to run Keycloak with")
    ran = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r'version "(\d+)', ran.stderr)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise KeycloakMissingError(
            f"Keycloak needs Java {_OLDEST_JAVA} or newer, not {ran.stderr.partition(chr(10))[0]}"
        )


def _cache() -> Path:
    """The user's cache folder; a folder for temporary files where that cannot be written."""
    named = os.environ.get("XDG_CACHE_HOME")
    chosen = (Path(named) if named else Path.home() / ".cache") / "penstock"
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError:
        chosen = Path(tempfile.gettempdir()) / f"penstock-cache-{os.getuid()}"
        chosen.mkdir(mode=0o700, exist_ok=True)
    return chosen


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[None]:
    with (folder / "keycloak.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """Get it, or say loudly that there is none; the number of the exit: 1 only with REQUIRE_KEYCLOAK=1."""
    try:
        distribution()
    except KeycloakMissingError as missing:
        required = os.environ.get("REQUIRE_KEYCLOAK") == "1"
        _say(f"\n*** NO KEYCLOAK, ITS TESTS {'FAIL' if required else 'ARE SKIPPED'}: {missing} ***\n")
        return int(required)
    return 0


if __name__ == "__main__":
    sys.exit(main())
