"""`python -m api` with settings that do not fit: said in a line, before anything is served."""

from pathlib import Path

import pytest

from tests.support import commands

NOWHERE = {
    "environment": "local",
    "mongodb_url": "mongodb://127.0.0.1:1/",
    "rabbitmq_url": "amqp://127.0.0.1:1/",
    "auth_url": "http://127.0.0.1:1",
}


async def test_a_setting_that_is_missing_is_named() -> None:
    status, said = await commands.run("api", "--port", "0")
    assert (status, "PENSTOCK_MONGODB_URL is not set" in said, "Traceback" in said) == (1, True, False), said


@pytest.mark.parametrize(("module", "arguments"), [("api", ("--port", "0")), ("broker", ("engine",))])
@pytest.mark.parametrize("setting", ["master_keys_file", "kms"])
async def test_master_keys_that_cannot_be_had_are_said_in_a_line(
    module: str, arguments: tuple[str, ...], setting: str, tmp_path: Path
) -> None:
    status, said = await commands.run(module, *arguments, **NOWHERE, **{setting: str(tmp_path / "absent")})
    assert (status, said.count("\n"), said.startswith(f"PENSTOCK_{setting.upper()}")) == (1, 1, True), said
