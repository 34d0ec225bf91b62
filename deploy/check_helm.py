"""Checks the chart, when helm is to be had: `python -m deploy.check_helm`.

Every set of values in `helm/ci` is linted and rendered, and what Kubernetes itself knows of it is held against its
schemas. helm is the one on PATH, else the one in the cache folder, where `HELM=1` builds it with Go.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate as kubernetes  # pyright: ignore[reportMissingTypeStubs]
import yaml

_ROOT = Path(__file__).parents[1]
_CHART = _ROOT / "helm"
_VERSION = "1.31"
_MODULE = "helm.sh/helm/v3/cmd/helm@v3.18.4"


def helm() -> Path | None:
    """The program, if there is one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "penstock" / "bin"
    if not (on_path := shutil.which("helm")) and not (cache / "helm").exists() and os.environ.get("HELM"):
        subprocess.run(["go", "install", _MODULE], check=True, env={**os.environ, "GOBIN": str(cache)})
    if on_path is not None:
        return Path(on_path)
    return cache / "helm" if (cache / "helm").exists() else None


def values() -> list[Path]:
    """The sets of values to try."""
    return sorted((_CHART / "ci").glob("*.yaml"))


def faults(program: Path, chosen: Path) -> list[str]:
    """What is wrong with the chart with these values."""
    lint = _run(program, "lint", "--strict", "--kube-version", _VERSION, "--values", str(chosen), str(_CHART))
    if lint.returncode:
        return [lint.stdout + lint.stderr]
    made = _run(program, "template", "t", str(_CHART), "--kube-version", _VERSION, "--values", str(chosen))
    if made.returncode:
        return [made.stderr]
    return [fault for each in _rendered(made.stdout) for fault in _invalid(each)]


def _run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)


def _rendered(text: str) -> Iterator[dict[str, Any]]:
    return (each for each in yaml.safe_load_all(text) if each is not None)


def _invalid(made: dict[str, Any]) -> Iterator[str]:
    try:
        kubernetes.validate(made, _VERSION, strict=True)
    except kubernetes.SchemaNotFoundError:
        return  # of an operator, not of Kubernetes
    except kubernetes.ValidationError as error:
        where = ".".join(str(part) for part in error.path)
        yield f"{made['kind']} {made['metadata']['name']}: {where}: {error.message}"


def main() -> int:
    """Check, and say what is wrong; the number of the exit."""
    program = helm()
    if program is None:
        sys.stderr.write("The chart is not checked: helm is not installed (HELM=1 make check builds it with Go).\n")
        return 0
    wrong = [f"{chosen.name}: {fault}" for chosen in values() for fault in faults(program, chosen)]
    sys.stderr.writelines(f"{fault}\n" for fault in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
