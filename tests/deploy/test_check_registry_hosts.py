"""The rule that no committed file names a package registry."""

import subprocess
from pathlib import Path

from deploy import check_registry_hosts


def test_lines_that_name_a_registry_are_found_in_files_that_git_knows(tmp_path: Path) -> None:
    host = "pypi" + ".org"  # in two parts, or this file would break the rule
    (tmp_path / "clean.txt").write_text("nothing here\n")
    (tmp_path / "lock.txt").write_text(f"one\nhttps://{host}/simple\n")
    (tmp_path / "untracked.txt").write_text(host)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "clean.txt", "lock.txt"], cwd=tmp_path, check=True)
    assert check_registry_hosts.offences(tmp_path) == ["lock.txt:2"]
