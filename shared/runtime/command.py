"""A command of a service: the same object is a root script of its own and a subcommand of `der`."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.runtime import logging
from shared.runtime.cli import Parser, run
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import RuntimeSettings, load
from shared.runtime.worker import Parts, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person types, what it says of itself, and what it does."""

    name: str
    summary: str
    """One line, as `der --help` lists it."""
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace, Resources], int | None]
    """Gets the parsed options and the resources, which open what is used; returns an exit status."""


def execute(command: Command, options: argparse.Namespace, *, program: str, state_dir: Path | None = None) -> int:
    """Run a parsed command with the resources that the environment names."""

    def body() -> int | None:
        settings = load(RuntimeSettings, state_dir=state_dir)
        logging.configure(level=settings.log_level, form=settings.log_format)
        with open_resources(settings) as resources:
            return command.execute(options, resources)

    return run(program, body)


def script(command: Command, argv: Sequence[str] | None = None) -> int:
    """A root script: the command alone, its name the script's."""
    program = Path(sys.argv[0]).name
    parser = Parser(prog=program, description=command.summary, examples=command.examples)
    command.add_arguments(parser)
    return execute(command, parser.parse_args(argv), program=program)


def run_until_signalled(resources: Resources, parts: Sequence[Parts]) -> int:
    """Live with these parts until SIGTERM or Ctrl-C, then finish what is under way; returns the exit status."""

    async def live() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        worker = Worker(bus=resources.bus, clock=resources.clock, parts=parts)
        try:
            await worker.run(stop)
        finally:
            await resources.bus.close()

    asyncio.run(live())
    return 0
