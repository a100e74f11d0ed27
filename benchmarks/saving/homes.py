"""Real homes at their own resolution, each with the prices that it is replayed with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from likeness.homes import FILES, LONDON, PRICES, Place
from services.optimizer.planning.problem import Array
from shared.domain.site import Site
from shared.domain.time import TimeGrid

GERMAN, BERLIN = PRICES["Germany"]
DYNAMIC, _ = PRICES["London dToU"]
WEEKS_52 = pd.Timedelta(days=364)
"""A year in which weekdays stay weekdays."""
TARIFFS = ("A", "C")
OWN = "own"
FEED_IN = 0.08
MOST_WITHOUT_SUN = 6
"""Homes of one set that are replayed; there are sixty, and a battery does little for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A home's measurements on one grid; NaN where nothing was measured, no sun at all without an array."""

    name: str
    place: Place
    grid: TimeGrid
    load_kw: Array
    solar_kw: Array
    spot: Array
    """The German day-ahead price at the same time on the clock on the wall."""
    years_later: int
    """By which that price is newer than the measurements, in years of 52 weeks."""
    own: Array | None
    """What the home paid for a purchase, where the set says so."""

    @property
    def site(self) -> Site:
        """What a forecaster is told of it."""
        place, step = self.place, self.grid.step
        return Site(site_id="home", timezone=place.timezone, latitude=place.latitude, longitude=place.longitude, resolution=step)

    @property
    def per_day(self) -> int:
        return timedelta(days=1) // self.grid.step

    @property
    def has_sun(self) -> bool:
        return bool(np.nanmax(self.solar_kw) > 0)

    @property
    def tariffs(self) -> tuple[str, ...]:
        return TARIFFS if self.own is None else (*TARIFFS, OWN)

    def is_fixed(self, tariff: str) -> bool:
        """Whether all prices are known for ever; a dynamic one is announced the day before."""
        return tariff == OWN and self.place is not LONDON

    def local(self) -> pd.DatetimeIndex:
        """The beginning of each step on the clock on the wall."""
        return pd.DatetimeIndex(self.grid.starts(), tz="UTC").tz_convert(self.place.timezone)

    def prices(self, tariff: str) -> tuple[Array, Array]:
        """Of buying and of selling: A is dynamic with a fixed feed-in, C is dynamic both ways with a dear evening, own is the set's.

        Sets do not say what a sale brings: A's feed-in, and never more than the least that a purchase costs.
        """
        if tariff == "A":
            return 1.19 * self.spot + 0.16, np.full(len(self.spot), FEED_IN)
        if tariff == "C":
            hour = self.local().hour
            evening = np.asarray((hour >= 16) & (hour < 19), dtype=np.float64)
            return np.minimum(2.2 * self.spot + 0.12 * evening, 1.0), 0.95 * self.spot + 0.01 + 0.06 * evening
        if tariff == OWN and self.own is not None:
            return self.own, np.full(len(self.own), min(FEED_IN, float(np.nanmin(self.own))))
        raise ValueError(f"tariff is {tariff!r}: {self.name} has {', '.join(self.tariffs)}")


def missing_file(data: Path) -> str | None:
    """The first file that is not there."""
    return next((name for name in (*FILES.values(), GERMAN, DYNAMIC) if not (data / name).is_file()), None)


def read_sets(data: Path) -> list[list[Home]]:
    """Every home of every set."""
    german = pd.read_parquet(data / GERMAN).set_index("timestamp")["price_per_kwh"].sort_index()
    found = []
    for place, file in FILES.items():
        frame = pd.read_parquet(data / file)
        if place is LONDON:
            frame = frame.merge(pd.read_parquet(data / DYNAMIC)[["timestamp", "price_per_kwh"]], on="timestamp", how="left")
        found.append(list(_homes(place, frame, german)))
    return found


def replayed(homes: Sequence[Home]) -> Sequence[Home]:
    """Those of a set whose battery is replayed: all that have sun, and some that have none."""
    if any(home.has_sun for home in homes):
        return homes
    return homes[:: max(1, -(-len(homes) // MOST_WITHOUT_SUN))]


def _homes(place: Place, frame: pd.DataFrame, german: "pd.Series[float]") -> Iterator[Home]:
    for site_id, rows in frame.groupby("site_id", observed=True):
        own = rows.set_index("timestamp").sort_index()
        step = pd.Timedelta(np.median(np.diff(own.index.to_numpy())))
        own = own.reindex(pd.date_range(own.index[0], own.index[-1], freq=step))
        index = pd.DatetimeIndex(own.index)
        spot, years = german_price(index, place.timezone, german)
        load = own["load_kw"].to_numpy(dtype=np.float64)
        sun = own["solar_kw"].clip(lower=0.0).to_numpy(dtype=np.float64) if "solar_kw" in own else np.where(np.isfinite(load), 0.0, np.nan)
        paid = own["price_per_kwh"].to_numpy(dtype=np.float64)
        yield Home(
            name=place.name if frame["site_id"].nunique() == 1 else str(site_id),
            place=place,
            grid=TimeGrid(start=index[0].to_pydatetime(), step=step.to_pytimedelta(), count=len(own)),
            load_kw=load,
            solar_kw=sun,
            spot=spot,
            years_later=years,
            own=own["price_per_kwh"].ffill().to_numpy(dtype=np.float64) if np.nanmax(np.abs(paid - spot)) > 0 else None,
        )


def german_price(index: pd.DatetimeIndex, timezone: str, german: "pd.Series[float]") -> tuple[Array, int]:
    """Of the same time on the clock on the wall in Germany, by as few whole years of 52 weeks later as the series begins later."""
    wall = index.tz_convert(timezone).tz_localize(None)
    ahead = wall - index.tz_localize(None)
    summer = np.asarray(ahead == ahead.max())
    there = wall.tz_localize(BERLIN, ambiguous=summer, nonexistent="shift_forward").tz_convert("UTC")
    years = max(0, -int((there[0] - german.index[0]) // WEEKS_52))
    prices = german.reindex((there + years * WEEKS_52).floor("h")).ffill()
    return np.asarray(prices, dtype=np.float64), years
