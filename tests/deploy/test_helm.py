"""The chart, where helm is to be had: three sets of values render what Kubernetes takes, nonsense is refused."""

import subprocess
from pathlib import Path

import pytest
import yaml

from deploy import check_helm

HELM = check_helm.helm()
pytestmark = pytest.mark.skipif(HELM is None, reason="helm is not installed")


def template(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    command = [str(HELM), "template", "t", str(check_helm.values()[0].parents[1]), "--kube-version", "1.31", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("chosen", check_helm.values(), ids=lambda file: file.stem)
def test_values_render_what_kubernetes_takes(chosen: Path) -> None:
    assert HELM is not None
    assert check_helm.faults(HELM, chosen) == []


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("auth.url=http://login", "auth.url"),
        ("api.replicas=0", "api.replicas"),
        ("api.replicsa=2", "replicsa"),
        ("secrets.values.mongodbUrl=postgres://x", "mongodbUrl"),
    ],
)
def test_values_that_mean_nothing_are_refused(setting: str, says: str) -> None:
    answer = template("--set", "auth.url=https://login", "--set", setting)
    assert answer.returncode != 0
    assert says in answer.stderr


def test_what_is_missing_is_said() -> None:
    answer = template("--set", "auth.url=https://login")
    assert "secrets: an existing Secret" in answer.stderr


def test_no_process_has_rights_that_it_does_not_need() -> None:
    made = template("--values", str(check_helm.values()[0].parent / "operators.yaml"))
    pods = [
        each["spec"].get("template", each)["spec"]
        for each in yaml.safe_load_all(made.stdout)
        if each and each["kind"] in {"Deployment", "Job", "Pod"}
    ]
    assert len(pods) == 4
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_is_secret_reaches_every_process() -> None:
    folder = check_helm.values()[0].parent
    made = [each for each in yaml.safe_load_all(template("--values", str(folder / "external.yaml")).stdout) if each]
    (fetched,) = [each["spec"]["data"] for each in made if each["kind"] == "ExternalSecret"]
    assert [each["secretKey"] for each in fetched] == [
        "PENSTOCK_MONGODB_URL", "PENSTOCK_RABBITMQ_URL", "PENSTOCK_AUDIT_KEY",
    ]  # fmt: skip
    pods = [each["spec"]["template"]["spec"] for each in made if each["kind"] in {"Deployment", "Job"}]
    assert len(pods) == 3
    for pod in pods:
        (container,) = pod["containers"]
        (keys,) = [each["secret"] for each in pod["volumes"] if each["name"] == "master-keys"]
        (place,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "master-keys"]
        (named,) = [each["value"] for each in container["env"] if each["name"] == "PENSTOCK_MASTER_KEYS_FILE"]
        assert (keys["secretName"], named) == ("penstock-master-keys", f"{place}/master.keys")


def test_what_is_secret_may_be_in_the_release() -> None:
    made = template("--values", str(check_helm.values()[0].parent / "small.yaml"))
    (kept,) = [each for each in yaml.safe_load_all(made.stdout) if each and each["kind"] == "Secret"]
    assert kept["stringData"]["PENSTOCK_AUDIT_KEY"] == "sixteen-characters-or-more"


def test_alerts_link_to_their_runbooks() -> None:
    made = template("--values", str(check_helm.values()[0].parent / "operators.yaml"))
    (rules,) = [each["spec"] for each in yaml.safe_load_all(made.stdout) if each and each["kind"] == "PrometheusRule"]
    links = [rule["annotations"]["runbook_url"] for group in rules["groups"] for rule in group["rules"]]
    assert len(links) == 10
    assert {link.partition("#")[0] for link in links} == {"https://git.example.org/penstock/docs/operations/alerts.md"}
