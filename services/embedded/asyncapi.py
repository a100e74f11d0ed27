"""`der asyncapi`: the messages between the services, for tools and for people."""

import argparse
import sys

from shared.contracts import asyncapi
from shared.runtime.command import Command
from shared.runtime.resources import Resources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--page", action="store_true", help="print the page for people (Markdown) instead")


def execute(options: argparse.Namespace, _resources: Resources) -> None:
    sys.stdout.write(asyncapi.page() if options.page else asyncapi.text())


ASYNCAPI = Command(
    name="asyncapi",
    summary="Print the AsyncAPI document of the messages between services.",
    examples="  der asyncapi > docs/asyncapi.json\n  der asyncapi --page > docs/messages.md\n",
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (ASYNCAPI,)
