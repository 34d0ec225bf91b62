"""Our own processes as services of a stack."""

from pathlib import Path

from deploy.local import services

_AT = services.Addresses(
    api="http://a", auth="http://b", rabbitmq="amqp://c", mongodb="mongodb://d", master_keys=Path("keys")
)


def test_api_processes_share_a_listener_and_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "of-an-earlier-stack.db").touch()

    apis = services.api(tmp_path, _AT, listener=7, count=3)

    assert [each.role for each in apis] == ["api", "api-2", "api-3"]
    commands = [each.command() for each in apis]
    assert all(command.inherited_fds == (7,) for command in commands)
    assert {command.env["PROMETHEUS_MULTIPROC_DIR"] for command in commands} == {str(tmp_path / "metrics")}
    assert not list((tmp_path / "metrics").iterdir())


def test_a_single_api_keeps_its_numbers_to_itself(tmp_path: Path) -> None:
    (only,) = services.api(tmp_path, _AT, listener=7, count=1)
    assert "PROMETHEUS_MULTIPROC_DIR" not in only.command().env


def test_the_server_is_told_where_everything_is(tmp_path: Path) -> None:
    for service in (services.engine(tmp_path, _AT), *services.api(tmp_path, _AT, listener=7, count=1)):
        env = service.command().env
        assert env["PENSTOCK_ENVIRONMENT"] == "local"
        assert (env["PENSTOCK_MONGODB_URL"], env["PENSTOCK_RABBITMQ_URL"]) == (_AT.mongodb, _AT.rabbitmq)
        assert env["PENSTOCK_AUTH_URL"] == _AT.auth
