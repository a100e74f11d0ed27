"""From a site's feature table to the series of its targets."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from services.forecaster.model.doubts import LEARNED_SHARE
from services.forecaster.model.limits import RATING_MARGIN
from services.forecaster.model.series import COLUMNS, Series, series_of_targets
from services.forecaster.model.split import HORIZON_HOURS
from shared.domain.feature import Availability, FeatureCatalog
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.domain.tariff import DynamicPrice, Tariff
from shared.domain.time import Interval, floor_to, instant64
from shared.ports.feature_store import FeatureStore

HISTORY = timedelta(days=400)
"""What a training looks back at: a year and what its lags need."""

LOOKBACK = timedelta(days=70)
"""What a forecast reads before the newest value: two months of sky or prices, or the weeks whose misses a baseline learns from."""

SILENCE = timedelta(days=14)
"""A site of which a target was not measured for longer is forecast from all of `HISTORY`."""

STEPS_TOGETHER = 200_000
"""Of all sites that are read at once: some hundred megabytes while a store makes columns of its rows."""

HORIZON = timedelta(hours=HORIZON_HOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A site that is to be forecast, and its time."""

    site: Site
    tariff: Tariff | None
    now: datetime


@dataclass(frozen=True, kw_only=True)
class SiteTable:
    """A site's features around a moment."""

    site: Site
    tariff: Tariff | None
    catalog: FeatureCatalog | None
    frame: pd.DataFrame
    start: datetime
    """Of the grid: at or before the first row."""
    end: datetime
    """Of the grid: the end of the last horizon."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Load always; solar where there is an array or its data; price where the import price is dynamic."""
        chosen = [Target.LOAD]
        if (self.site.solar is not None and self.site.solar.capacity_kw > 0) or self._has_sun():
            chosen.append(Target.SOLAR)
        if self.tariff is not None and isinstance(self.tariff.import_price, DynamicPrice):
            chosen.append(Target.PRICE)
        return tuple(chosen)

    @property
    def rating_kw(self) -> float | None:
        return self.site.solar.capacity_kw if self.site.solar else None

    @property
    def catalog_version(self) -> str:
        return self.catalog.version if self.catalog else ""

    def series(self, target: Target) -> Series:
        """One of its targets on the whole grid."""
        return self._series[target]

    @cached_property
    def _series(self) -> dict[Target, Series]:
        return series_of_targets(
            self.frame, self.catalog, self.targets, step=self.site.resolution, start=instant64(self.start), end=instant64(self.end)
        )

    def _has_sun(self) -> bool:
        name = COLUMNS[Target.SOLAR]
        return name in self.frame.columns and bool((self.frame[name] > 0).any())


def read_table(features: FeatureStore, site: Site, tariff: Tariff | None, *, first: datetime, last: datetime) -> SiteTable:
    """Features from `HISTORY` before the first issue to the horizon after the last one."""
    step = site.resolution
    end = floor_to(last, step) + HORIZON
    catalog = features.catalog(site_id=site.site_id)
    extent = features.extent(site_id=site.site_id)
    begin = floor_to(first, step) - timedelta(days=1)
    if catalog is None or extent is None:
        return SiteTable(site=site, tariff=tariff, catalog=None, frame=_no_rows(), start=begin, end=end)
    # a history that ended long ago still counts, from its own end back
    start = floor_to(max(extent[0].start, min(first, extent[0].end) - HISTORY), step)
    start = min(start, begin)
    frame = features.read(site_id=site.site_id, catalog_version=catalog.version, interval=Interval(start=start, end=end))
    return SiteTable(site=site, tariff=tariff, catalog=catalog, frame=frame, start=start, end=end)


def recent_tables(features: FeatureStore, homes: Sequence[Home]) -> Iterator[list[tuple[Home, SiteTable]]]:
    """What forecasts read, of as many homes at a time as fit into memory; those that are alike come together.

    Each holds `LOOKBACK` before the newest value of each target, or else all of `HISTORY`.
    """
    groups = defaultdict[object, list[tuple[Home, FeatureCatalog]]](list)
    for home in homes:
        catalog = features.catalog(site_id=home.site.site_id)
        if catalog is None:
            yield [(home, _whole(features, home))]
        else:
            step = home.site.resolution
            groups[step, floor_to(home.now, step), catalog.version].append((home, catalog))
    for group in groups.values():
        size = max(1, STEPS_TOGETHER * group[0][0].site.resolution // (LOOKBACK + SILENCE + HORIZON))
        for begin in range(0, len(group), size):
            yield _recent(features, [home for home, _ in group[begin : begin + size]], group[0][1])


def _recent(features: FeatureStore, homes: Sequence[Home], catalog: FeatureCatalog) -> list[tuple[Home, SiteTable]]:
    """Of homes of one catalog, resolution and time."""
    now, step = homes[0].now, homes[0].site.resolution
    wanted, end = floor_to(now - LOOKBACK - SILENCE, timedelta(days=1)), floor_to(now, step) + HORIZON
    columns = list(dict.fromkeys(name for target in Target for name in columns_of(catalog, target)))
    ids = [home.site.site_id for home in homes]
    rows = {
        str(site_id): own
        for frame in features.read_many(site_ids=ids, interval=Interval(start=wanted, end=end), columns=columns)
        for site_id, own in frame.groupby("site_id", sort=False, observed=True)
    }
    found = []
    for home in homes:
        frame = rows.get(home.site.site_id, _no_rows())
        first = frame["timestamp"].iloc[0].to_pydatetime() if len(frame) else now
        start = min(floor_to(first, step), floor_to(now, step) - timedelta(days=1))
        table = SiteTable(site=home.site, tariff=home.tariff, catalog=catalog, frame=frame, start=start, end=end)
        found.append((home, table if _suffices(table, now) else _whole(features, home)))
    return found


def _suffices(table: SiteTable, now: datetime) -> bool:
    """Whether older values would change next to nothing: of every target enough is there, also lately, and no ceiling rests on them."""
    stamps = table.frame["timestamp"].to_numpy(dtype="datetime64[us]")
    silent, known = np.searchsorted(stamps, [instant64(now - SILENCE), instant64(now)])
    if not known:
        return False
    for target in table.targets:
        measured = table.frame[COLUMNS[target]].notna().to_numpy()[:known]
        if not measured[silent:].any() or measured.mean() < LEARNED_SHARE:
            return False
    sun = table.frame[COLUMNS[Target.SOLAR]].max()
    # generation is bound by its rating, and where that is unknown or too low by the most that was ever measured
    return bool(pd.isna(sun) or RATING_MARGIN * sun <= (table.rating_kw or 0.0))


def _whole(features: FeatureStore, home: Home) -> SiteTable:
    return read_table(features, home.site, home.tariff, first=home.now, last=home.now)


def columns_of(catalog: FeatureCatalog, target: Target) -> list[str]:
    """What a series of the target is made from: its own column, and what is known ahead or announced."""
    own = COLUMNS[target]
    return [own, *(spec.name for spec in catalog.features if spec.availability is not Availability.AFTER_STEP and spec.name != own)]


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({"timestamp": pd.DatetimeIndex([], tz="UTC")})
