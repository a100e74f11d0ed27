"""A fleet of simulated sites at 15 minutes: how long one round of forecasts takes, features and all, and how long one training.

A round does what the services do each hour. The feature table of the past is stored; within the clock the readings that it needs are
read, what is recent and what is ahead of each site's table is made again, the stored part is read, and load and generation of 48 hours
are forecast in quantiles. Files stand for the store, so the time of a database is not in it. A training makes the tables of all its
days from readings.

Sites are worked on in batches by a process for each core, which have started before the clock does.
"""

import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import feather

from forecasting.goals import Goal
from forecasting.work import THREADS
from services.features.recipe.catalog import catalog
from services.features.recipe.table import MEASURED, Home, Tables, build_tables, context_before, reach
from services.features.service.due import HORIZON, RECENT
from services.forecaster.model import pool, solar
from services.forecaster.model.history import History
from services.forecaster.model.pool import Pool
from services.forecaster.model.pooled_design import Rows, pooled_design
from services.forecaster.model.series import Series, Values, series_of_targets
from services.forecaster.model.solar import SolarModel
from services.forecaster.model.split import Pairs, training_pairs
from services.forecaster.service.tables import columns_of
from services.gateway_sim.plant.fleet import member
from services.gateway_sim.plant.home import simulate
from services.gateway_sim.settings import GatewayConfiguration
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.domain.time import Interval, TimeGrid, instant64

