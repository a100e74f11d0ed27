"""How far each site has come, as a person or a program reads it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.sync.service import LastSweep, SyncStatus
from shared.domain.time import format_instant

COLUMNS = (
    "site", "copied until (UTC)", "newest at edge (UTC)", "newest in cloud (UTC)", "lag", "backlog", "in cloud", "rows/s",
    "refused", "last sweep (UTC)", "last copy", "last error",
)  # fmt: skip


def row(site: SyncStatus) -> tuple[object, ...]:
    """Cells under `COLUMNS`."""
    return (
        site.site_id, site.watermark, site.newest_at_edge, site.newest_in_cloud, site.lag, site.backlog_rows, site.cloud_rows,
        round(site.rows_per_second, 1), site.rejected, site.updated_at, site.last_sweep and _words(site.last_sweep), site.last_error,
    )  # fmt: skip


def _words(sweep: LastSweep) -> str:
    rate = sweep.rows_per_second
    return f"{sweep.rows:,} rows" if rate is None else f"{sweep.rows:,} rows at {rate:,.0f}/s"


def document(sites: Sequence[SyncStatus]) -> str:
    """JSON: the sites, each as an object."""
    return json.dumps({"sites": [_site(site) for site in sites]}, indent=2)


def _site(site: SyncStatus) -> dict[str, object]:
    """Times in RFC 3339, lengths in seconds, null for what there is not."""
    sweep = site.last_sweep
    return {
        "site_id": site.site_id,
        "watermark": _instant(site.watermark),
        "newest_at_edge": _instant(site.newest_at_edge),
        "newest_in_cloud": _instant(site.newest_in_cloud),
        "lag_seconds": _seconds(site.lag),
        "backlog_rows": site.backlog_rows,
        "cloud_rows": site.cloud_rows,
        "rows_per_second": site.rows_per_second,
        "refused_rows": site.rejected,
        "last_sweep": _instant(site.updated_at),
        "last_copy": sweep
        and {
            "began": _instant(sweep.began),
            "ended": _instant(sweep.ended),
            "rows": sweep.rows,
            "rows_per_second": sweep.rows_per_second,
        },
        "last_error": site.last_error,
    }


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()
