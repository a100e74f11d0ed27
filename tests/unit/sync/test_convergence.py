"""Whatever comes in whatever order, however often it is killed: the cloud ends up as if everything had come once, in order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from services.sync.service import STEP, SyncService
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.domain.time import Interval
from shared.ports.edge_store import EdgeAnnouncements, EdgeStore
from tests.factories import a_site, a_tariff, readings

START = datetime(2024, 6, 15, tzinfo=UTC)
NOW = START + timedelta(days=1)
ALWAYS = Interval(start=START - timedelta(days=30), end=START + timedelta(days=30))
SITES = ("east", "west")
ROWS = 48
WRITES = ("upsert", "put")


class Killed(Exception):
    """The process is no more."""


@dataclass
class Mortal:
    """Lets a number of writes through, then kills: before the next one, or just after it."""

    left: int
    after: bool

    def writing(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def attempt(*words: object, **named: object) -> object:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            done = write(*words, **named)
            if self.left == 0:
                raise Killed
            return done

        return attempt


@dataclass
class Store:
    """A store of the cloud whose writes may be the last."""

    real: Any
    mortal: Mortal | None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        return self.mortal.writing(found) if self.mortal and name in WRITES else found


@dataclass
class Stage:
    """An edge, a cloud, and processes that come and go between them."""

    edge: EdgeStore
    announcements: EdgeAnnouncements
    cloud: Any
    days: dict[str, pd.DataFrame]
    now: datetime = NOW
    service: SyncService = field(init=False)

    def __post_init__(self) -> None:
        self.service = self.process(None)

    def process(self, mortal: Mortal | None) -> SyncService:
        names = ("sites", "tariffs", "prices", "readings", "quarantine", "progress")
        stores = {name: Store(getattr(self.cloud, name), mortal) for name in names}
        return SyncService(edge=self.edge, announcements=self.announcements, batch_size=7, **stores)

    def recorded(self, site_id: str, places: list[int]) -> None:
        self.edge.write(self.days[site_id].iloc[places])

    def carried(self, site_id: str, places: list[int]) -> None:
        """A gateway writes its own store first and publishes second."""
        self.recorded(site_id, places)
        self.service.store(readings=self.days[site_id].iloc[places], now=self.now)

    def sweep(self, mortal: Mortal | None = None) -> None:
        """By a process that may die of it; the next one begins anew."""
        self.now += timedelta(minutes=1)
        if mortal is None:
            self.service.sweep(now=self.now, stamp=self.tick)
            return
        with suppress(Killed):
            self.process(mortal).sweep(now=self.now, stamp=self.tick)
        self.service = self.process(None)

    def tick(self) -> datetime:
        self.now += timedelta(milliseconds=300)
        return self.now

    def in_cloud(self, site_id: str) -> pd.DataFrame:
        return self.cloud.readings.read(site_id=site_id, interval=ALWAYS)

    def at_edge(self, site_id: str, before: datetime = ALWAYS.end) -> pd.DataFrame:
        return self.edge.read(site_id=site_id, interval=Interval(start=ALWAYS.start, end=before), limit=10_000)


def days() -> dict[str, pd.DataFrame]:
    """A day of each site."""
    return {site_id: readings(site_id=site_id, hours=24, step=timedelta(minutes=30), seed=seed) for seed, site_id in enumerate(SITES)}


@contextmanager
def staged() -> Iterator[Stage]:
    with TemporaryDirectory() as name:
        edge, cloud = SqliteEdgeStore(Path(name) / "edge.sqlite"), SqliteCloudStore(Path(name) / "cloud.sqlite")
        for site_id in SITES:
            edge.announce_site(a_site(site_id), a_tariff())
        yield Stage(edge, edge, cloud, days())
        edge.close()
        cloud.close()


some_rows = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=ROWS, unique=True)
mortals = st.builds(Mortal, left=st.integers(1, 30), after=st.booleans())
acts = st.one_of(
    st.tuples(st.just("recorded"), st.sampled_from(SITES), some_rows),
    st.tuples(st.just("carried"), st.sampled_from(SITES), some_rows),
    st.tuples(st.just("sweep"), st.none() | mortals),
)


@settings(max_examples=15)
@given(st.lists(acts, max_size=10))
def test_any_order_of_arrivals_sweeps_messages_and_kills_ends_equal_to_the_ordered_run(story: list[tuple[Any, ...]]) -> None:
    with staged() as stage:
        for act, *words in story:
            getattr(stage, act)(*words)
        stage.now += timedelta(days=1)  # the first sweep of a day is thorough: it finds rows however late
        stage.sweep()
        for site_id in SITES:
            assert_frame_equal(stage.in_cloud(site_id), stage.at_edge(site_id))
            assert stage.cloud.sites.get(site_id) == a_site(site_id)
            status = {site.site_id: site for site in stage.service.status(now=stage.now)}[site_id]
            assert (status.backlog_rows, status.last_error, status.rejected) == (0, None, 0)


@settings(max_examples=15)
@given(st.lists(mortals, min_size=1, max_size=3))
def test_nothing_below_a_watermark_is_ever_missing_wherever_a_sweep_is_killed(deaths: list[Mortal]) -> None:
    with staged() as stage:
        for site_id in SITES:
            stage.recorded(site_id, list(range(ROWS)))
        for mortal in deaths:
            stage.sweep(mortal)
            for progress in stage.cloud.progress.list(step=STEP):
                below = stage.at_edge(progress.site_id, before=progress.watermark or ALWAYS.start)
                there = stage.in_cloud(progress.site_id)
                assert_frame_equal(there[: len(below)], below)
        stage.sweep()
        for site_id in SITES:
            assert_frame_equal(stage.in_cloud(site_id), stage.at_edge(site_id))
