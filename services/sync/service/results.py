"""What sync tells of its work."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.time import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSync:
    """What one sweep, or one step over messages, did for a site."""

    site_id: str
    interval: Interval | None = None
    """Holds every row that is new or changed in the cloud; None when none is."""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    """Refused and not known as refused before."""
    prices: int = 0
    registered: bool = False
    """The site or its tariff is new or changed."""
    error: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the cloud knows something new."""
        return self.interval is not None or self.prices > 0 or self.registered

    def and_then(self, more: "SiteSync") -> "SiteSync":
        """Both together."""
        intervals = [part.interval for part in (self, more) if part.interval is not None]
        return replace(
            self,
            interval=Interval(start=min(i.start for i in intervals), end=max(i.end for i in intervals)) if intervals else None,
            inserted=self.inserted + more.inserted,
            updated=self.updated + more.updated,
            unchanged=self.unchanged + more.unchanged,
            rejected=self.rejected + more.rejected,
            prices=self.prices + more.prices,
            registered=self.registered or more.registered,
            error=more.error or self.error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSweep:
    """The last sweep that copied something of a site: new or changed rows, from its begin to its end."""

    began: datetime
    ended: datetime
    rows: int

    @property
    def rows_per_second(self) -> float | None:
        """None for a sweep too short to tell."""
        seconds = (self.ended - self.began).total_seconds()
        return self.rows / seconds if seconds > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """How far a site's copy has come."""

    site_id: str
    watermark: datetime | None
    """Everything before it is in the cloud, or was refused."""
    newest_at_edge: datetime | None
    newest_in_cloud: datetime | None
    lag: timedelta | None
    """From the watermark to the newest row at the edge; None when the edge has none of this site."""
    backlog_rows: int
    """Rows at the edge from the watermark on; the newest of them may be in the cloud already."""
    cloud_rows: int
    rows_per_second: float
    """New or changed in the cloud over the last minute, by sweeps and by messages."""
    last_sweep: LastSweep | None
    rejected: int
    """In quarantine."""
    updated_at: datetime | None
    """When the last sweep looked at this site."""
    last_error: str | None