SITES = 1000
STEP = timedelta(minutes=15)
NOW = datetime(2024, 6, 3, tzinfo=UTC)
TRAINING_DAYS = 90
HISTORY_DAYS = 60
"""That the models look back at most."""
STORED_UNTIL = NOW - timedelta(hours=1)
"""When features were made last."""
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
    round_cpu_seconds: float
    """Of the processes that make it: on two cores that nothing else uses it takes half as long."""
    round_peak_mib: float
    training_rows: int
    training_seconds: float
    training_peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    load: Pool
    solar: SolarModel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Sites, and files of them all."""

    homes: list[Home]
    readings: Path
    """Up to `NOW`."""
    recent: Path
    """Those of them that a round reads."""
    stored: Path
    """The feature tables up to `STORED_UNTIL`, as many rows for each site."""


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
    with TemporaryDirectory(prefix="fleet-") as folder:
        with _workers() as workers:
            batches = list(workers.map(simulated, numbers, repeat(Path(folder))))
            started = time.perf_counter()
            models = _trained(workers.map(learnable, batches), sites)
            training_seconds = time.perf_counter() - started
            training_peak_mib = _peak_mib() + sum(dict(workers.map(_peak_of, numbers)).values())
            list(workers.map(store, batches))
        with _workers(initializer=_equip, initargs=(models,)) as workers:
            list(workers.map(_ready, numbers))
            started = time.perf_counter()
            made = list(workers.map(_forecast, batches))
            round_seconds = time.perf_counter() - started
    peaks = {each.process: each.peak_mib for each in made}
    return Fleet(
        sites=sites,
        quantiles=sum(each.quantiles for each in made),
        round_seconds=round_seconds,
        round_cpu_seconds=sum(each.cpu_seconds for each in made),
        round_peak_mib=sum(peaks.values()),
        training_rows=sites * TRAINING_DAYS * int(timedelta(days=1) / STEP),
        training_seconds=training_seconds,
        training_peak_mib=training_peak_mib,
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


def simulated(numbers: range, folder: Path) -> Batch:
    """Homes of a fleet with what they measured, long enough for the first day of a training to know its context."""
    base = GatewayConfiguration().to_home()
    days = TRAINING_DAYS + reach(WINDOW_DAYS).days + 1
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
    readings = pd.concat(frames, ignore_index=True)
    files = [folder / f"{name}-{numbers.start}.feather" for name in ("readings", "recent", "stored")]
    begin = pd.Timestamp(context_before(NOW - RECENT, WINDOW_DAYS))
    _write(readings, files[0])
    _write(readings[readings["timestamp"] >= begin].reset_index(drop=True), files[1])
    return Batch(homes=homes, readings=files[0], recent=files[1], stored=files[2])


def _write(frame: pd.DataFrame, path: Path) -> None:
    frame.to_feather(path, compression="uncompressed")


def learnable(batch: Batch) -> Learnable:
    """Random pairs of every site, as many as the model takes from a large fleet."""
    share = pool.NETWORK_ROWS // SITES
    matrices, actual, histories = [], [], []
    names: tuple[str, ...] = ()
    for number, (load, sun) in enumerate(_of_targets(_learned(batch), batch)):
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


def _learned(batch: Batch) -> Tables:
    """All that a training learns from; nothing is known ahead of it."""
    return _tables(batch, batch.readings, Interval(start=NOW - timedelta(days=TRAINING_DAYS), end=NOW + AHEAD), as_of=NOW)


def store(batch: Batch) -> None:
    """Make the tables of the past as they were an hour ago, and keep what a forecast reads of them."""
    interval = Interval(start=NOW - timedelta(days=HISTORY_DAYS), end=STORED_UNTIL)
    tables, read = _tables(batch, batch.readings, interval, as_of=STORED_UNTIL), _read()
    _write(pd.DataFrame({name: values.ravel() for name, values in tables.columns.items() if name in read}), batch.stored)


def _up_to_date(batch: Batch) -> Tables:
    """Stored rows, then those that are made again as every hour."""
    fresh = _tables(batch, batch.recent, Interval(start=NOW - RECENT, end=NOW + HORIZON), as_of=NOW)
    kept = feather.read_table(batch.stored, memory_map=True)
    count = int((timedelta(days=HISTORY_DAYS) - RECENT) / STEP)
    columns = {
        name: np.concatenate([kept[name].to_numpy().reshape(len(batch.homes), -1)[:, :count], fresh.columns[name]], axis=1)
        for name in kept.column_names
    }
    stamps = TimeGrid(start=NOW - timedelta(days=HISTORY_DAYS), step=STEP, count=count + len(fresh.timestamps)).starts()
    return Tables(timestamps=pd.DatetimeIndex(stamps).tz_localize("UTC"), columns=columns)


def _tables(batch: Batch, readings: Path, interval: Interval, *, as_of: datetime) -> Tables:
    return build_tables(
        readings=pd.read_feather(readings), homes=batch.homes, prices={}, interval=interval, as_of=as_of, window_days=WINDOW_DAYS
    )


def _read() -> set[str]:
    """Columns that a forecast reads."""
    return {name for target in TARGETS for name in columns_of(catalog(window_days=WINDOW_DAYS), target)}


def _of_targets(tables: Tables, batch: Batch) -> Iterator[tuple[Series, Series]]:
    """Load and generation of each site, to the end of the hours ahead."""
    columns = catalog(window_days=WINDOW_DAYS)
    start, count = instant64(tables.timestamps[0].to_pydatetime()), len(tables.timestamps)
    read = _read()
    # sites one after another, as a feature store reads them
    every = pd.DataFrame({name: values.ravel() for name, values in tables.columns.items() if name in read}, copy=False)
    for number in range(len(batch.homes)):
        table = every.iloc[number * count : (number + 1) * count].assign(timestamp=tables.timestamps)
        found = series_of_targets(table, columns, TARGETS, step=STEP, start=start, end=instant64(NOW + AHEAD))
        yield found[Target.LOAD], found[Target.SOLAR]


_models: Models | None = None


def _equip(models: Models) -> None:
    global _models  # noqa: PLW0603 a worker holds its models for its life
    _models = models


def _ready(_numbers: range) -> bool:
    return _models is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """By a process, of a batch; its peak of memory so far."""

    quantiles: int
    process: int
    cpu_seconds: float
    peak_mib: float


def _forecast(batch: Batch) -> Made:
    assert _models is not None
    started = time.process_time()
    series = list(_of_targets(_up_to_date(batch), batch))
    loads, suns = ([History(series=each[k], known=each[k].count - AHEAD // STEP) for each in series] for k in range(len(TARGETS)))
    count = 0
    for model, histories in ((_models.load, loads), (_models.solar, suns)):
        if model is not None:
            found = model.quantiles_many(histories, [_rows_ahead(each) for each in histories])
            count += sum(quantiles.size for quantiles in found)
    return Made(quantiles=count, process=os.getpid(), cpu_seconds=time.process_time() - started, peak_mib=_peak_mib())


def _rows_ahead(history: History) -> Pairs:
    step = np.arange(history.known, history.series.count)
    known = int(history.series.last_known[history.known])
    return Pairs(issue=np.full(len(step), history.known), known=np.full(len(step), known), step=step)


def _workers(**options: Any) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn"), **options)


def _peak_of(_numbers: range) -> tuple[int, float]:
    """Which process this is, and its peak."""
    return os.getpid(), _peak_mib()


def _peak_mib() -> float:
    """Of this process. Linux hands `ru_maxrss` down from the process that started it, so its own account comes first."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
