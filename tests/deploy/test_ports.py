"""Ports of the local stack: free ones, and the same ones again."""

import socket
from pathlib import Path

import pytest

from deploy.local import ports


def test_a_port_with_a_listener_is_not_free() -> None:
    port = ports.free()
    with ports.listen(port):
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_a_taken_port_is_said_plainly() -> None:
    with ports.listen(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ports.PortTakenError, match=f"port {port} is taken by another program"):
            ports.listen(port)


def test_ports_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = ports.remembered(file, ("a", "b"))
    assert len(set(first.values())) == 2
    assert ports.remembered(file, ("a", "b")) == first


def test_a_port_that_was_taken_since_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = ports.remembered(file, ("a", "b"))
    with socket.create_server((ports.LOOPBACK, first["a"])):
        second = ports.remembered(file, ("a", "b"))
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]
