"""Forecasts as they were issued, values to the last bit."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.wire import floats, numbers
from shared.adapters.embedded.columns import micros, moment
from shared.domain.forecast import Forecast, Target
from shared.domain.time import Interval, TimeGrid

_MICROSECOND = timedelta(microseconds=1)
_PART = 10
"""Forecasts in a request: each is some thousand numbers."""
_PAGE = 1_000


class SupabaseForecasts:
    """`ForecastStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, forecasts: Sequence[Forecast], *, run: str = "live") -> None:
        # of a forecast that comes twice the last one is kept
        rows = list({(row["site_id"], row["target"], row["issued_at"]): row for row in map(_row, forecasts)}.values())
        if rows:
            self._rest.write("forecasts", {"run": run}, (rows[at : at + _PART] for at in range(0, len(rows), _PART)))

    def latest(self, *, site_id: str, target: Target, as_of: datetime | None = None, run: str = "live") -> Forecast | None:
        query = {"run": run, "site_id": site_id, "target": target.value, "as_of": None if as_of is None else micros(as_of)}
        row = self._rest.read("forecast", query)
        return _forecast(row) if row else None

    def issued(self, *, site_id: str, target: Target, interval: Interval, run: str = "live") -> list[datetime]:
        query = {
            "run": run,
            "site_id": site_id,
            "target": target.value,
            "after": micros(interval.start) - 1,
            "end": micros(interval.end),
        }
        pages = self._rest.pages("issued", query, limit=None, size=_PAGE, after={"after": "issued_at"})
        return [moment(issued_at) for page in pages for issued_at in page["issued_at"]]


def _row(forecast: Forecast) -> dict[str, object]:
    return {
        "site_id": forecast.site_id,
        "target": forecast.target.value,
        "issued_at": micros(forecast.issued_at),
        "data_as_of": micros(forecast.data_as_of),
        "model_name": forecast.model_name,
        "model_version": forecast.model_version,
        "skill": forecast.skill,
        "degraded": list(forecast.degraded),
        "start": micros(forecast.grid.start),
        "step": forecast.grid.step // _MICROSECOND,
        "steps": forecast.grid.count,
        "levels": list(forecast.levels),
        "values": [numbers(np.asarray(level, dtype=np.float64)) for level in forecast.values],
    }


def _forecast(row: Mapping[str, Any]) -> Forecast:
    return Forecast(
        site_id=row["site_id"],
        target=Target(row["target"]),
        issued_at=moment(row["issued_at"]),
        data_as_of=moment(row["data_as_of"]),
        model_name=row["model_name"],
        model_version=row["model_version"],
        grid=TimeGrid(start=moment(row["start"]), step=row["step"] * _MICROSECOND, count=row["steps"]),
        levels=tuple(floats(row["levels"]).tolist()),
        values=floats(row["values"]),
        skill=None if row["skill"] is None else float(row["skill"]),
        degraded=tuple(row["degraded"]),
    )
