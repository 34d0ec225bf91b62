"""Runs a command line of ours as a process of its own, with the settings that a test names and no others."""

import asyncio
import os
import sys


async def run(module: str, *arguments: str, **settings: str) -> tuple[int | None, str]:
    """Its status and all that it said; `settings` are those of `PENSTOCK_`, in lower case."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    env |= {f"PENSTOCK_{name.upper()}": value for name, value in settings.items()}
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=env, stdout=pipe, stderr=both
    )
    said, _ = await running.communicate()
    return running.returncode, said.decode()
