"""From a site's feature table to the series of its targets."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from services.forecaster.model.series import COLUMNS, Series, series_from_table
from services.forecaster.model.split import HORIZON_HOURS
from shared.domain.feature import Availability, FeatureCatalog
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.domain.tariff import DynamicPrice, Tariff
from shared.domain.time import Interval, floor_to, instant64
from shared.ports.feature_store import FeatureStore

HISTORY = timedelta(days=400)
"""What a training looks back at: a year and what its lags need."""

HORIZON = timedelta(hours=HORIZON_HOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
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
        """The target on the whole grid."""
        return series_from_table(
            self.frame, self.catalog, target, step=self.site.resolution, start=instant64(self.start), end=instant64(self.end)
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


def columns_of(catalog: FeatureCatalog, target: Target) -> list[str]:
    """What a series of the target is made from: its own column, and what is known ahead or announced."""
    own = COLUMNS[target]
    return [own, *(spec.name for spec in catalog.features if spec.availability is not Availability.AFTER_STEP and spec.name != own)]


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({"timestamp": pd.DatetimeIndex([], tz="UTC")})
