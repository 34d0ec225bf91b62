"""What the audit of dependencies makes of its tools' words, and what it says where they have none."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy import check_advisories as audit


def test_npm_s_findings_are_told_but_for_the_slight_ones() -> None:
    told: Any = {
        "vulnerabilities": {
            "vite": {"severity": "high", "via": [{"title": "Reads any file"}]},
            "wrapper": {"severity": "moderate", "via": ["vite"]},
            "meh": {"severity": "low", "via": []},
        }
    }
    assert audit.of_npm(json.dumps(told)) == [
        "vite: high, Reads any file",
        "wrapper: moderate, by what it depends on",
    ]
    assert audit.of_npm('{"vulnerabilities": {}}') == []


def test_pip_audit_s_findings_are_told() -> None:
    rows: Any = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}, {"id": "CVE-2"}]},
        {"name": "c", "skip_reason": "unknown"},
    ]
    assert audit.of_pip(json.dumps({"dependencies": rows})) == ["b 2: PYSEC-1, CVE-2"]


def test_packages_that_the_service_does_not_know_are_not_audited() -> None:
    rows: Any = [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]
    with pytest.raises(audit.NotHadError, match="1 of 2 packages, b among them"):
        audit.of_pip(json.dumps({"dependencies": rows}))


@pytest.mark.parametrize("told", ["", "[]", "null", '{"message": "405 Method Not Allowed"}'])
def test_no_audit_is_no_clean_bill(told: str) -> None:
    with pytest.raises(audit.NotHadError):
        audit.of_npm(told)
    with pytest.raises(audit.NotHadError):
        audit.of_pip(told)


def test_without_the_tools_it_says_so_and_passes_unless_it_must_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(audit.sys, "executable", str(tmp_path / "python"))
    for wanted, status in (("0", 0), ("1", 1)):
        monkeypatch.setenv("REQUIRE_AUDIT", wanted)
        with pytest.raises(SystemExit) as ended:
            audit.main()
        assert ended.value.code == status
        assert capsys.readouterr().err.count("NOT AUDITED") == 2
