"""`python -m store` with settings or files that do not fit: plain lines and a status, and nothing is done."""

from pathlib import Path

from tests.support import commands


async def test_a_setting_that_is_missing_is_named() -> None:
    for arguments in (("audit", "verify"), ("keys", "rotate")):
        status, said = await commands.run("store", *arguments)
        assert (status, "PENSTOCK_MONGODB_URL is not set" in said, "Traceback" in said) == (1, True, False), said


def beside(mongodb_url: str, database_name: str) -> dict[str, str]:
    """The settings of a command."""
    usual = {"environment": "local", "rabbitmq_url": "amqp://127.0.0.1:1/", "auth_url": "http://127.0.0.1:1"}
    return usual | {"mongodb_url": mongodb_url, "mongodb_database": database_name}


async def test_paths_that_do_not_fit_are_said_in_a_line(mongodb_url: str, database_name: str, tmp_path: Path) -> None:
    there, absent = tmp_path / "there", str(tmp_path / "absent" / "file")
    there.write_text("mine")
    for arguments, why in (
        (("backup", str(there)), "exists already"),
        (("backup", str(tmp_path / "b"), "--keys", str(there)), "exists already"),
        (("backup", absent), "cannot be made: No such file or directory"),
        (("archive", str(there), "--days", "1"), "exists already"),
        (("archive", absent, "--days", "1"), "cannot be made: No such file or directory"),
        (("restore", absent), "cannot be read: No such file or directory"),
        (("restore", str(tmp_path)), "cannot be read: Is a directory"),
    ):
        status, said = await commands.run("store", *arguments, **beside(mongodb_url, database_name))
        assert (status, why in said, said.count("\n")) == (1, True, 1), said
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
    assert there.read_text() == "mine"


async def test_what_is_written_is_for_its_owner_alone(mongodb_url: str, database_name: str, tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("archive", "backup", "keys")]
    (tmp_path / "backup.part").write_text("left by one that died")
    for arguments in (("archive", names[0], "--days", "1"), ("backup", names[1], "--keys", names[2])):
        status, said = await commands.run("store", *arguments, **beside(mongodb_url, database_name))
        assert status == 0, said
    assert sorted(str(each) for each in tmp_path.iterdir()) == names
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
