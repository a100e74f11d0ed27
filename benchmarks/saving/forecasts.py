"""Load and sun of the next 48 hours as they would have been served each hour, by models that had seen the past alone.

A home alone is served as the forecaster's replay of the past serves it: refitted weekly, by the kind of model that had done best by
then. Homes of a set of many share a model that is fitted anew every four weeks on all of them, and each is followed hour by hour.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecasting.ours import FITS, measured_series
from saving.homes import Home
from services.forecaster.model.following import Following
from services.forecaster.model.hindcast import hindcast, refits
from services.forecaster.model.history import History
from services.forecaster.model.judged import Judged
from services.forecaster.model.series import Series
from services.forecaster.model.split import HORIZON_HOURS, Fold
from services.forecaster.service.pooling import LEAST_DAYS, ROWS
from services.forecaster.service.standing import ENOUGH_SITES, KINDS, SEED
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.time import TimeGrid

Issues = NDArray[np.int64]
"""Steps of a home's grid at whose beginning a forecast is made, sorted."""
Quantiles = NDArray[np.float32]
"""Shape (issues, levels, steps)."""
Advance = Callable[[], None]

ALONE_AFTER_DAYS, POOLED_AFTER_DAYS = 14, LEAST_DAYS
"""Measured before the first forecast."""
ALONE_REFIT_DAYS, POOLED_REFIT_DAYS = 7, 28
HORIZON = timedelta(hours=HORIZON_HOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Forecasts of one target of a home."""

    home: Home
    target: Target
    issues: Issues
    quantiles: Quantiles

    def at(self, step: int) -> Forecast:
        """The newest at a step, which is not before the first issue."""
        number = int(np.searchsorted(self.issues, step, side="right")) - 1
        start = self.home.grid.start + int(self.issues[number]) * self.home.grid.step
        values = self.quantiles[number].astype(np.float64)
        return Forecast(
            site_id="home", target=self.target, issued_at=start, data_as_of=start, model_name="ours", model_version="1",
            grid=TimeGrid(start=start, step=self.home.grid.step, count=values.shape[1]), levels=QUANTILE_LEVELS, values=values,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Forecasts in a folder; nowhere without one. What they were made of is in the name of their file."""

    folder: Path | None

    def held(self, homes: Sequence[Home], home: Home, target: Target) -> Quantiles | None:
        file = self._file(homes, home, target)
        if file is None or not file.is_file():
            return None
        with np.load(file, allow_pickle=False) as arrays:
            quantiles: Quantiles = arrays["quantiles"]
        return quantiles

    def keep(self, homes: Sequence[Home], issued: Issued) -> None:
        file = self._file(homes, issued.home, issued.target)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, issues=issued.issues, levels=np.array(QUANTILE_LEVELS), quantiles=issued.quantiles)

    def _file(self, homes: Sequence[Home], home: Home, target: Target) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256(_values(home, target).tobytes())
        digest.update(repr((len(homes), issues_of(homes, home)[:1].tolist(), ALONE_REFIT_DAYS, POOLED_REFIT_DAYS)).encode())
        return self.folder / f"{home.name}-{target}-{digest.hexdigest()[:12]}.npz"


def are_pooled(homes: Sequence[Home]) -> bool:
    """Whether a set is so large that its homes share what is learned."""
    return len(homes) >= ENOUGH_SITES


def issues_of(homes: Sequence[Home], home: Home) -> Issues:
    """Every hour from a home's first forecast on."""
    after = POOLED_AFTER_DAYS if are_pooled(homes) else ALONE_AFTER_DAYS
    return np.arange(after * home.per_day, home.grid.count, home.per_day // 24)


def fits_of(homes: Sequence[Home], wanted: Sequence[Home], target: Target, *, cache: Cache) -> int:
    """About how many models it takes to make what the cache does not hold."""
    missing = [home for home in wanted if cache.held(homes, home, target) is None]
    days = [len(issues_of(homes, home)) // 24 for home in missing]
    if are_pooled(homes):
        return -(-max(days, default=0) // POOLED_REFIT_DAYS)
    return sum(each.fits(-(-own // ALONE_REFIT_DAYS)) for own in days for each in KINDS[target])


def issued(homes: Sequence[Home], wanted: Sequence[Home], target: Target, *, cache: Cache, advance: Advance) -> list[Issued]:
    """Forecasts of a target for wanted homes of a set, as they come; what the cache holds is not made again."""
    held = [cache.held(homes, home, target) for home in wanted]
    missing = [home for home, own in zip(wanted, held, strict=True) if own is None]
    made = _together(homes, missing, target, advance) if are_pooled(homes) else (_alone(home, target, advance) for home in missing)
    found = []
    for home, own in zip(wanted, held, strict=True):
        quantiles = next(made) if own is None else own
        found.append(Issued(home=home, target=target, issues=issues_of(homes, home), quantiles=quantiles))
        if own is None:
            cache.keep(homes, found[-1])
    return found


def series_of(home: Home, target: Target) -> Series:
    """What a forecaster sees, to the end of the last horizon."""
    grid = replace(home.grid, count=home.grid.count + HORIZON // home.grid.step)
    values = np.concatenate([_values(home, target), np.full(grid.count - home.grid.count, np.nan)])
    return measured_series(home.site, grid, target, values)


def _values(home: Home, target: Target) -> NDArray[np.float64]:
    return home.load_kw if target is Target.LOAD else home.solar_kw


def _alone(home: Home, target: Target, advance: Advance) -> Quantiles:
    served = hindcast(
        series_of(home, target), issues_of([home], home), kinds=KINDS[target], rating_kw=None, refit_days=ALONE_REFIT_DAYS, seed=SEED,
        on_fit=advance,
    )  # fmt: skip
    return np.concatenate([each.quantiles.astype(np.float32) for each in served])


def _together(homes: Sequence[Home], wanted: Sequence[Home], target: Target, advance: Advance) -> Iterator[Quantiles]:
    """Of each wanted home, by models of all of them; every home of a set begins at the same time."""
    if not wanted:
        return
    series = {home.name: series_of(home, target) for home in homes}
    blocks = refits(max((issues_of(homes, home) for home in homes), key=len), per_day=homes[0].per_day, refit_days=POOLED_REFIT_DAYS)
    models = []
    for until, _ in blocks:
        model = FITS[target]([History(series=own, known=until) for own in series.values()], rows=ROWS, seed=SEED, threads=1)
        assert model is not None, "too little to learn from"
        models.append(model)
        advance()
    for home in wanted:
        site = Following(series=series[home.name], rating_kw=None, seed=SEED)
        folds = [Fold(until=until, issues=own[own < home.grid.count]) for until, own in blocks]
        yield np.concatenate([_whole(site.judged(fold, model), fold) for fold, model in zip(folds, models, strict=True)])


def _whole(judged: Judged, fold: Fold) -> Quantiles:
    """Rows as whole forecasts."""
    rows = judged.pairs
    lead = rows.step - rows.issue
    quantiles = np.empty((len(fold.issues), int(lead.max()) + 1, len(QUANTILE_LEVELS)), dtype=np.float32)
    quantiles[np.searchsorted(fold.issues, rows.issue), lead] = judged.quantiles
    return quantiles.transpose(0, 2, 1)
