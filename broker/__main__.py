"""The processes without HTTP: `python -m broker engine`."""

import argparse
import asyncio
import signal
import sys

from broker import assembly, engine, observing, probes, telemetry
from core import logs
from core.settings import Settings


async def run_engine(settings: Settings) -> None:
    """Run an engine until SIGTERM or SIGINT, then stop in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tracing = telemetry.configured(settings, "penstock-engine")
    watching = observing.observer(settings.metrics_queues, tracing)
    async with assembly.running(settings, name="engine", tracing=tracing) as parts:
        answers = probes.Probes(watching.registry, observing.readiness(parts))
        async with probes.serving(answers, settings.engine_host, settings.engine_port):
            await engine.run(parts, stop, watching=watching)
    if tracing is not None:
        await asyncio.to_thread(tracing.close)


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
