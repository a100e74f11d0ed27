"""Feature tables: one row for each site and step, columns named by a catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from shared.domain.feature import FeatureCatalog
from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd


class FeatureStore(Protocol):
    """Rows of `timestamp` and the catalog's columns (float64, NaN for missing), by site, timestamp and catalog version."""

    def write(self, *, site_id: str, catalog: FeatureCatalog, rows: pd.DataFrame) -> int:
        """Replace these rows; returns how many. All or none."""
        ...

    def read(self, *, site_id: str, catalog_version: str | None, interval: Interval) -> pd.DataFrame:
        """Rows sorted by timestamp; `catalog_version` None is the newest that the site has."""
        ...

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Rows of many sites, each of its newest catalog, in frames of `site_id`, `timestamp` and `columns` (None: all of a catalog).

        Each frame holds whole sites, sorted by site and timestamp, and the next goes on behind it: what is not kept takes no
        memory. Sites without rows in the interval are left out; a column that a catalog does not have is NaN.
        """
        ...

    def catalog(self, *, site_id: str) -> FeatureCatalog | None:
        """The newest catalog of which the site has rows."""
        ...

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        """From the first to just after the last timestamp of the newest catalog, and the number of rows."""
        ...
