"""How well the forecaster does on a home, and how well what it learned on one home does on another.

Skill is that of 48 hours by rolling origin: 1 - mean absolute error of the median / that of seasonal naive. Loads are in units of
their home's mean, generation in units of its capacity, both as seen before the test, so that a model can move.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta

import numpy as np
import pandas as pd

from likeness.homes import HOUR, HourlyHome
from services.features.recipe.catalog import catalog
from services.features.recipe.table import MEASURED, build_table
from services.forecaster.model import baselines
from services.forecaster.model.design import design
from services.forecaster.model.metrics import mean_absolute_error, skill
from services.forecaster.model.scores import MODEL, outcomes
from services.forecaster.model.series import Series, series_from_table
from services.forecaster.model.split import ISSUE_EVERY_HOURS, REFIT_DAYS, REHEARSALS, Fold, days_of_test, rolling_folds
from services.forecaster.model.training import Tested, fit_all, forecast_fold, forecast_folds, history_days
from shared.domain.forecast import QUANTILE_LEVELS, Target
from shared.domain.site import Site
from shared.domain.time import TimeGrid, instant64

NAIVE = {Target.LOAD: "last_week", Target.SOLAR: "yesterday"}
"""The season of a load is the week, that of generation the day."""
CAPACITY_QUANTILE = 0.999
CLEAR_SKY = "clear_sky_kw"
TEST_SHARE = 0.25
WINDOW_DAYS = 7
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A home's folds, each with the model that served it: trained and tuned by what the home had shown until then."""

    series: Series
    first: int
    """Where the test begins."""
    folds: Sequence[Fold]
    tested: Sequence[Tested]

    @property
    def skill(self) -> float:
        return _skill(self.series, self.tested, first=self.first)

    def skill_on(self, home: HourlyHome) -> float:
        """The same models on the same issues of another home, whose hours are those of this one."""
        other = series_of(home, self.series.target, until=self.first)
        moved = [forecast_fold(other, fold, own.model) for fold, own in zip(self.folds, self.tested, strict=True)]
        return _skill(other, moved, first=self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What the models of a real home are worth elsewhere at its place."""

    target: Target
    home: str
    real_skill: float
    """At home."""
    on_real: Sequence[float]
    """On other real homes."""
    on_simulated: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Skill on each simulated home over that at home."""
        return [value / self.real_skill for value in self.on_simulated]


def learn(home: HourlyHome, target: Target) -> Learned | None:
    """Train and test by rolling origin; None where there is too little to learn from."""
    count = len(home.load_kw)
    raw = series_of(home, target, until=count)
    days = days_of_test(history_days(raw, count), TEST_SHARE)
    if not days:
        return None
    first = count - days * raw.per_day
    series = series_of(home, target, until=first)
    folds = folds_of(series, first=first)
    fits = fit_all(series, [fold.until for fold in folds], rating_kw=None, seed=SEED, on_fit=lambda: None)
    served = [fold for fold, fitted in zip(folds, fits, strict=True) if fitted is not None]
    return Learned(series=series, first=first, folds=served, tested=forecast_folds(series, folds, fits)) if served else None


def transfer(real: HourlyHome, target: Target, *, others: Sequence[HourlyHome], simulated: Sequence[HourlyHome]) -> Transfer | None:
    """Train on a real home, judge there and on others over the same hours; None where there is too little to learn from."""
    learned = learn(real, target)
    if learned is None:
        return None
    return Transfer(
        target=target,
        home=real.name,
        real_skill=learned.skill,
        on_real=[learned.skill_on(home) for home in others],
        on_simulated=[learned.skill_on(home) for home in simulated],
    )


def folds_of(series: Series, *, first: int) -> list[Fold]:
    """The test from `first` to the end, after the rehearsals that tune its first model: as the forecaster trains."""
    length, every = REFIT_DAYS * series.per_day, series.per_day * ISSUE_EVERY_HOURS // 24
    begins = [first - length * back for back in range(REHEARSALS, 0, -1) if first > length * back]
    rehearsals = [Fold(until=begin, issues=np.arange(begin, begin + length, every)) for begin in begins]
    return [*rehearsals, *rolling_folds(first=first, end=series.count, per_day=series.per_day)]


def series_of(home: HourlyHome, target: Target, *, until: int) -> Series:
    """Load or generation as the forecaster sees it, features and all, in units of what the hours before `until` showed."""
    start = home.start.astype("datetime64[us]").item().replace(tzinfo=UTC)
    grid = TimeGrid(start=start, step=HOUR, count=len(home.load_kw))
    place = home.place
    site = Site(site_id=home.name, timezone=place.timezone, latitude=place.latitude, longitude=place.longitude, resolution=HOUR)
    table = build_table(
        readings=_readings(home, grid), site=site, tariff=None, prices={}, holidays=frozenset(), interval=grid.interval,
        as_of=grid.end + timedelta(days=1), window_days=WINDOW_DAYS,
    )  # fmt: skip
    series = series_from_table(
        table, catalog(window_days=WINDOW_DAYS), target, step=HOUR, start=instant64(grid.start), end=instant64(grid.end)
    )
    mean_kw, capacity_kw = float(np.nanmean(home.load_kw[:until])), _capacity_kw(home, until)
    unit = mean_kw if target is Target.LOAD else capacity_kw
    clear_sky = {CLEAR_SKY: series.ahead[CLEAR_SKY] / capacity_kw}
    return replace(series, values=series.values / unit, ahead={**series.ahead, **clear_sky})


def _capacity_kw(home: HourlyHome, until: int) -> float:
    """As generation has shown it; 1 where there is no array, for which it does not matter."""
    return 1.0 if home.solar_kw is None else float(np.nanquantile(home.solar_kw[:until], CAPACITY_QUANTILE))


def _readings(home: HourlyHome, grid: TimeGrid) -> pd.DataFrame:
    stamps = pd.DatetimeIndex(grid.starts()).tz_localize("UTC")
    nothing = dict.fromkeys(MEASURED.values(), np.nan)
    measured = nothing | {MEASURED["load_kw"]: home.load_kw}
    if home.solar_kw is not None:
        measured |= {MEASURED["solar_kw"]: home.solar_kw}
    return pd.DataFrame({"site_id": home.name, "device_id": "meter", "timestamp": stamps} | measured)


def _skill(series: Series, tested: Sequence[Tested], *, first: int) -> float:
    scored = outcomes([fold for fold in tested if len(fold.pairs) and int(fold.pairs.issue[0]) >= first])
    if scored is None:
        return float("nan")
    median = scored.quantiles[MODEL][:, QUANTILE_LEVELS.index(0.5)]
    naive = baselines.point(design(series, known=scored.known, step=scored.step), NAIVE[series.target])
    gained = skill(mean_absolute_error(scored.actual, median), mean_absolute_error(scored.actual, naive))
    return float("nan") if gained is None else gained
