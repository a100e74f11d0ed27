"""Forecasts as they were issued, values to the last bit."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from shared.adapters.embedded.columns import micros, moment
from shared.adapters.embedded.sqlite import SqliteFile
from shared.domain.forecast import Forecast, Target
from shared.domain.time import Interval, TimeGrid

_COLUMNS = 'run, site_id, target, issued_at, data_as_of, model_name, model_version, skill, degraded, start, step, steps, levels, "values"'
_FOR_EVER = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)


class SqliteForecasts:
    """`ForecastStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, forecasts: Sequence[Forecast], *, run: str = "live") -> None:
        rows = [(run, *_row(forecast)) for forecast in forecasts]
        with self._file.write() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO forecasts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constant names
                rows,
            )

    def latest(self, *, site_id: str, target: Target, as_of: datetime | None = None, run: str = "live") -> Forecast | None:
        with self._file.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM forecasts WHERE run = ? AND site_id = ? AND target = ? AND issued_at <= ?"  # noqa: S608  # constant names
                " ORDER BY issued_at DESC LIMIT 1",
                (run, site_id, target.value, _FOR_EVER if as_of is None else micros(as_of)),
            ).fetchone()
        return _forecast(row[1:]) if row else None

    def issued(self, *, site_id: str, target: Target, interval: Interval, run: str = "live") -> list[datetime]:
        with self._file.read() as connection:
            rows = connection.execute(
                "SELECT issued_at FROM forecasts WHERE run = ? AND site_id = ? AND target = ? AND issued_at >= ? AND issued_at < ?"
                " ORDER BY issued_at",
                (run, site_id, target.value, micros(interval.start), micros(interval.end)),
            ).fetchall()
        return [moment(issued_at) for (issued_at,) in rows]


def _row(forecast: Forecast) -> tuple[object, ...]:
    return (
        forecast.site_id,
        forecast.target.value,
        micros(forecast.issued_at),
        micros(forecast.data_as_of),
        forecast.model_name,
        forecast.model_version,
        forecast.skill,
        json.dumps(forecast.degraded),
        micros(forecast.grid.start),
        forecast.grid.step // _MICROSECOND,
        forecast.grid.count,
        np.asarray(forecast.levels, dtype="<f8").tobytes(),
        np.ascontiguousarray(forecast.values, dtype="<f8").tobytes(),
    )


def _forecast(row: tuple[Any, ...]) -> Forecast:
    site_id, target, issued_at, data_as_of, model_name, model_version, skill, degraded, start, step, steps, levels, values = row
    quantiles = np.frombuffer(levels, dtype="<f8")
    return Forecast(
        site_id=site_id,
        target=Target(target),
        issued_at=moment(issued_at),
        data_as_of=moment(data_as_of),
        model_name=model_name,
        model_version=model_version,
        grid=TimeGrid(start=moment(start), step=step * _MICROSECOND, count=steps),
        levels=tuple(quantiles.tolist()),
        values=np.frombuffer(values, dtype="<f8").reshape(len(quantiles), steps).astype(np.float64),
        skill=skill,
        degraded=tuple(json.loads(degraded)),
    )
