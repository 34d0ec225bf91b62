"""The processes without HTTP, and looking after RabbitMQ by hand; settings come from PENSTOCK_ variables.

python -m broker engine      everything that happens to tasks without a caller
python -m broker doctor      what is wrong with this deployment, in plain words; exits with 1 for anything fatal
python -m broker topology    declare what is missing in RabbitMQ, and show the lanes
python -m broker refill      publish tickets that RabbitMQ lost, now
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from broker import assembly, doctor, engine, lanes, observing, probes, telemetry
from core import chosen, diagnosis, errors, garbage, logs
from core.settings import Settings


async def run_engine(settings: Settings) -> int:
    """Run an engine until SIGTERM or SIGINT, then stop in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    garbage.spare()
    tracing = telemetry.configured(settings, "penstock-engine")
    watching = observing.observer(settings.metrics_queues, tracing)
    async with assembly.running(settings, name="engine", tracing=tracing) as parts:
        answers = probes.Probes(watching.registry, observing.readiness(parts))
        async with probes.serving(answers, settings.engine_host, settings.engine_port):
            await engine.run(parts, stop, watching=watching)
    if tracing is not None:
        await asyncio.to_thread(tracing.close)
    return 0


async def run_doctor(settings: Settings) -> int:
    """Examine, and say what was found."""
    found = await doctor.examine(settings)
    _say(diagnosis.text(found))
    return 1 if any(each.fatal for each in found) else 0


async def run_topology(settings: Settings) -> int:
    """Declare and show."""
    await lanes.show(settings, say=_say)
    return 0


async def run_refill(settings: Settings) -> int:
    """Compare and fill."""
    await lanes.refill(settings, say=_say)
    return 0


COMMANDS: Mapping[str, tuple[str, Callable[[Settings], Coroutine[Any, Any, int]]]] = {
    "engine": ("timers, tickets, events, statistics, redrives, retention", run_engine),
    "doctor": ("what is wrong with this deployment", run_doctor),
    "topology": ("declare what is missing in RabbitMQ, and show it", run_topology),
    "refill": ("publish tickets that RabbitMQ lost", run_refill),
}


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and do it."""
    parser = argparse.ArgumentParser(
        prog="python -m broker", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (what, _) in COMMANDS.items():
        commands.add_parser(name, help=what)
    given = parser.parse_args(arguments)
    settings = chosen.settings()
    if isinstance(settings, list):
        sys.exit(diagnosis.text(settings))
    logs.configure(settings)
    sys.exit(_run(COMMANDS[given.command][1](settings)))


def _run(work: Coroutine[Any, Any, int]) -> int | str:
    """The number of the exit, or what to say with 1."""
    try:
        if sys.platform == "win32":
            return asyncio.run(work)
        import uvloop  # noqa: PLC0415 - not there on Windows

        return uvloop.run(work)
    except (errors.PenstockError, TimeoutError) as error:
        return str(error) or "RabbitMQ does not answer."


if __name__ == "__main__":
    main()
