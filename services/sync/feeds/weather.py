"""Weather forecasts of a public supplier into the cloud store: of every place where a site stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pandas as pd

from shared.domain.errors import InvalidValueError
from shared.domain.place import Place
from shared.domain.site import Site
from shared.domain.time import Interval, floor_to
from shared.ports.errors import SupplierError, UnavailableError
from shared.ports.reading_store import ReadingStore
from shared.ports.site_store import SiteStore
from shared.ports.weather import WEATHER_VALUES, WeatherAnswer, WeatherFeed
from shared.ports.weather_store import WeatherStore

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FORECAST_EVERY = timedelta(hours=3)
"""The great models begin a run every six hours, some finer ones every three."""
AHEAD = timedelta(days=4)
"""Kept of a forecast: plans look two days ahead, and an outage of two more leaves them weather."""
LEAD_DAYS = (1, 2, 3)
"""Of the past is fetched what was forecast so many days before: all that a forecast of two days could have known."""
HISTORY = timedelta(days=400)
"""How far back at most, and as far as readings of the place reach: what models learn from."""
HISTORY_EVERY = DAY
FORECASTS_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
"""From here on the supplier keeps what was forecast; of what was before it gives the weather as it was, which is perfect weather."""
PLANNED = timedelta(days=2)
"""Of a site that lives in the past: how far beyond its time weather is of use."""
SETTLED = timedelta(days=7)
"""So late reanalysis is known."""
MOST_PLACES = 10
"""Asked in one round, who waits longest first: at the supplier's pace a round is then a minute or two."""
LIVE_WITHIN = timedelta(days=3)
"""A site whose time is further behind lives in the past, and wants no forecast of tomorrow."""
REFUSED_AGAIN = HOUR
_LATE = timedelta(hours=9)
"""By so much less than its days a past forecast is known ahead: a model computes and arrives, and a row ends after it begins."""
_NOTHING = -9999.0
"""Stands for NaN where rows are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFetch:
    """What one place brought."""

    place: Place
    site_ids: tuple[str, ...]
    rows: int = 0
    """New or changed."""
    problem: str | None = None
    """Why nothing newer could be had."""


class WeatherFeedService:
    """Fetches; every method may be repeated."""

    def __init__(self, *, sites: SiteStore, readings: ReadingStore, weather: WeatherStore, feed: Callable[[], WeatherFeed]) -> None:
        """`feed` is opened when a site first stands somewhere."""
        self._sites, self._readings, self._weather, self._feed = sites, readings, weather, feed
        self._due: dict[Place, datetime] = {}
        self._whole_since: dict[Place, datetime] = {}
        self._problems: dict[Place, str] = {}

    def fetch(self, *, now: datetime, now_at: Callable[[Site], datetime]) -> list[PlaceFetch]:
        """Ask for what places lack, some of them in a round; one that fails stops no other. `now_at` is the time of a site."""
        homes: dict[Place, list[tuple[Site, datetime]]] = {}
        for site in self._sites.list():
            if place := Place.of(site):
                homes.setdefault(place, []).append((site, now_at(site)))
        never = datetime.min.replace(tzinfo=now.tzinfo)
        waiting = sorted((place for place in homes if self._due.get(place, never) <= now), key=lambda place: self._due.get(place, never))
        rows = {place: self._fetch(place, homes[place], now) for place in waiting[:MOST_PLACES]}
        return [
            PlaceFetch(
                place=place,
                site_ids=tuple(site.site_id for site, _ in sites),
                rows=rows.get(place, 0),
                problem=self._problems.get(place),
            )
            for place, sites in sorted(homes.items(), key=lambda item: str(item[0]))
        ]

    def _fetch(self, place: Place, homes: Sequence[tuple[Site, datetime]], now: datetime) -> int:
        """The rows that are new or changed; why there are not more is in `_problems`."""
        thorough = now - self._whole_since.get(place, now - HISTORY_EVERY) >= HISTORY_EVERY
        rows, problem, again = 0, None, timedelta(0)  # who is away is asked in the next round: its turns say when
        try:
            rows, problem = self._newest(place, homes, now)
            if thorough and problem is None:
                older, problem = self._history(place, homes, now)
                rows += older
        except UnavailableError as failure:
            problem = str(failure)
        except (SupplierError, InvalidValueError) as failure:
            problem, again = str(failure), REFUSED_AGAIN
        if problem is None:
            self._problems.pop(place, None)
            again = FORECAST_EVERY
            if thorough:
                self._whole_since[place] = now
        else:
            self._problems[place] = problem
        self._due[place] = now + again
        return rows

    def _newest(self, place: Place, homes: Sequence[tuple[Site, datetime]], now: datetime) -> tuple[int, str | None]:
        if not any(now - time < LIVE_WITHIN for _, time in homes):
            return 0, None
        answer = self._feed().forecast(latitude=place.latitude, longitude=place.longitude, now=now)
        stamps = answer.rows["timestamp"]
        return self._put(place, answer.rows[(stamps > now - HOUR) & (stamps < now + AHEAD)]), answer.origin.problem

    def _history(self, place: Place, homes: Sequence[tuple[Site, datetime]], now: datetime) -> tuple[int, str | None]:
        """What was forecast while the homes measured, and what the weather was where nobody kept a forecast."""
        wanted = self._measured(homes, now)
        if wanted is None:
            return 0, None
        self._weather.forget(place=place, before=wanted.start)
        rows, problem = 0, None
        forecast = Interval(start=min(max(wanted.start, FORECASTS_SINCE), wanted.end), end=wanted.end)
        for lead_days in LEAD_DAYS:
            ask = partial(self._feed().forecast_then, lead_days=lead_days)
            known = self._weather.read(place=place, interval=forecast, ahead=lead_days * DAY - _LATE)
            new, trouble = self._fill(place, forecast, known, ask, now)
            rows, problem = rows + new, problem or trouble
        settled = Interval(start=wanted.start, end=max(wanted.start, min(wanted.end, floor_to(now - SETTLED, HOUR))))
        known = self._weather.read(place=place, interval=settled)
        new, trouble = self._fill(place, settled, known, self._feed().observed, now)
        return rows + new, problem or trouble

    def _fill(
        self, place: Place, wanted: Interval, known: pd.DataFrame, ask: Callable[..., WeatherAnswer], now: datetime
    ) -> tuple[int, str | None]:
        """Ask for the days from the first to the last hour that is not known."""
        hours = pd.date_range(wanted.start, wanted.end, freq="h", inclusive="left").difference(pd.DatetimeIndex(known["timestamp"]))
        if hours.empty:
            return 0, None
        missing = Interval(start=hours[0].to_pydatetime(), end=hours[-1].to_pydatetime() + HOUR)
        answer = ask(latitude=place.latitude, longitude=place.longitude, interval=missing, now=now)
        news = answer.rows[~answer.rows["timestamp"].isin(known["timestamp"])]
        return self._weather.put(place, news) if len(news) else 0, answer.origin.problem

    def _measured(self, homes: Sequence[tuple[Site, datetime]], now: datetime) -> Interval | None:
        """From the first reading of any of the homes to two days after their time: whole hours, at most `HISTORY`, all of them past."""
        spans = []
        for site, time in homes:
            extent = self._readings.extent(site_id=site.site_id)
            if extent is not None:
                spans.append((max(extent[0].start, time - HISTORY), min(time + PLANNED, now)))
        if not spans:
            return None
        end = floor_to(max(until for _, until in spans), HOUR)
        start = floor_to(max(min(since for since, _ in spans), end - HISTORY), DAY)
        return Interval(start=start, end=end) if start < end else None

    def _put(self, place: Place, rows: pd.DataFrame) -> int:
        """Only hours that are forecast anew: what was known before keeps the moment from which it was known."""
        if rows.empty:
            return 0
        interval = Interval(start=rows["timestamp"].iloc[0].to_pydatetime(), end=rows["timestamp"].iloc[-1].to_pydatetime() + HOUR)
        names = ["timestamp", *WEATHER_VALUES]
        known = self._weather.read(place=place, interval=interval)[names]
        same = pd.MultiIndex.from_frame(rows[names].fillna(_NOTHING)).isin(pd.MultiIndex.from_frame(known.fillna(_NOTHING)))
        return self._weather.put(place, rows[~same]) if not same.all() else 0
