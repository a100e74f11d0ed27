"""Copying to a server that may be away: nothing lost, nothing twice, the same order whatever happens."""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from services.gateway_sim.service import MirrorService
from services.gateway_sim.service.mirror import BATCH_ROWS, BATCHES, FIRST_WAIT, LONGEST_WAIT
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.domain.errors import InvalidValueError
from shared.domain.tariff import DynamicPrice
from shared.domain.time import Interval
from shared.ports.errors import SupplierError, UnavailableError
from tests.factories import NOON, a_site, a_tariff, readings

STEP = timedelta(minutes=5)
WEEK = timedelta(days=7)
EVER = Interval(start=NOON - timedelta(days=365), end=NOON + timedelta(days=365))


class Server(SqliteEdgeStore):
    """A store that can go away, before a write or just after it, and that keeps readings for a time of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.keeps: timedelta | None = WEEK
        self.problem: SupplierError | None = None
        self.breaks_after: int | None = None
        self.asked = 0
        self.written: list[int] = []

    @property
    def announcements(self) -> SqliteEdgeStore:
        return self

    def prepare(self) -> timedelta | None:
        self._ask()
        return self.keeps

    def write(self, frame: pd.DataFrame) -> int:
        self._ask()
        self.written.append(len(frame))
        rows = super().write(frame)
        if self.breaks_after is not None and len(self.written) >= self.breaks_after:
            self.problem = UnavailableError("gone")
            raise self.problem
        return rows

    def _ask(self) -> None:
        self.asked += 1
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[SqliteEdgeStore]:
    with closing(SqliteEdgeStore(tmp_path / "edge.sqlite")) as store:
        yield store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with closing(Server(tmp_path / "server.sqlite")) as store:
        yield store


def mirror_of(edge: SqliteEdgeStore, server: Server, **changes) -> MirrorService:
    values = {"site_id": "home", "device_id": "edge-gateway-001", "step": STEP, "retention": WEEK}
    return MirrorService(**(values | {"edge": edge, "announcements": edge, "mirror": server} | changes))


def some(first: datetime, last: datetime, **changes) -> pd.DataFrame:
    return readings(start=first, hours=(last - first) / timedelta(hours=1), step=STEP, **changes)


def all_of(store: SqliteEdgeStore) -> pd.DataFrame:
    return store.read(site_id="home", interval=EVER, limit=1_000_000)


def test_everything_within_the_retention_is_copied_and_then_nothing(edge, server):
    edge.write(some(NOON - timedelta(days=2), NOON))
    mirror = mirror_of(edge, server)
    assert mirror.copy_all(now=NOON) == 576
    assert_frame_equal(all_of(server), all_of(edge))
    asked = server.asked
    assert mirror.copy(now=NOON).rows == 0
    assert server.asked == asked


def test_a_new_reading_is_copied_alone(edge, server):
    edge.write(some(NOON - timedelta(hours=1), NOON))
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    edge.write(some(NOON, NOON + STEP))
    done = mirror.copy(now=NOON + STEP)
    assert (done.rows, done.behind, server.written[-1]) == (1, False, 1)
    assert_frame_equal(all_of(server), all_of(edge))


def test_an_empty_store_copies_nothing_and_asks_nobody(edge, server):
    assert mirror_of(edge, server).copy_all(now=NOON) == 0
    assert server.asked == 0


def test_another_device_of_the_site_is_its_own_business(edge, server):
    edge.write(pd.concat([some(NOON - timedelta(days=5), NOON), some(NOON - timedelta(days=5), NOON, device_id="another")]))
    assert mirror_of(edge, server).copy_all(now=NOON) == 1440
    assert [(e.device_id, e.rows) for e in server.extents()] == [("edge-gateway-001", 1440)]


@pytest.mark.parametrize(("ours", "theirs", "days"), [(7, 30, 7), (30, 7, 7), (7, None, 7)])
def test_nothing_older_than_either_retention_is_copied(edge, server, ours, theirs, days):
    edge.write(some(NOON - timedelta(days=20), NOON))
    server.keeps = None if theirs is None else timedelta(days=theirs)
    mirror_of(edge, server, retention=timedelta(days=ours)).copy_all(now=NOON)
    (extent,) = server.extents()
    assert timedelta(0) < extent.first - (NOON - timedelta(days=days)) <= timedelta(hours=1)
    assert extent.last == NOON - STEP


def test_what_became_too_old_while_the_server_was_away_is_left_out(edge, server):
    edge.write(some(NOON - timedelta(days=20), NOON))
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    late = NOON + timedelta(days=30)
    edge.write(some(NOON, late))
    rows = mirror.copy_all(now=late)
    assert rows >= 2 * 1000
    assert_frame_equal(all_of(server).tail(1440).reset_index(drop=True), all_of(edge).tail(1440).reset_index(drop=True))


def test_history_that_is_filled_in_later_is_copied_too(edge, server):
    edge.write(some(NOON - timedelta(days=1), NOON))
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    edge.write(some(NOON - timedelta(days=6), NOON - timedelta(days=1)))
    mirror.copy_all(now=NOON)
    assert_frame_equal(all_of(server), all_of(edge))


def test_a_step_is_bounded_and_says_that_more_is_to_do(edge, server):
    step = timedelta(seconds=30)
    edge.write(readings(start=NOON - timedelta(days=6), hours=144, step=step))
    mirror = mirror_of(edge, server, step=step)
    done = mirror.copy(now=NOON)
    assert done.behind
    assert len(server.written) == BATCHES
    assert max(server.written) <= BATCH_ROWS
    mirror.copy_all(now=NOON)
    assert_frame_equal(all_of(server), all_of(edge))


def test_a_server_that_fails_is_left_alone_for_a_while_that_grows(edge, server):
    edge.write(some(NOON - timedelta(hours=1), NOON))
    server.problem = UnavailableError("away")
    mirror, tries = mirror_of(edge, server), []
    for second in range(300):
        with pytest.raises(UnavailableError, match="away"):
            mirror.copy(now=NOON + timedelta(seconds=second))
        tries.append(server.asked)
    assert [second for second in range(300) if tries[second] > (tries[second - 1] if second else 0)] == [
        0,
        1,
        3,
        7,
        15,
        31,
        63,
        123,
        183,
        243,
    ]
    assert timedelta(seconds=60) == LONGEST_WAIT > FIRST_WAIT
    server.problem = None
    assert mirror.copy(now=NOON + timedelta(seconds=303)).rows == 12
    server.problem = UnavailableError("away again")
    edge.write(some(NOON, NOON + STEP))
    later = NOON + timedelta(seconds=400)
    for wait in (0, 1):
        asked = server.asked
        with pytest.raises(UnavailableError, match="away again"):
            mirror.copy(now=later + wait * FIRST_WAIT)
        assert server.asked == asked + 1


def test_a_gap_of_an_outage_is_filled(edge, server):
    edge.write(some(NOON - timedelta(days=1), NOON))
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    server.problem = UnavailableError("away")
    for hour in range(1, 73):
        now = NOON + timedelta(hours=hour)
        edge.write(some(now - timedelta(hours=1), now))
        with pytest.raises(UnavailableError):
            mirror.copy(now=now)
    server.problem = None
    mirror.copy_all(now=NOON + timedelta(hours=73))
    assert_frame_equal(all_of(server), all_of(edge))


@pytest.mark.parametrize("hole", [100, 1500], ids=["behind the oldest", "before the newest"])
def test_a_write_cut_by_a_crash_is_made_again_by_the_next_process(edge, server, hole):
    edge.write(some(NOON - 1980 * STEP, NOON))
    mirror_of(edge, server).copy_all(now=NOON)
    whole = all_of(server)
    server.prune(before=EVER.end)
    # within a batch of one end, and not of the other
    server.write(whole[(whole.index < hole) | (whole.index > hole + 20)])
    mirror_of(edge, server).copy_all(now=NOON)
    assert_frame_equal(all_of(server), all_of(edge))


def test_a_server_that_comes_back_empty_is_filled_again(edge, server):
    edge.write(some(NOON - timedelta(days=2), NOON))
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    server.problem = UnavailableError("away")
    edge.write(some(NOON, NOON + STEP))
    with pytest.raises(UnavailableError):
        mirror.copy(now=NOON)
    server.problem = None
    server.prune(before=EVER.end)
    mirror.copy_all(now=NOON + LONGEST_WAIT)
    assert_frame_equal(all_of(server), all_of(edge))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.data())
def test_whatever_breaks_and_restarts_the_copy_is_whole_in_the_end(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("stores")
    with closing(SqliteEdgeStore(folder / "edge.sqlite")) as edge, closing(Server(folder / "server.sqlite")) as server:
        now = NOON
        edge.write(some(now - timedelta(days=data.draw(st.integers(1, 9))), now))
        mirror = mirror_of(edge, server)
        for _ in range(data.draw(st.integers(1, 4))):
            server.breaks_after = len(server.written) + data.draw(st.integers(1, 3))
            with suppress(UnavailableError):
                mirror.copy_all(now=now)
            server.problem, server.breaks_after = None, None
            until = now + data.draw(st.integers(1, 400)) * STEP
            edge.write(some(now, until))
            if data.draw(st.booleans()):
                before = edge.extents()[0].first
                edge.write(some(before - timedelta(hours=6), before))
            now = until
            if data.draw(st.booleans()):
                mirror = mirror_of(edge, server)
        mirror.copy_all(now=now + LONGEST_WAIT)
        kept = Interval(start=now - WEEK + timedelta(hours=2), end=EVER.end)
        mine, theirs = (store.read(site_id="home", interval=kept, limit=100_000) for store in (edge, server))
        assert_frame_equal(theirs, mine)


def prices(values: list[float], *, start: datetime = NOON) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=len(values), freq="h", unit="us")
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": values, "published_at": stamps - pd.Timedelta(hours=12)})


def announced(edge: SqliteEdgeStore, **changes) -> None:
    edge.write(some(NOON - timedelta(hours=1), NOON))
    edge.announce_site(a_site(**changes), a_tariff(import_price=DynamicPrice(series_id="epex")))


def test_the_site_its_tariff_and_its_prices_are_copied_with_the_readings(edge, server):
    announced(edge)
    edge.announce_prices("epex", prices([0.1, float("nan"), 0.3]))
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    assert server.sites() == edge.sites()
    assert_frame_equal(server.prices(series_id="epex", interval=EVER), prices([0.1, float("nan"), 0.3]))
    edge.announce_prices("epex", prices([0.2, 0.4], start=NOON + timedelta(hours=2)))
    mirror.copy_all(now=NOON + timedelta(minutes=2))
    assert server.prices(series_id="epex", interval=EVER)["price_per_kwh"].tolist()[2:] == [0.2, 0.4]


def test_announcements_are_looked_at_once_a_minute_and_what_is_there_is_not_written_again(edge, server):
    announced(edge)
    edge.announce_prices("epex", prices([0.1]))
    mirror, written = mirror_of(edge, server), []
    server.announce_prices = lambda _series_id, frame: written.append(len(frame))
    for second in range(180):
        mirror.copy(now=NOON + timedelta(seconds=second))
    assert written == [1]


def test_an_announcement_is_renewed_before_the_server_forgets_it(edge, server):
    announced(edge)
    mirror, written = mirror_of(edge, server, retention=timedelta(hours=8)), []
    announce = server.announce_site

    def counted(*words):
        written.append(words)
        announce(*words)

    server.announce_site = counted
    for hour in range(9):
        mirror.copy(now=NOON + timedelta(hours=hour))
    assert len(written) == 5


def test_another_gateway_under_the_same_site_is_told_of(edge, server):
    announced(edge)
    mirror = mirror_of(edge, server)
    mirror.copy_all(now=NOON)
    assert mirror.another is None
    announced(server, name="Someone else's")
    mirror.copy(now=NOON + timedelta(minutes=2))
    assert mirror.another is not None
    assert "another gateway calls itself site 'home'" in mirror.another
    assert server.sites() == edge.sites()


def test_a_retention_of_nothing_is_refused(edge, server):
    with pytest.raises(InvalidValueError, match="retention"):
        mirror_of(edge, server, retention=timedelta(0))
