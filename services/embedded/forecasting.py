"""The forecaster's commands with the planner beside it, which judges models in money."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from services.forecaster import main as forecaster
from services.optimizer import main as optimizer
from shared.runtime.command import Command, script
from shared.runtime.resources import Resources
from shared.runtime.worker import Parts

_train = partial(forecaster.execute_train, planner=optimizer.build)
TRAIN = replace(forecaster.TRAIN, execute=_train)
TRAIN_SCRIPT = replace(forecaster.TRAIN_SCRIPT, execute=_train)
FORECAST = replace(forecaster.FORECAST, execute=partial(forecaster.execute_forecast, planner=optimizer.build))
COMMANDS: tuple[Command, ...] = (TRAIN, FORECAST)


def parts(resources: Resources) -> Parts:
    """What the forecaster brings to a process."""
    return forecaster.parts(resources, planner=optimizer.build)


def cli(argv: Sequence[str] | None = None) -> int:
    return script(TRAIN_SCRIPT, argv)
