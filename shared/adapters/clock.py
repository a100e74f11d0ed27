"""Clocks: the machine's, which stands at the end of the data for imported history, and one that stands where it is put."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.domain.site import Site
from shared.domain.time import as_utc, floor_to
from shared.ports.reading_store import ReadingStore

_MICROSECOND = timedelta(microseconds=1)


class PlatformClock:
    """`Clock`. The store of readings is opened for imported sites alone."""

    def __init__(self, readings: Callable[[], ReadingStore]) -> None:
        self._readings = readings
        self._guard = threading.Lock()
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        with self._guard:
            # the machine's clock may be set back; ours waits until it has caught up
            self._last = max(self._last, datetime.now(UTC))
            return self._last

    def now_at(self, site: Site) -> datetime:
        """`now` for a live site; else the end of the site's step that holds its newest reading: 00:00 after an hourly 23:00."""
        found = None if site.live else self._readings().extent(site_id=site.site_id)
        if found is None:
            return self.now()
        newest = found[0].end - _MICROSECOND
        return floor_to(newest, site.resolution) + site.resolution


class FixedClock:
    """`Clock` that stands at one moment: for tests and replays."""

    def __init__(self, moment: datetime) -> None:
        self._moment = as_utc(moment)

    def now(self) -> datetime:
        return self._moment

    def now_at(self, site: Site) -> datetime:  # noqa: ARG002  # one moment for every site
        return self._moment
