"""What the use cases answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.reading import Quality
from shared.domain.time import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBuilt:
    """What one build did for a site."""

    site_id: str
    interval: Interval
    """From the first to the end of the last row written."""
    rows: int
    catalog_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStatus:
    """The state of a site's table."""

    site_id: str
    interval: Interval | None
    rows: int
    catalog_version: str | None
    built_at: datetime | None
    """The site's time at the last build."""
    pending: Interval | None
    """Readings stored since then that are not in the table."""
    good_share: float | None
    """Mean share of good samples over the last 7 days of the table."""
    flagged: Mapping[Quality, int]
    """Steps of these days that bear each flag; only flags that there are."""
    weather_issued_at: datetime | None
    """When the newest weather of the site's place was issued; None where there is none."""
    last_error: str | None
