"""The processes without HTTP: `python -m broker engine`."""

import argparse
import asyncio
import signal
import sys

from broker import assembly, engine
from core import logs
from core.settings import Settings


async def run_engine(settings: Settings) -> None:
    """Run an engine until SIGTERM or SIGINT, then stop in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with assembly.running(settings, name="engine") as parts:
        await engine.run(parts, stop)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and do it; settings come from PENSTOCK_ variables."""
    parser = argparse.ArgumentParser(prog="python -m broker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("engine", help="timers, tickets, events, statistics, redrives, retention")
    parser.parse_args(arguments)
    settings = Settings.model_validate({})
    logs.configure(settings)
    if sys.platform == "win32":
        asyncio.run(run_engine(settings))
    else:
        import uvloop  # noqa: PLC0415 - not there on Windows

        uvloop.run(run_engine(settings))


if __name__ == "__main__":
    main()
