"""The command `der`: every service's commands, and `der run`, all of them in one process."""

import importlib
import sys
from collections.abc import Sequence

from shared.runtime.cli import Parser, folder
from shared.runtime.command import Command, execute

DESCRIPTION = "Forecasts and buy/sell/store schedules for homes with batteries, solar, EVs and dynamic prices."
EXAMPLES = """\
  der run                                            one simulated home, alive, on http://127.0.0.1:8000/
  der run --data home.csv --timezone Europe/Berlin   your own measurements instead
  der import home.parquet --site home                measurements into the state folder, nothing started
  der sync --once && der features --once && der train && der forecast && der plan
                                                     the same, step by step
  der plan --problem problem.json                    plan a problem of your own, no state needed
  der backtest --site home --days 14                 what planning would have saved

All state is in one folder: --state-dir, else the environment's DER_STATE_DIR, else var/ here."""

CATALOG: dict[str, tuple[str, str]] = {
    "run": ("services.embedded.run", "One home in one process: readings, forecasts, schedule, page and API."),
    "import": ("services.embedded.home_import", "Bring a home's measurements from a file into the state folder."),
    "simulate": ("services.gateway_sim.main", "Simulate a gateway: solar, battery, home, car and grid price."),
    "sync": ("services.sync.main", "Copy readings, sites and prices from the edge store to the cloud store."),
    "features": ("services.features.main", "Build feature tables from the readings in the cloud store."),
    "train": ("services.embedded.forecasting", "Train and evaluate the models that forecast load, solar and price."),
    "forecast": ("services.embedded.forecasting", "Forecast the next 48 hours of load, solar and price."),
    "plan": ("services.optimizer.main", "Plan when to buy, sell or store: a site, or a problem given as JSON."),
    "backtest": ("services.embedded.backtest", "Replay policies on what really happened: bills, and what planning caught."),
    "export": ("services.embedded.export", "Write readings, forecasts, schedule or features to a file."),
    "jobs": ("services.embedded.jobs", "Show the jobs that workers share, and do a failed one again."),
    "dead": ("services.embedded.dead", "Messages that were given up: list, show, replay, drop."),
    "migrate": ("services.embedded.migrate", "Make or upgrade the tables of the cloud store on PostgreSQL, and its logins."),
    "prices": ("services.embedded.feeds", "Show energy prices of a public supplier or a file."),
    "weather": ("services.embedded.feeds", "Show the weather of a place: forecast, past, or as it was forecast then."),
    "api": ("services.api.main", "Serve the page and the REST API alone, on the stores of the state folder."),
    "openapi": ("services.api.main", "Print the OpenAPI document of the REST API."),
    "asyncapi": ("services.embedded.asyncapi", "Print the AsyncAPI document of the messages between services."),
}
"""Where each command lives and what the list of commands says of it. A module is imported when its command is asked for."""


def command_named(name: str) -> Command:
    """A command of the catalog, imported now."""
    commands: tuple[Command, ...] = importlib.import_module(CATALOG[name][0]).COMMANDS
    return next(command for command in commands if command.name == name)


def parser(argv: Sequence[str]) -> Parser:
    """The command line, with the options of the commands that the arguments could mean."""
    whole = Parser(prog="der", description=DESCRIPTION, examples=EXAMPLES)
    whole.add_argument("--state-dir", type=folder, metavar="DIR", help="folder of all state (default: DER_STATE_DIR, else var)")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, (_, summary) in CATALOG.items():
        if name in argv:
            command = command_named(name)
            part = commands.add_parser(name, help=summary, description=command.summary, examples=command.examples_of(f"der {name}"))
            command.add_arguments(part)
        else:
            commands.add_parser(name, help=summary)
    return whole


def cli(argv: Sequence[str] | None = None) -> int:
    """`der`. Returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    options, unknown = parser(words).parse_known_args(words)
    if unknown:
        Parser(prog=f"der {options.command}").error(f"unrecognized arguments: {' '.join(unknown)}")
    return execute(command_named(options.command), options, program=f"der {options.command}", state_dir=options.state_dir)


if __name__ == "__main__":
    sys.exit(cli())
