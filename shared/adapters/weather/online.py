"""Open-Meteo over the network: https://open-meteo.com/en/docs, keyless for non-commercial use (10,000 questions a day), CC BY 4.0.

Reanalysis (archive API), the newest forecast (forecast API), and what was forecast one to seven days before (previous runs API,
mostly since 2024). The historical forecast API is not used for the latter: it joins the first hours of every model run, which were
known only after the time that they describe.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from shared.adapters.feeds.asking import Asking, RefusedError
from shared.adapters.feeds.daily import Ask, Daily, Due, Found, Given
from shared.adapters.feeds.json_answer import json_object, malformed
from shared.adapters.feeds.kept import Kept, Record
from shared.adapters.feeds.turns import Turns
from shared.adapters.weather.file import IRRADIANCES_W_M2, TEMPERATURES_CELSIUS
from shared.adapters.weather.open_meteo import begun_at_timestamp
from shared.domain.errors import InvalidValueError, require_between
from shared.domain.time import Interval
from shared.ports.errors import SupplierError
from shared.ports.origin import Origin
from shared.ports.weather import WEATHER_COLUMNS, WEATHER_FORECAST_COLUMNS, WEATHER_VALUES, WeatherAnswer

NAME = "open-meteo"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
APART = timedelta(milliseconds=200)
"""600 questions a minute are allowed."""
FORECAST_AGAIN = HOUR
FORECAST_DAYS = 7
SETTLED = timedelta(days=7)
"""After a day the reanalysis of it no longer changes."""
OBSERVED_AGAIN = timedelta(hours=12)
LONGEST = timedelta(days=366)
LEAD_DAYS = (1, 7)
FIRST_YEAR = 1940
RUN_TO_ANSWER = timedelta(hours=8)
"""From a model's start to the last of its data at the supplier: at most, for the global models."""
_ANY_TIME = Interval(start=datetime(1940, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))
_HOSTS = {
    "archive": "https://archive-api.open-meteo.com/v1/archive",
    "forecast": "https://api.open-meteo.com/v1/forecast",
    "previous-runs": "https://previous-runs-api.open-meteo.com/v1/forecast",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    """How the supplier calls one of our columns, and in which unit it must come."""

    name: str
    unit: str
    low: float
    high: float
    moment: bool = False
    """Of the stamped moment; else mean or sum of the hour before it."""


_VARIABLES: Mapping[str, _Variable] = {
    "temperature_celsius": _Variable(
        name="temperature_2m", unit="°C", low=TEMPERATURES_CELSIUS[0], high=TEMPERATURES_CELSIUS[1], moment=True
    ),
    "ghi_w_m2": _Variable(name="shortwave_radiation", unit="W/m²", low=IRRADIANCES_W_M2[0], high=IRRADIANCES_W_M2[1]),
    "dni_w_m2": _Variable(name="direct_normal_irradiance", unit="W/m²", low=IRRADIANCES_W_M2[0], high=IRRADIANCES_W_M2[1]),
    "dhi_w_m2": _Variable(name="diffuse_radiation", unit="W/m²", low=IRRADIANCES_W_M2[0], high=IRRADIANCES_W_M2[1]),
    "cloud_cover_percent": _Variable(name="cloud_cover", unit="%", low=0.0, high=100.0, moment=True),
    "wind_speed_m_s": _Variable(name="wind_speed_10m", unit="m/s", low=0.0, high=150.0, moment=True),
    "relative_humidity_percent": _Variable(name="relative_humidity_2m", unit="%", low=0.0, high=110.0, moment=True),
    "precipitation_mm": _Variable(name="precipitation", unit="mm", low=0.0, high=500.0),
}
"""In the order of `WEATHER_VALUES`."""
_MOMENTS = [column for column in WEATHER_VALUES if _VARIABLES[column].moment]


class OpenMeteo:
    """`WeatherFeed`."""

    def __init__(self, asking: Asking, *, kept: Kept, turns: Turns, urls: Mapping[str, str], key: SecretStr | None = None) -> None:
        """`urls` beats where each API is asked (`open-meteo` for all of them); a key is that of a paid plan."""
        self._asking, self._kept, self._turns, self._key = asking, kept, turns, key
        self._urls = {api: urls.get(NAME, _paid(url) if key else url) for api, url in _HOSTS.items()}

    def observed(self, *, latitude: float, longitude: float, interval: Interval, now: datetime) -> WeatherAnswer:
        def due(day: Interval, record: Record | None) -> bool:
            if record is None:
                return True
            return record.fetched_at < day.end + SETTLED and now - record.fetched_at >= OBSERVED_AGAIN

        answer = self._days("archive", "", latitude, longitude, interval, due=due, now=now)
        # a reanalysis is known a while after its time: the supplier says five days, and here it is seen that long after at the latest
        return self._with_issue(answer, answer.rows["timestamp"] + pd.Timedelta(SETTLED))

    def forecast(self, *, latitude: float, longitude: float, now: datetime) -> WeatherAnswer:
        def due(_all: Interval, record: Record | None) -> bool:
            return record is None or now - record.fetched_at >= FORECAST_AGAIN

        def ask(_all: Interval) -> Given:
            return self._ask("forecast", "", latitude, longitude, {"forecast_days": FORECAST_DAYS})

        found = self._daily("forecast", latitude, longitude, ask=ask, due=due).read([_ANY_TIME], now=now)
        answer = _answer(found, found.rows)
        # the answer does not say when its run began: known since it was heard is never too early
        return self._with_issue(answer, pd.Series(pd.Timestamp(found.fetched_at).as_unit("us"), index=answer.rows.index))

    def forecast_then(self, *, latitude: float, longitude: float, interval: Interval, lead_days: int, now: datetime) -> WeatherAnswer:
        require_between("lead_days", lead_days, *LEAD_DAYS)

        def due(day: Interval, record: Record | None) -> bool:
            return record is None or (record.fetched_at < day.end + DAY and now - record.fetched_at >= OBSERVED_AGAIN)

        answer = self._days("previous-runs", f"_previous_day{lead_days}", latitude, longitude, interval, due=due, now=now)
        # a row's values are stamped with its end, and were computed by a run begun that many days before it
        return self._with_issue(answer, answer.rows["timestamp"] + pd.Timedelta(HOUR - lead_days * DAY + RUN_TO_ANSWER))

    def _with_issue(self, answer: WeatherAnswer, issued_at: "pd.Series[pd.Timestamp]") -> WeatherAnswer:
        rows = answer.rows.assign(issued_at=issued_at.astype("datetime64[us, UTC]"))
        return WeatherAnswer(rows=rows[list(WEATHER_FORECAST_COLUMNS)], origin=answer.origin)

    def _days(
        self, api: str, suffix: str, latitude: float, longitude: float, interval: Interval, *, due: Due, now: datetime
    ) -> WeatherAnswer:
        """Whole days of UTC up to today, each with the first moment of the next, which ends its last hour."""
        end = min(interval.end, now)
        start = max(interval.start, _ANY_TIME.start)
        if start >= end:
            raise InvalidValueError(
                "interval", f"{interval.start:%Y-%m-%d} to {interval.end:%Y-%m-%d}", f"must have a part from {FIRST_YEAR} to now"
            )
        first = datetime.combine(start.date(), time(0), tzinfo=UTC)
        days = [Interval(start=first + number * DAY, end=first + (number + 1) * DAY) for number in range(-((first - end) // DAY))]

        def ask(span: Interval) -> Given:
            dates = {"start_date": f"{span.start:%Y-%m-%d}", "end_date": f"{min(span.end, now):%Y-%m-%d}"}
            return self._ask(api, suffix, latitude, longitude, dates)

        found = self._daily(api + suffix, latitude, longitude, ask=ask, due=due).read(days, now=now)
        stamps = found.rows["timestamp"]
        return _answer(found, found.rows[(stamps >= interval.start) & (stamps < interval.end)])

    def _daily(self, what: str, latitude: float, longitude: float, *, ask: Ask, due: Due) -> Daily:
        key = (NAME, what, f"{latitude:.4f}", f"{longitude:.4f}")
        return Daily(
            key=key, kept=self._kept, turns=self._turns, ask=ask, due=due, longest=LONGEST if what != "forecast" else _ANY_TIME.duration
        )

    def _ask(self, api: str, suffix: str, latitude: float, longitude: float, times: Mapping[str, str | int]) -> Given:
        query: dict[str, str | int | float] = {
            "latitude": f"{latitude:.4f}",
            "longitude": f"{longitude:.4f}",
            "timezone": "GMT",
            "timeformat": "unixtime",
            "wind_speed_unit": "ms",
            "hourly": ",".join(variable.name + suffix for variable in _VARIABLES.values()),
            **times,
        }
        if self._key:
            query["apikey"] = self._key.get_secret_value()
        try:
            content = self._asking.get(NAME, self._urls[api], query)
        except RefusedError as problem:
            raise SupplierError(str(problem)) from None
        document = json_object(NAME, content)
        if document.get("error"):
            raise malformed(NAME, f"the error {str(document.get('reason'))[:120]!r}")
        return Given(rows=_rows(document, suffix), about={})


def _paid(url: str) -> str:
    return url.replace("https://", "https://customer-")


def _rows(document: Mapping[str, Any], suffix: str) -> pd.DataFrame:
    """Hours by their start. Raises `UnavailableError` for anything that cannot be weather."""
    hourly, units = document.get("hourly"), document.get("hourly_units")
    if not isinstance(hourly, dict) or not isinstance(units, dict) or not isinstance(hourly.get("time"), list):
        raise malformed(NAME, "JSON without hourly values")
    stamps = _numbers(hourly["time"], len(hourly["time"]))
    if not np.isfinite(stamps).all() or (np.diff(stamps) <= 0).any():
        raise malformed(NAME, "times that are no seconds since 1970 in order")
    columns = {}
    for column, variable in _VARIABLES.items():
        unit = units.get(variable.name + suffix)
        if unit not in {variable.unit, None, "undefined"}:
            raise malformed(NAME, f"{variable.name} in {str(unit)[:20]!r} instead of {variable.unit}")
        values = _numbers(hourly.get(variable.name + suffix) or [None] * len(stamps), len(stamps))
        if ((values < variable.low) | (values > variable.high)).any():
            raise malformed(NAME, f"{variable.name} beyond {variable.low:g} to {variable.high:g} {variable.unit}")
        columns[column] = values
    moments = pd.DatetimeIndex(stamps.astype(np.int64).view("datetime64[s]").astype("datetime64[us]")).tz_localize("UTC")
    rows = pd.DataFrame({"timestamp": moments, **columns})
    if rows.empty:
        return rows
    rows = begun_at_timestamp(rows, _MOMENTS, lone=False).assign(ghi_w_m2=lambda frame: frame["ghi_w_m2"].clip(lower=0.0))
    return rows[rows[list(WEATHER_VALUES)].notna().any(axis=1)].reset_index(drop=True)


def _numbers(values: Sequence[object], count: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty((0, 0))
    if numbers.shape != (count,):
        raise malformed(NAME, "values that are no numbers, or not one for each time")
    return numbers


def _answer(found: Found, rows: pd.DataFrame) -> WeatherAnswer:
    return WeatherAnswer(
        rows=rows.reset_index(drop=True),
        origin=Origin(
            supplier=NAME,
            attribution="Weather data by Open-Meteo.com (CC BY 4.0)",
            licence_url="https://open-meteo.com/en/licence",
            resolution=HOUR,
            fetched_at=found.fetched_at,
            freshness=found.freshness,
            problem=found.problem,
        ),
    )


class ObservedWeatherHistory:
    """`WeatherHistory` of a feed, at the present time of a clock."""

    def __init__(self, feed: OpenMeteo, now: Callable[[], datetime]) -> None:
        self._feed, self._now = feed, now

    def read(self, *, latitude: float, longitude: float, interval: Interval) -> pd.DataFrame:
        answer = self._feed.observed(latitude=latitude, longitude=longitude, interval=interval, now=self._now())
        return answer.rows[list(WEATHER_COLUMNS)]
