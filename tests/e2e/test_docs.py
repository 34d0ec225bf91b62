"""Every shell block of the README and the docs runs as it stands, against a stack that `make run` started."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from deploy.local import home as homes
from tests.support.stack import LocalStack

pytestmark = pytest.mark.xdist_group("stack")

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PAGES = [homes.ROOT / "README.md", *homes.ROOT.glob("examples/*/README.md"), *homes.ROOT.glob("docs/**/*.md")]


def _blocks() -> list[tuple[str, str]]:
    """Page and position to the text of each block; those of one page share a shell, since they follow each other."""
    pages = [(str(page.relative_to(homes.ROOT)), _BLOCK.findall(page.read_text())) for page in sorted(_PAGES)]
    return [(name, "\n".join(blocks)) for name, blocks in pages if blocks]


@pytest.mark.parametrize(("page", "script"), _blocks(), ids=[page for page, _ in _blocks()])
def test_the_shell_blocks_of_a_page_run(stack: LocalStack, page: str, script: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=homes.ROOT,
        env={
            **os.environ,
            "PENSTOCK_HOME": str(stack.home),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(homes.ROOT / "sdk" / "python" / "src"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, f"{page}\n{ran.stdout}\n{ran.stderr}"
