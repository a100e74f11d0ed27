"""Messages and timers in, calls of the service, messages out."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from typing import cast

import pandas as pd

from services.sync.feeds import PlaceFetch, PriceFeedService, SeriesFetch, WeatherFeedService
from services.sync.service import Newcomers, SiteSync, SyncService
from shared.contracts import topology
from shared.contracts.events import Event, ReadingColumnsRecorded, ReadingsRecorded, SyncWindowCompleted
from shared.contracts.reading_columns import ReadingColumns
from shared.contracts.reading_frames import frame_from_columns, frame_from_documents
from shared.contracts.readings import ReadingDocument
from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.time import Interval
from shared.ports.clock import Clock
from shared.ports.errors import RejectedMessageError, SupplierError
from shared.runtime.logging import logger
from shared.runtime.worker import BatchSubscription, Parts, Timer

Recorded = ReadingsRecorded | ReadingColumnsRecorded

MOST_MESSAGES = 50
"""Stored together: one verdict, one write."""
NEWCOMERS_EVERY = timedelta(seconds=1)
"""How often the edge is asked for the announcement of a site first heard of by message."""
FEEDS_EVERY = timedelta(minutes=5)
"""How often it is looked whether a supplier could have something new; it is asked far less often."""


def parts(
    service: SyncService,
    *,
    clock: Clock,
    interval: timedelta,
    feeds: PriceFeedService | None = None,
    weather: WeatherFeedService | None = None,
) -> Parts:
    """The live path, the sweep, and the prices and the weather of public suppliers."""
    newcomers = Newcomers()
    sweeping = Sweeping(service, clock, newcomers)

    def store(events: Sequence[Event]) -> Sequence[Sequence[Event]]:
        messages = [_recorded(event) for event in events]
        readings = _frame(messages)
        now = clock.now()
        results = newcomers.hold(service.store(readings=readings, now=now), now=now)
        said = {window.site_id: window for window in completed(results, now=now)}
        # of a site with several messages the last one brought it about
        last = {message.site_id: place for place, message in enumerate(messages)}
        return [
            [said[message.site_id]] if message.site_id in said and last[message.site_id] == place else []
            for place, message in enumerate(messages)
        ]

    return Parts(
        name="sync",
        subscriptions=(BatchSubscription(queue=topology.SYNC_READINGS, handle=store, most=MOST_MESSAGES),),
        timers=(
            Timer(name="sync.sweep", every=interval, step=sweeping.step, unfinished=lambda: sweeping.unfinished),
            Timer(name="sync.newcomers", every=NEWCOMERS_EVERY, step=sweeping.for_newcomers, unfinished=lambda: sweeping.early),
            *([] if feeds is None else [_feed_timer(feeds, clock=clock)]),
            *([] if weather is None else [_weather_timer(weather, clock=clock)]),
        ),
    )


def _recorded(event: Event) -> Recorded:
    if not isinstance(event, Recorded):
        raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.SYNC_READINGS.name}")
    try:
        require_identifier("site_id", event.site_id)
    except InvalidValueError as problem:
        raise RejectedMessageError(str(problem)) from None
    return event


def _frame(messages: Sequence[Recorded]) -> pd.DataFrame:
    """Their readings, in one order for both forms: of one key the newest message's stands last."""
    frames = []
    for in_columns, group in groupby(messages, key=lambda message: isinstance(message, ReadingColumnsRecorded)):
        if in_columns:
            frames.append(frame_from_columns([(message.site_id, cast("ReadingColumns", message.readings)) for message in group]))
        else:
            frames += [frame_from_documents(cast("list[ReadingDocument]", message.readings), site_id=message.site_id) for message in group]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


