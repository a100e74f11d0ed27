"""Forecasts as they were issued, values to the last bit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.domain.forecast import Forecast, Target
from shared.domain.time import Interval, TimeGrid, as_utc

_COLUMNS = 'run, site_id, target, issued_at, data_as_of, model_name, model_version, skill, degraded, start, step, steps, levels, "values"'
_KEY = "site_id, target, run, issued_at"
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ") if name not in _KEY.split(", "))
_PUT = (
    f"INSERT INTO public.forecasts ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %b, %b)"  # noqa: S608  # constant names
    f" ON CONFLICT ({_KEY}) DO UPDATE SET {_REPLACED}"
)


class PostgresForecasts:
    """`ForecastStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, forecasts: Sequence[Forecast], *, run: str = "live") -> None:
        rows = sorted((_row(run, forecast) for forecast in forecasts), key=lambda row: row[1:4])  # in one order: no two writers in a circle
        with self._database.write() as connection:
            connection.cursor().executemany(_PUT, rows)

    def latest(self, *, site_id: str, target: Target, as_of: datetime | None = None, run: str = "live") -> Forecast | None:
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM public.forecasts WHERE site_id = %s AND target = %s AND run = %s"  # noqa: S608  # constant names
                " AND issued_at <= coalesce(%s::timestamptz, 'infinity') ORDER BY issued_at DESC LIMIT 1",
                (site_id, target.value, run, None if as_of is None else as_utc(as_of)),
                binary=True,
            ).fetchone()
        return _forecast(row) if row else None

    def issued(self, *, site_id: str, target: Target, interval: Interval, run: str = "live") -> list[datetime]:
        with self._database.read() as connection:
            rows: list[Any] = connection.execute(
                "SELECT issued_at FROM public.forecasts WHERE site_id = %s AND target = %s AND run = %s"
                " AND issued_at >= %s AND issued_at < %s ORDER BY issued_at",
                (site_id, target.value, run, interval.start, interval.end),
            ).fetchall()
        return [issued_at for (issued_at,) in rows]


def _row(run: str, forecast: Forecast) -> tuple[Any, ...]:
    return (
        run,
        forecast.site_id,
        forecast.target.value,
        forecast.issued_at,
        forecast.data_as_of,
        forecast.model_name,
        forecast.model_version,
        forecast.skill,
        list(forecast.degraded),
        forecast.grid.start,
        forecast.grid.step,
        forecast.grid.count,
        list(forecast.levels),
        forecast.values.tolist(),
    )


def _forecast(row: tuple[Any, ...]) -> Forecast:
    _, site_id, target, issued_at, data_as_of, model_name, model_version, skill, degraded, start, step, steps, levels, values = row
    return Forecast(
        site_id=site_id,
        target=Target(target),
        issued_at=issued_at,
        data_as_of=data_as_of,
        model_name=model_name,
        model_version=model_version,
        grid=TimeGrid(start=start, step=step, count=steps),
        levels=tuple(levels),
        values=np.array(values, dtype=np.float64).reshape(len(levels), steps),
        skill=skill,
        degraded=tuple(degraded),
    )
