"""Tables of many sites made together: one look at the readings, one at each price series and at the weather of each place."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import pandas as pd

from services.features.recipe.table import MEASURED, Home, Tables, build_tables, context_before
from services.features.recipe.weather import DAY_AHEAD, Weather
from services.features.service.due import Due
from shared.domain.country import country_of
from shared.domain.place import Place
from shared.domain.time import Interval
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.price_store import PriceStore
from shared.ports.reading_store import ReadingStore
from shared.ports.weather_store import WeatherStore

MOST_TOGETHER = 100
STEPS_TOGETHER = 400_000
"""Of all sites, context included: some hundred megabytes while their tables are made."""
_COLUMNS = (*MEASURED.values(), "quality")


def alike(dues: Iterable[Due], *, window_days: int) -> Iterator[list[Due]]:
    """Those of one zone, resolution and time, so few at a time that they fit into memory."""
    groups = defaultdict[object, list[Due]](list)
    for due in dues:
        groups[due.site.timezone, due.site.resolution, due.intervals].append(due)
    for group in groups.values():
        needed = [_needed(interval, window_days) for interval in group[0].intervals]
        steps = sum(interval.duration // group[0].site.resolution for interval in needed)
        size = max(1, min(MOST_TOGETHER, STEPS_TOGETHER // max(1, steps)))
        yield from (group[begin : begin + size] for begin in range(0, len(group), size))


class Sources:
    """What tables are made of."""

    def __init__(
        self, *, readings: ReadingStore, prices: PriceStore, weather: WeatherStore, holidays: HolidayCalendar, window_days: int
    ) -> None:
        self._readings = readings
        self._prices = prices
        self._weather = weather
        self._holidays = holidays
        self._window_days = window_days

    def tables(self, group: Sequence[Due]) -> list[Tables]:
        """One for each interval of these, which are alike; sites in the order of the group."""
        as_of = min(due.now for due in group)  # they lie in one step
        return [self._tables(group, interval, as_of) for interval in group[0].intervals]

    def _tables(self, group: Sequence[Due], interval: Interval, as_of: datetime) -> Tables:
        needed = _needed(interval, self._window_days)
        series = {name for due in group if due.tariff for name in due.tariff.series_ids}
        return build_tables(
            readings=self._readings_of(group, needed),
            homes=self._homes(group, needed, as_of),
            prices={name: self._prices.read(series_id=name, interval=needed, as_of=as_of) for name in sorted(series)},
            interval=interval,
            as_of=as_of,
            window_days=self._window_days,
        )

    def _readings_of(self, group: Sequence[Due], interval: Interval) -> pd.DataFrame:
        ids = [due.site.site_id for due in group]
        if len(ids) == 1:
            return self._readings.read(site_id=ids[0], interval=interval, columns=_COLUMNS)
        frames = list(self._readings.read_many(site_ids=ids, interval=interval, columns=_COLUMNS))
        return pd.concat(frames, ignore_index=True) if frames else self._readings.read(site_id=ids[0], interval=interval, columns=_COLUMNS)

    def _homes(self, group: Sequence[Due], interval: Interval, as_of: datetime) -> list[Home]:
        weather = {place: self._weather_at(place, interval, as_of) for place in {Place.of(due.site) for due in group}}
        calendars = {due.tariff.holiday_calendar for due in group if due.tariff} | {country_of(group[0].site.timezone), None}
        dates = {calendar: self._dates(calendar, interval) for calendar in calendars}
        homes = []
        for due in group:
            calendar = due.tariff.holiday_calendar if due.tariff else None
            homes.append(
                Home(
                    site=due.site,
                    tariff=due.tariff,
                    holidays=dates[calendar or country_of(due.site.timezone)],
                    tariff_holidays=dates[calendar],
                    weather=weather[Place.of(due.site)],
                )
            )
        return homes

    def _weather_at(self, place: Place | None, interval: Interval, as_of: datetime) -> Weather | None:
        if place is None:
            return None
        newest = self._weather.read(place=place, interval=interval, as_of=as_of)
        return Weather(newest=newest, day_ahead=self._weather.read(place=place, interval=interval, as_of=as_of, ahead=DAY_AHEAD))

    def _dates(self, calendar: str | None, interval: Interval) -> frozenset[date]:
        """Holidays of a calendar; none of nobody's."""
        if calendar is None:
            return frozenset()
        day = timedelta(days=1)  # local dates may be one off from UTC's
        return self._holidays.dates(calendar, first=(interval.start - day).date(), last=(interval.end + day).date())


def _needed(interval: Interval, window_days: int) -> Interval:
    return Interval(start=context_before(interval.start, window_days), end=interval.end)