class Sweeping:
    """A sweep, round by round: each round's news are published before the next begins, and a stop waits for one round alone."""

    def __init__(self, service: SyncService, clock: Clock, newcomers: Newcomers) -> None:
        self._service = service
        self._clock = clock
        self._newcomers = newcomers
        self._stepping = threading.Lock()
        self._rounds: Iterator[list[SiteSync]] | None = None
        self._failing: set[str] = set()
        self.early = False
        """Whether the sweep under way was begun for a newcomer."""

    @property
    def unfinished(self) -> bool:
        """Whether the sweep has more rounds."""
        return self._rounds is not None

    def step(self) -> Sequence[Event]:
        """The next round of the sweep under way, or the first of a new one."""
        with self._stepping:
            return completed(self._newcomers.joined(self._round()), now=self._clock.now())

    def for_newcomers(self) -> Sequence[Event]:
        """A sweep before its time while a site waits for its announcement. That the edge is away is told by the sweep in its time."""
        events: list[Event] = []
        if self._newcomers.awaited and not self.unfinished:
            self.early = True
        if self.early:
            with suppress(SupplierError):
                events += self.step()
            self.early = self.unfinished
        now = self._clock.now()
        return [*events, *completed(self._newcomers.given_up(now=now), now=now)]

    def _round(self) -> list[SiteSync]:
        rounds = self._rounds or self._service.rounds(now=self._clock.now(), stamp=self._clock.now)
        self._rounds = None  # a round that raises ends its sweep
        results = next(rounds, None)
        if results is None:
            return []
        self._rounds = rounds
        self._tell(results)
        return results

    def _tell(self, results: Sequence[SiteSync]) -> None:
        """Log what was copied, and when a site begins to fail and when it works again, not each time."""
        log = logger("sync")
        for result in results:
            if result.error is not None and result.site_id not in self._failing:
                log.warning("site not copied; it is tried again at the next sweep", site_id=result.site_id, error=result.error)
                self._failing.add(result.site_id)
            if result.error is None and result.site_id in self._failing:
                log.info("site is copied again", site_id=result.site_id)
                self._failing.discard(result.site_id)
            if result.changed:
                log.info(
                    "readings copied",
                    site_id=result.site_id, new=result.inserted, changed=result.updated, refused=result.rejected, prices=result.prices,
                )  # fmt: skip


def _feed_timer(feeds: PriceFeedService, *, clock: Clock) -> Timer:
    away: set[str] = set()

    def fetch() -> Sequence[Event]:
        now = clock.now()
        fetched = feeds.fetch(now=now, now_at=clock.now_at)
        _tell_of_feeds(fetched, away)
        return _news(fetched, now)

    return Timer(name="sync.prices", every=FEEDS_EVERY, step=fetch)


def _weather_timer(weather: WeatherFeedService, *, clock: Clock) -> Timer:
    away: set[str] = set()

    def fetch() -> Sequence[Event]:
        now = clock.now()
        fetched = weather.fetch(now=now, now_at=clock.now_at)
        _tell_of_weather(fetched, away)
        return _news(fetched, now)

    return Timer(name="sync.weather", every=FEEDS_EVERY, step=fetch)


def _news(fetched: Sequence[SeriesFetch] | Sequence[PlaceFetch], now: datetime) -> list[SyncWindowCompleted]:
    """One message for each site for which a supplier said something new."""
    sites = sorted({site_id for one in fetched if one.rows for site_id in one.site_ids})
    return [SyncWindowCompleted(site_id=site_id, start=now, end=now, accepted=0, rejected=0) for site_id in sites]


def _tell_of_weather(fetched: Sequence[PlaceFetch], away: set[str]) -> None:
    """Log new weather, and when the supplier goes away and when it is back, not each time and not for each place."""
    log = logger("sync")
    if rows := sum(place.rows for place in fetched):
        log.info("weather fetched", places=sum(place.rows > 0 for place in fetched), rows=rows)
    problems = sorted({place.problem for place in fetched if place.problem is not None})
    for problem in problems:
        if problem not in away:
            log.warning("no newer weather; the last known stays in use and it is tried again", error=problem)
    if away and not problems:
        log.info("weather is to be had again")
    away.clear()
    away.update(problems)


def _tell_of_feeds(fetched: Sequence[SeriesFetch], away: set[str]) -> None:
    """Log new prices, and when a supplier goes away and when it is back, not each time."""
    log = logger("sync")
    for series in fetched:
        if series.rows:
            log.info("prices fetched", series_id=series.series_id, rows=series.rows)
        if series.problem is not None and series.series_id not in away:
            log.warning(
                "no newer prices; the last known stay in use and it is tried again", series_id=series.series_id, error=series.problem
            )
        if series.problem is None and series.series_id in away:
            log.info("prices are to be had again", series_id=series.series_id)
    away.clear()
    away.update(series.series_id for series in fetched if series.problem is not None)


def completed(results: Sequence[SiteSync], *, now: datetime) -> list[SyncWindowCompleted]:
    """One message for each site of which the cloud knows something new.

    Its interval holds the new readings; it is empty, at `now`, where only prices or the site itself are new.
    """
    nothing = Interval(start=now, end=now)
    return [
        SyncWindowCompleted(
            site_id=result.site_id,
            start=(result.interval or nothing).start,
            end=(result.interval or nothing).end,
            accepted=result.inserted + result.updated,
            rejected=result.rejected,
        )
        for result in results
        if result.changed
    ]
