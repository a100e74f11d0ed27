"""The day-ahead price of the last year of each set: last week's, the LASSO-estimated autoregression of the literature, and ours.

Tomorrow's hours are forecast at noon, when today's are known and those of tomorrow are not. Forecasts of load, wind and sun that a
set holds were published by then; its weather is what came to pass, and said to be so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.lear import lear
from services.forecaster.model.metrics import coverage, pinball
from services.forecaster.model.price import fit_price
from services.forecaster.model.price_days import PriceDays, filled, price_days
from services.forecaster.model.series import Series
from shared.domain.forecast import QUANTILE_LEVELS, Target

Values = NDArray[np.float64]
Matrix = NDArray[np.float64]

TEST_DAYS, QUICK_DAYS = 365, 14
REFIT_DAYS = 28
"""Of ours; the literature's model is estimated anew each week."""
NOON_HOURS = 12
MEDIAN = QUANTILE_LEVELS.index(0.5)
LOW, HIGH = QUANTILE_LEVELS.index(0.1), QUANTILE_LEVELS.index(0.9)
RESIDUAL = "residual_load_forecast_mw"
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A file of prices with columns of what is known ahead; local time for ever 24 h a day where no zone is given."""

    title: str
    file: str
    zone: str | None
    columns: tuple[str, ...]


LOAD, RENEWABLES = "load_forecast_mw", "res_forecast_mw"
WEATHER = ("de_mean_temp_c", "de_mean_wind100m_kmh", "de_mean_direct_rad_w_m2")
GERMAN = "price_de_2015_2025/price.parquet"
MARKETS = (
    Market(title="published load and renewables", file="price_epf/de_2012_2017_local_time.parquet", zone=None, columns=(LOAD, RENEWABLES)),
    Market(title="prices alone", file=GERMAN, zone="Europe/Berlin", columns=()),
    Market(title="perfect weather", file=GERMAN, zone="Europe/Berlin", columns=WEATHER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One method on one market; losses in the currency per kWh, NaN where a method gives no band."""

    market: str
    method: str
    mae: float
    relative_mae: float
    """To that of last week's price."""
    pinball: float
    coverage: float
    """Of the band of 80 %."""


def evaluate_price(data: Path, *, quick: bool) -> list[PriceRow]:
    """Every method on every market that the folder holds; none where it holds none. `quick` takes the last two weeks."""
    rows: list[PriceRow] = []
    for market in MARKETS:
        if (data / market.file).is_file():
            series = price_series(data / market.file, market)
            rows += list(_rows(market.title, series, test_days=QUICK_DAYS if quick else TEST_DAYS))
    return rows


def price_series(file: Path, market: Market) -> Series:
    """An hourly market as the forecaster sees it: tomorrow's prices are known from the end of noon's hour."""
    table = pd.read_parquet(file)
    stamps = table["timestamp"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    hour = np.timedelta64(1, "h")
    count = int((stamps[-1] - stamps[0]) // hour) + 1
    place = ((stamps - stamps[0]) // hour).astype(np.int64)
    shift = _offsets(stamps[0] + np.arange(count) * hour, market.zone)

    def column(name: str) -> Values:
        values = np.full(count, np.nan)
        values[place] = table[name].to_numpy(dtype=np.float64)
        return values

    ahead = {name: column(name) for name in market.columns}
    if LOAD in ahead and RENEWABLES in ahead:
        ahead[RESIDUAL] = ahead[LOAD] - ahead[RENEWABLES]
    series = Series(
        target=Target.PRICE,
        start=stamps[0],
        step=timedelta(hours=1),
        values=column("price_per_kwh"),
        ahead=ahead,
        published=None,
        local_shift=shift,
    )
    day = price_days(series).day
    published = np.searchsorted(day, day) - (24 - NOON_HOURS) + 1
    return Series(
        target=series.target,
        start=series.start,
        step=series.step,
        values=series.values,
        ahead=ahead,
        published=published,
        local_shift=shift,
    )


def _offsets(stamps: NDArray[np.datetime64], zone: str | None) -> NDArray[np.int64]:
    """Hours by which local time is ahead."""
    if zone is None:
        return np.zeros(len(stamps), dtype=np.int64)
    utc = pd.DatetimeIndex(stamps, tz="UTC")
    local = utc.tz_convert(ZoneInfo(zone)).tz_localize(None)
    shift: NDArray[np.int64] = ((local - utc.tz_localize(None)) // pd.Timedelta(hours=1)).to_numpy(dtype=np.int64)
    return shift


def _rows(title: str, series: Series, *, test_days: int) -> Iterator[PriceRow]:
    names = tuple(series.ahead)
    days = price_days(series, exogenous=names)
    last = int(days.day[-1]) + (1 if days.hour[-1] == 23 else 0)
    tested = np.arange(last - test_days, last)
    steps = np.flatnonzero(np.isin(days.day, tested))
    actual = series.values[steps]
    hours = filled(days.hours(series.count))

    def at_steps(matrix: Matrix) -> Values:
        values: Values = matrix[days.day[steps] - tested[0], days.hour[steps]]
        return values

    points = {"last week": at_steps(hours[tested - 7]), "yesterday": at_steps(hours[tested - 1])}
    if find_spec("sklearn"):
        first = _first_told(days)
        said = lear(hours[first:], days.exogenous[first:], days.weekday[first:], tested - first)
        points["LEAR, mean of windows"] = at_steps(said)
    naive = float(np.nanmean(np.abs(actual - points["last week"])))
    for name, values in points.items():
        mae = float(np.nanmean(np.abs(actual - values)))
        yield PriceRow(market=title, method=name, mae=mae, relative_mae=mae / naive, pinball=float("nan"), coverage=float("nan"))
    yield ours(title, series, names, tested, naive)


def _first_told(days: PriceDays) -> int:
    """The first day with all that is known ahead."""
    return int(np.argmax(np.isfinite(days.exogenous).all(axis=(1, 2))))


def ours(title: str, series: Series, names: Sequence[str], tested: NDArray[np.int64], naive: float) -> PriceRow:
    """The price model, fitted anew every four weeks by what was known at noon before."""
    days = price_days(series, exogenous=names)
    said, happened = [], []
    for begin in range(0, len(tested), REFIT_DAYS):
        asked = tested[begin : begin + REFIT_DAYS]
        issues = np.searchsorted(days.day, asked) - (24 - NOON_HOURS)
        model = fit_price(series, until=int(issues[0]), exogenous=names, seed=SEED)
        if model is None:
            raise ValueError(f"{title}: {asked[0]} days are too few to fit a price model")
        for day, known in zip(asked, series.known_at(issues), strict=True):
            own = np.flatnonzero(days.day == day)
            said.append(model.quantiles(days, known=int(known), steps=own))
            happened.append(series.values[own])
    actual, quantiles = np.concatenate(happened), np.concatenate(said)
    finite = np.isfinite(actual)
    actual, quantiles = actual[finite], quantiles[finite]
    mae = float(np.abs(actual - quantiles[:, MEDIAN]).mean())
    return PriceRow(
        market=title,
        method="ours",
        mae=mae,
        relative_mae=mae / naive,
        pinball=pinball(actual, quantiles, QUANTILE_LEVELS),
        coverage=coverage(actual, quantiles[:, LOW], quantiles[:, HIGH]),
    )
