"""What a private RabbitMQ node finds when it starts; that it runs is shown by every test that uses one."""

import json
import stat
from pathlib import Path

import pytest

from deploy.local import rabbitmq


@pytest.fixture
def node(tmp_path: Path) -> rabbitmq.Node:
    """A node that was never started."""
    return rabbitmq.node(tmp_path / "home", vhosts=("one", "two"))


def test_a_node_has_one_user_whom_nobody_can_guess(node: rabbitmq.Node) -> None:
    rabbitmq.server(node).command()
    definitions = json.loads((node.data / "definitions.json").read_text())
    assert [user["name"] for user in definitions["users"]] == ["penstock"]
    assert len(node.password) >= 32
    for secret in (node.home / "rabbitmq.password", node.data / "definitions.json", node.data / ".erlang.cookie"):
        assert stat.S_IMODE(secret.stat().st_mode) & 0o077 == 0, secret


def test_what_it_dumps_when_it_crashes_stays_with_it(node: rabbitmq.Node) -> None:
    assert rabbitmq.server(node).command().folder == node.data


def test_a_home_keeps_its_password_and_its_cookie(node: rabbitmq.Node) -> None:
    rabbitmq.server(node).command()
    (node.data / "booted").touch()
    cookie = (node.data / ".erlang.cookie").read_text()
    again = rabbitmq.node(node.home, vhosts=node.vhosts)
    rabbitmq.server(again).command()
    assert again.url("one") == node.url("one")
    assert (node.data / ".erlang.cookie").read_text() == cookie


def test_what_a_first_boot_left_half_done_is_thrown_away(node: rabbitmq.Node) -> None:
    schema = node.data / "mnesia" / "schema"
    schema.mkdir(parents=True)
    rabbitmq.server(node).command()
    assert not schema.exists()

    schema.mkdir(parents=True)
    (node.data / "booted").touch()
    rabbitmq.server(node).command()
    assert schema.exists()


def test_settings_of_the_machines_own_rabbitmq_do_not_reach_it(
    node: rabbitmq.Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_USE_LONGNAME", "true")
    monkeypatch.setenv("RABBITMQ_NODENAME", "rabbit@elsewhere")
    environment = rabbitmq.environment(node)
    assert environment["RABBITMQ_USE_LONGNAME"] == ""
    assert environment["RABBITMQ_NODENAME"] == "penstock@localhost"


def test_the_nodes_of_a_cluster_know_each_other_and_mirror_their_queues(tmp_path: Path) -> None:
    nodes = rabbitmq.cluster(tmp_path / "home", vhosts=("one",))
    for node in nodes:
        rabbitmq.server(node).command()
    assert len({node.data for node in nodes}) == len({node.port for node in nodes}) == 3
    assert len({(node.data / ".erlang.cookie").read_text() for node in nodes}) == 1
    for node in nodes:
        config = (node.data / "rabbitmq.conf").read_text()
        assert all(f" = {peer.name}\n" in config for peer in nodes)
        (policy,) = json.loads((node.data / "definitions.json").read_text())["policies"]
        assert (policy["vhost"], policy["definition"]["ha-mode"]) == ("one", "all")
    assert rabbitmq.environment(nodes[1])["RABBITMQ_NODENAME"] == "penstock2@localhost"
