"""The command `der`: every service's commands, and `der run`, all of them in one process."""

import sys
from collections.abc import Sequence
from pathlib import Path

from services.api import main as api
from services.embedded import backtest, export, home_import, run
from services.features import main as features
from services.forecaster import main as forecaster
from services.gateway_sim import main as gateway_sim
from services.optimizer import main as optimizer
from services.sync import main as sync
from shared.runtime.cli import Parser
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

COMMANDS: tuple[Command, ...] = (
    *run.COMMANDS,
    *home_import.COMMANDS,
    *gateway_sim.COMMANDS,
    *sync.COMMANDS,
    *features.COMMANDS,
    *forecaster.COMMANDS,
    *optimizer.COMMANDS,
    *backtest.COMMANDS,
    *export.COMMANDS,
    *api.COMMANDS,
)


def parser() -> Parser:
    """The whole command line."""
    whole = Parser(prog="der", description=DESCRIPTION, examples=EXAMPLES)
    whole.add_argument("--state-dir", type=Path, metavar="DIR", help="folder of all state (default: DER_STATE_DIR, else var)")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        part = commands.add_parser(command.name, help=command.summary, description=command.summary, examples=command.examples)
        command.add_arguments(part)
    return whole


def cli(argv: Sequence[str] | None = None) -> int:
    """`der`. Returns the exit status."""
    options = parser().parse_args(argv)
    command = next(command for command in COMMANDS if command.name == options.command)
    return execute(command, options, program=f"der {command.name}", state_dir=options.state_dir)


if __name__ == "__main__":
    sys.exit(cli())
