"""Alerts and dashboard ask for metrics that there are, and every alert has its runbook."""

import json
import re
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from api.measures import Measures
from broker.meters import Meters
from deploy.local import home as homes

_METRIC = re.compile(r"penstock_\w+")
_HELM = homes.ROOT / "helm" / "files"
_SUFFIXES = ("", "_total", "_bucket", "_sum", "_count")


def known() -> set[str]:
    registry = CollectorRegistry()
    Meters(registry, most=1)
    families = [*registry.collect(), *Measures().registry.collect()]
    return {family.name + suffix for family in families for suffix in _SUFFIXES}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((_HELM / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def test_alerts_ask_for_metrics_that_there_are() -> None:
    asked = {name for rule in rules() for name in _METRIC.findall(rule["expr"])}
    assert asked
    assert asked <= known()


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    panels = json.loads((_HELM / "dashboard.json").read_text())["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in _METRIC.findall(target["expr"])}
    assert len(panels) >= 10
    assert asked <= known()


def test_every_alert_has_a_runbook() -> None:
    page = (homes.ROOT / "docs" / "operations" / "alerts.md").read_text()
    for rule in rules():
        assert f"## {rule['alert']}\n" in page
        assert rule["annotations"]["runbook"] == f"docs/operations/alerts.md#{rule['alert'].lower()}"
