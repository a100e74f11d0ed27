"""`EdgeMirror` in one bucket of InfluxDB 2; its `announcements` are in the same bucket."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd

from shared.adapters.distributed.influx import queries
from shared.adapters.distributed.influx.announcements import InfluxAnnouncements
from shared.adapters.distributed.influx.bucket import Place
from shared.adapters.distributed.influx.connection import Connection, Patience
from shared.adapters.distributed.influx.lines import MEASUREMENT, lines
from shared.adapters.distributed.influx.points import EVER, INSTANT, Points
from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.time import Interval, as_utc
from shared.ports.edge_store import EdgeExtent

PAGE_ROWS = 5000
"""About what one answer holds: InfluxDB makes whole readings of separate fields in its memory."""

_FIRST_PAGE = timedelta(hours=6)


class InfluxEdgeStore:
    """Readings in one bucket. `retention` is how long a bucket that `prepare` makes keeps them (None: for ever).

    A write is whole up to 5,000 readings, one request; of more, a failure leaves the older part, and writing again completes it.
    Every failure is a `SupplierError`; no text of one holds the token.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        org: str,
        bucket: str,
        retention: timedelta | None,
        patience: Patience | None = None,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        for name, value in (("INFLUXDB_TOKEN", token), ("INFLUXDB_ORG", org), ("INFLUXDB_BUCKET", bucket)):
            if not value.strip() or not value.isprintable() or (name == "INFLUXDB_TOKEN" and not value.isascii()):
                raise InvalidValueError(name, "empty or not printable", "copy it again as InfluxDB shows it")
        if retention is not None and retention < timedelta(hours=1):
            raise InvalidValueError("retention", str(retention), "InfluxDB keeps data for at least an hour")
        self._retention = retention
        self._page_rows = page_rows
        self._connection = Connection(url=url, token=token, org=org, patience=patience or Patience())
        self._place = Place(self._connection, org=org, bucket=bucket)
        self._points = Points(self._connection, org=org, bucket=bucket)
        self._announcements = InfluxAnnouncements(self._points)

    @property
    def announcements(self) -> InfluxAnnouncements:
        return self._announcements

    def close(self) -> None:
        self._connection.close()

    def prepare(self) -> timedelta | None:
        """As `EdgeMirror` says: the bucket is made with its retention; one that is there is left as it is."""
        return self._place.prepare(self._retention)

    def write(self, readings: pd.DataFrame) -> int:
        return self._points.write(lines(readings))

    def read(self, *, site_id: str, interval: Interval, limit: int) -> pd.DataFrame:
        require_identifier("site_id", site_id)
        within = self._stretch(site_id, interval)
        pages, left = [], limit
        for page in () if within is None else self._pages(site_id, within):
            if left <= 0:
                break
            pages.append(page.head(left))
            left -= len(page)
        pages = [page for page in pages if len(page)]
        return pd.concat(pages, ignore_index=True) if pages else queries.no_readings()

    def count(self, *, site_id: str, interval: Interval) -> int:
        require_identifier("site_id", site_id)
        within = interval.intersection(EVER)
        found = None if within is None else self._points.ask(queries.SITE_COUNT, within, _site=site_id)
        return 0 if found is None or found.empty else int(found["_value"].sum())

    def latest(self, *, site_id: str) -> pd.DataFrame:
        require_identifier("site_id", site_id)
        newest = self._points.ask(queries.SITE_LAST, EVER, _site=site_id)
        found = []
        for moment, devices in newest.groupby("_time")["device_id"] if len(newest) else ():
            at = pd.Timestamp(moment).to_pydatetime()  # type: ignore[arg-type]
            page = self._readings(site_id, Interval(start=at, end=at + INSTANT), limit=PAGE_ROWS)
            found.append(page[page["device_id"].isin(set(devices))])
        return pd.concat(found, ignore_index=True) if found else queries.no_readings()

    def extents(self) -> list[EdgeExtent]:
        parts = [self._points.ask(text, EVER) for text in (queries.FIRST, queries.LAST, queries.COUNT)]
        if any(part.empty for part in parts):
            return []
        first, last, count = (part.set_index(["site_id", "device_id"]).iloc[:, 0] for part in parts)
        return [
            EdgeExtent(
                site_id=site_id,
                device_id=device_id,
                first=first[site_id, device_id].to_pydatetime(),
                last=last[site_id, device_id].to_pydatetime(),
                rows=int(count[site_id, device_id]),
            )
            for site_id, device_id in sorted({*first.index} & {*last.index} & {*count.index})
        ]

    def prune(self, *, before: datetime) -> int:
        end = min(as_utc(before), EVER.end)
        if end <= EVER.start:
            return 0
        gone = self._points.ask(queries.COUNT, Interval(start=EVER.start, end=end))
        rows = 0 if gone.empty else int(gone["_value"].sum())
        if rows:
            self._points.delete(Interval(start=EVER.start, end=end), MEASUREMENT)
        return rows

    def _stretch(self, site_id: str, interval: Interval) -> Interval | None:
        """From the first to just after the last reading of a site within an interval."""
        within = interval.intersection(EVER)
        if within is None or (first := self._points.ask(queries.SITE_FIRST, within, _site=site_id)).empty:
            return None
        last = self._points.ask(queries.SITE_LAST, within, _site=site_id)
        begin, end = first["_time"].min().to_pydatetime(), last["_time"].max().to_pydatetime() if len(last) else within.start
        return Interval(start=begin, end=max(begin, end) + INSTANT)

    def _pages(self, site_id: str, within: Interval) -> Iterator[pd.DataFrame]:
        """Consecutive readings, in stretches of time that grow while they hold little."""
        begin, length = within.start, _FIRST_PAGE
        while begin < within.end:
            end = min(within.end, begin + length)
            page = self._readings(site_id, Interval(start=begin, end=end), limit=self._page_rows)
            if len(page) == self._page_rows:
                # it may be cut, in the middle of a moment: what is surely whole ends before its last moment
                end = max(page["timestamp"].iloc[-1].to_pydatetime(), begin + INSTANT)
                page, length = page[page["timestamp"] < end], length / 2
            elif len(page) < self._page_rows // 4:
                length *= 4
            yield page
            begin = end

    def _readings(self, site_id: str, interval: Interval, *, limit: int) -> pd.DataFrame:
        return queries.readings_of(self._points.answer(queries.READINGS, interval, _site=site_id, _limit=limit))
