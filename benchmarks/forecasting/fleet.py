"""A fleet of simulated sites at 15 minutes: how long one round of forecasts takes, features and all, and how long one training.

Sites are worked on in batches by a process for each core, which have started before the clock does. Each batch begins with readings in
memory and ends with quantiles.
"""

import os
import resource
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import numpy as np
import pandas as pd

from forecasting.goals import Goal
from forecasting.work import THREADS
from services.features.recipe.catalog import catalog
from services.features.recipe.table import MEASURED, Home, build_tables, reach
from services.forecaster.model import pool, solar
from services.forecaster.model.history import History
from services.forecaster.model.pool import Pool
from services.forecaster.model.pooled_design import Rows, pooled_design
from services.forecaster.model.series import Series, Values, series_from_table
from services.forecaster.model.solar import SolarModel
from services.forecaster.model.split import Pairs, training_pairs
from services.gateway_sim.plant.fleet import member
from services.gateway_sim.plant.home import simulate
from services.gateway_sim.settings import GatewayConfiguration
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.domain.time import TimeGrid, instant64

SITES = 1000
STEP = timedelta(minutes=15)
NOW = datetime(2024, 6, 3, tzinfo=UTC)
TRAINING_DAYS = 90
HISTORY_DAYS = 28
"""That a forecast looks back."""
AHEAD = timedelta(hours=48)
BATCH = 50
WINDOW_DAYS = 7
SEED = 7
SOLAR_SITES = 200
"""Of a fleet that the solar model learns from."""
TARGETS = (Target.LOAD, Target.SOLAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What was measured. Peaks are those of all processes together, their libraries among it."""

    sites: int
    quantiles: int
    """That a round makes."""
    round_seconds: float
    round_peak_mib: float
    training_rows: int
    training_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    load: Pool
    solar: SolarModel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Readings of sites up to `NOW`."""

    homes: list[Home]
    readings: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnable:
    """What a batch gives to a training."""

    names: tuple[str, ...]
    matrix: Rows
    actual: Values
    histories: list[History]


def measure_fleet(sites: int) -> Fleet:
    """Simulate so many sites, train on them and forecast them."""
    for variable in THREADS:
        os.environ[variable] = "1"
    numbers = [range(begin, min(begin + BATCH, sites)) for begin in range(0, sites, BATCH)]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as workers:
        batches = list(workers.map(simulated, numbers))
        started = time.perf_counter()
        models = _trained(workers.map(learnable, batches), sites)
        training_seconds = time.perf_counter() - started
    with ProcessPoolExecutor(
        len(os.sched_getaffinity(0)), mp_context=get_context("spawn"), initializer=_equip, initargs=(models,)
    ) as workers:
        list(workers.map(_ready, numbers))
        started = time.perf_counter()
        made = list(workers.map(_forecast, (_recent(batch) for batch in batches)))
        round_seconds = time.perf_counter() - started
    peaks = {process: peak for _, process, peak in made}
    return Fleet(
        sites=sites,
        quantiles=sum(count for count, _, _ in made),
        round_seconds=round_seconds,
        round_peak_mib=sum(peaks.values()),
        training_rows=sites * TRAINING_DAYS * int(timedelta(days=1) / STEP),
        training_seconds=training_seconds,
    )


def fleet_goals(fleet: Fleet) -> list[Goal]:
    """Those of a fleet of `SITES`; smaller ones have none."""
    if fleet.sites < SITES:
        return []
    return [
        Goal(text="seconds for a round of forecasts", value=fleet.round_seconds, most=10.0),
        Goal(text="MiB at the most in a round, all processes", value=fleet.round_peak_mib, most=2048.0),
        Goal(text="seconds for a training", value=fleet.training_seconds, most=300.0),
    ]


def simulated(numbers: range) -> Batch:
    """Homes of a fleet with what they measured, long enough for the first day of a training to know its context."""
    base = GatewayConfiguration().to_home()
    days = TRAINING_DAYS + reach(WINDOW_DAYS).days
    grid = TimeGrid(start=NOW - timedelta(days=days), step=STEP, count=days * int(timedelta(days=1) / STEP))
    stamps = pd.DatetimeIndex(grid.starts()).tz_localize("UTC")
    homes, frames = [], []
    for number in numbers:
        own = member(base, number)
        site = Site(
            site_id=own.site_id,
            timezone=own.timezone,
            latitude=own.latitude,
            longitude=own.longitude,
            resolution=STEP,
            solar=own.solar.spec,
        )
        values = simulate(own, grid).arrays.values
        measured = {name: values.get(name, np.nan) for name in MEASURED.values()}
        homes.append(Home(site=site))
        frames.append(pd.DataFrame({"site_id": site.site_id, "device_id": "meter", "timestamp": stamps} | measured))
    return Batch(homes=homes, readings=pd.concat(frames, ignore_index=True))


def learnable(batch: Batch) -> Learnable:
    """Random pairs of every site, as many as the model takes from a large fleet."""
    share = pool.NETWORK_ROWS // SITES
    matrices, actual, histories = [], [], []
    names: tuple[str, ...] = ()
    for number, (load, sun) in enumerate(_series(batch, days=TRAINING_DAYS)):
        pairs = training_pairs(load, until=load.count - AHEAD // STEP, rows=share, rng=np.random.default_rng(SEED + number))
        table = pooled_design(load, known=pairs.known, step=pairs.step)
        names = table.names
        matrices.append(table.matrix)
        actual.append(load.values[pairs.step] / table.level)
        if number % (SITES // SOLAR_SITES) == 0:
            histories.append(History(series=sun, known=sun.count - AHEAD // STEP))
    return Learnable(names=names, matrix=np.concatenate(matrices), actual=np.concatenate(actual), histories=histories)


def _trained(parts: Iterable[Learnable], sites: int) -> Models:
    found = list(parts)
    matrix, actual = (np.concatenate([getattr(part, name) for part in found]) for name in ("matrix", "actual"))
    load = pool.fit_rows(found[0].names, matrix, actual, seed=SEED, threads=len(os.sched_getaffinity(0)))
    histories = [history for part in found for history in part.histories]
    return Models(load=load, solar=solar.fit(histories, rows=pool.TREE_ROWS * min(sites, SITES) // SITES, seed=SEED))


def _recent(batch: Batch) -> Batch:
    """What a round reads: the history of its lags and their own context."""
    begin = pd.Timestamp(NOW - timedelta(days=HISTORY_DAYS) - reach(WINDOW_DAYS))
    return Batch(homes=batch.homes, readings=batch.readings[batch.readings["timestamp"] >= begin])


def _series(batch: Batch, *, days: int) -> Iterable[tuple[Series, Series]]:
    """Load and generation of each site over so many days and the hours ahead, as the features have them."""
    grid = TimeGrid(start=NOW - timedelta(days=days), step=STEP, count=(timedelta(days=days) + AHEAD) // STEP)
    tables = build_tables(readings=batch.readings, homes=batch.homes, prices={}, interval=grid.interval, as_of=NOW, window_days=WINDOW_DAYS)
    columns = catalog(window_days=WINDOW_DAYS)
    for number in range(len(batch.homes)):
        table = tables.of(number)
        load, sun = (
            series_from_table(table, columns, target, step=STEP, start=instant64(grid.start), end=instant64(grid.end)) for target in TARGETS
        )
        yield load, sun


_models: Models | None = None


def _equip(models: Models) -> None:
    global _models  # noqa: PLW0603 a worker holds its models for its life
    _models = models


def _ready(_numbers: range) -> bool:
    return _models is not None


def _forecast(batch: Batch) -> tuple[int, int, float]:
    """How many quantiles, by which process, and its peak of memory so far in MiB."""
    assert _models is not None
    count = 0
    for load, sun in _series(batch, days=HISTORY_DAYS):
        now = load.count - AHEAD // STEP
        step = np.arange(now, load.count)
        pairs = Pairs(issue=np.full(len(step), now), known=np.full(len(step), int(load.last_known[now])), step=step)
        count += _models.load.of(pooled_design(load, known=pairs.known, step=step)).size
        if _models.solar is not None:
            count += _models.solar.quantiles(History(series=sun, known=now), pairs).size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return count, os.getpid(), peak
