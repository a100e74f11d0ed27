"""A command of a service: the same object is a root script of its own and a subcommand of `der`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.runtime import logging
from shared.runtime.cli import Parser, run
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import RuntimeSettings, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person types, what it says of itself, and what it does."""

    name: str
    summary: str
    """One line, as `der --help` lists it."""
    examples: str
    """As they are written; `{program}` stands for the script, or for `der` and the command's name."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace, Resources], int | None]
    """Gets the parsed options and the resources, which open what is used; returns an exit status."""

    def examples_of(self, program: str) -> str:
        """The examples as a person types them."""
        return self.examples.replace("{program}", program)


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
    parser = Parser(prog=program, description=command.summary, examples=command.examples_of(program))
    command.add_arguments(parser)
    return execute(command, parser.parse_args(argv), program=program)
