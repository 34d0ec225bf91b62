"""`python -m store` with settings or files that do not fit: plain lines and a status, and nothing is done."""

from tests.support import commands


async def test_a_setting_that_is_missing_is_named() -> None:
    for arguments in (("audit", "verify"), ("keys", "rotate")):
        status, said = await commands.run("store", *arguments)
        assert (status, "PENSTOCK_MONGODB_URL is not set" in said, "Traceback" in said) == (1, True, False), said
