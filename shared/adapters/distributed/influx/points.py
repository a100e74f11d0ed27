"""Points of one bucket: lines in, answers out."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice

import pandas as pd
from influxdb_client import Dialect, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS

from shared.adapters.distributed.influx import queries
from shared.adapters.distributed.influx.connection import Answer, Connection, UnknownToServerError
from shared.domain.time import Interval
from shared.ports.errors import SupplierError, UnavailableError

LINES_PER_REQUEST = 5000
"""What InfluxDB advises."""
EVER = Interval(start=datetime(1678, 1, 1, tzinfo=UTC), end=datetime(2262, 1, 1, tzinfo=UTC))
INSTANT = timedelta(microseconds=1)

_PLAIN_CSV = Dialect(header=True, delimiter=",", annotations=[], comment_prefix="#", date_time_format="RFC3339")


class Points:
    """What is written to a bucket and asked of it."""

    def __init__(self, connection: Connection, *, org: str, bucket: str) -> None:
        self._connection = connection
        self._org = org
        self._bucket = bucket
        client = connection.client
        self._writer, self._asker, self._deleter = client.write_api(write_options=SYNCHRONOUS), client.query_api(), client.delete_api()

    def write(self, lines: Iterable[str]) -> int:
        """Durable when it returns; how many lines. Up to 5,000 of them are one request."""
        text, count = iter(lines), 0
        while batch := list(islice(text, LINES_PER_REQUEST)):
            body = "\n".join(batch).encode()
            self._call(lambda body=body: self._writer.write(bucket=self._bucket, record=body, write_precision=WritePrecision.US))  # type: ignore[misc]
            count += len(batch)
        return count

    def ask(self, text: str, interval: Interval, *, kinds: Mapping[str, str] = queries.READING_KINDS, **values: str | int) -> pd.DataFrame:
        """The answer to a query as a table."""
        return queries.table_of(self.answer(text, interval, **values), kinds)

    def answer(self, text: str, interval: Interval, **values: str | int) -> str:
        """The answer to a query as it came; every value travels as a parameter."""
        params = {"_bucket": self._bucket, "_start": interval.start, "_stop": interval.end, **values}

        def ask() -> str:
            answer = self._asker.query_raw(text, dialect=_PLAIN_CSV, params=params)
            try:
                return str(answer.data, "utf-8")
            finally:
                answer.release_conn()

        return self._call(ask)

    def delete(self, interval: Interval, measurement: str) -> None:
        """Delete the points of an interval."""
        # the last moment that is named is deleted, too
        stop = interval.end - INSTANT
        self._call(lambda: self._deleter.delete(interval.start, stop, f'_measurement="{measurement}"', self._bucket))

    def _call(self, request: Callable[[], Answer]) -> Answer:
        try:
            return self._connection.call(request)
        except UnknownToServerError as problem:
            raise self._without(problem) from None

    def _without(self, problem: UnknownToServerError) -> SupplierError:
        if not problem.said.startswith("bucket"):
            return self._connection.without_organization(self._org, problem)
        return UnavailableError(
            f"there is no bucket {self._bucket!r} on InfluxDB at {self._connection.url}: a gateway with --enable-influxdb makes it; "
            "start one, or correct INFLUXDB_BUCKET"
        )
