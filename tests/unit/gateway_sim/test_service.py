"""The gateway on a real edge store: readings without gaps, prices as announced, a battery that goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.home import simulate
from services.gateway_sim.service import GatewayService
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.domain.errors import InvalidValueError
from shared.domain.tariff import DynamicPrice
from shared.domain.time import EPOCH, Interval, TimeGrid
from tests.unit.gateway_sim.schedules import a_schedule

START = datetime(2024, 6, 15, 18, tzinfo=UTC)
STEP = timedelta(minutes=5)
FOREVER = Interval(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[SqliteEdgeStore]:
    store = SqliteEdgeStore(tmp_path / "edge.sqlite")
    yield store
    store.close()


def a_gateway(edge: SqliteEdgeStore, home: Home | None = None, step: timedelta = STEP) -> GatewayService:
    return GatewayService(home=home or Home(), step=step, edge=edge, announcements=edge)


def stored(edge: SqliteEdgeStore) -> pd.DataFrame:
    return edge.read(site_id="home", interval=FOREVER, limit=1_000_000)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left.reset_index(drop=True), right.reset_index(drop=True), check_exact=True, check_dtype=False)


def test_the_first_reading_is_the_newest_due(edge: SqliteEdgeStore):
    done = a_gateway(edge).record(now=START + timedelta(minutes=3))
    assert done.rows == 1
    assert done.readings["timestamp"].iloc[0] == START
    same(stored(edge), done.readings)


def test_asked_again_before_the_next_is_due_nothing_is_recorded(edge: SqliteEdgeStore):
    gateway = a_gateway(edge)
    gateway.record(now=START)
    assert gateway.record(now=START + timedelta(minutes=4, seconds=59)).rows == 0
    assert gateway.record(now=START + timedelta(minutes=5)).rows == 1


def test_recording_step_by_step_equals_one_simulation(edge: SqliteEdgeStore):
    gateway = a_gateway(edge)
    for tick in range(30):
        gateway.record(now=START + tick * STEP + timedelta(seconds=2))
    same(stored(edge), simulate(Home(), TimeGrid(start=START, step=STEP, count=30)).readings)


def test_a_process_stopped_and_started_again_leaves_no_gap_and_no_trace(edge: SqliteEdgeStore):
    a_gateway(edge).record(now=START)
    done = a_gateway(edge).record(now=START + timedelta(hours=7, minutes=2))
    assert done.rows == 84
    same(stored(edge), simulate(Home(), TimeGrid(start=START, step=STEP, count=85)).readings)


def test_restarts_over_a_monday_leave_no_trace_in_the_battery_also_of_long_steps(edge: SqliteEdgeStore):
    start, step = datetime(2024, 6, 15, tzinfo=UTC), timedelta(hours=1)
    neighbour = a_gateway(edge, Home(device_id="edge-gateway-002"), step)
    for hours in (0, 30, 31, 48, 49, 90):
        a_gateway(edge, step=step).record(now=start + hours * step)
        neighbour.record(now=start + hours * step)
    mine = stored(edge)[lambda rows: rows["device_id"] == Home().device_id]
    same(mine, simulate(Home(), TimeGrid(start=start, step=step, count=91)).readings)


def test_where_this_weeks_readings_were_pruned_the_battery_goes_on_from_the_newest(edge: SqliteEdgeStore):
    a_gateway(edge).backfill(Interval(start=START, end=START + timedelta(hours=20)))
    whole = simulate(Home(), TimeGrid(start=START, step=STEP, count=241)).readings
    edge.prune(before=START + timedelta(hours=19, minutes=55))
    done = a_gateway(edge).record(now=START + timedelta(hours=20)).readings
    assert done["battery_soc_percent"].iloc[0] == whole["battery_soc_percent"].iloc[-1]


def test_a_clock_set_back_records_nothing_twice(edge: SqliteEdgeStore):
    a_gateway(edge).record(now=START)
    assert a_gateway(edge).record(now=START - timedelta(hours=1)).rows == 0
    assert len(stored(edge)) == 1


def test_stamps_follow_their_origin(edge: SqliteEdgeStore):
    origin = START + timedelta(seconds=7)
    gateway = a_gateway(edge, step=timedelta(seconds=10))
    gateway.record(now=origin, origin=origin)
    gateway.record(now=origin + timedelta(seconds=25), origin=origin)
    assert list(stored(edge)["timestamp"]) == [origin + timedelta(seconds=s) for s in (0, 10, 20)]


def test_history_is_filled_with_progress_and_the_present_continues_it(edge: SqliteEdgeStore):
    gateway, told = a_gateway(edge), []
    interval = Interval(start=START - timedelta(days=7), end=START)
    assert gateway.missing(interval) == 7 * 288
    done = gateway.backfill(interval, progress=told.append)
    assert (done.rows, sum(told), len(told)) == (2016, 2016, 3)
    gateway.record(now=START)
    same(stored(edge), simulate(Home(), TimeGrid(start=interval.start, step=STEP, count=2017)).readings)


def test_filling_again_writes_nothing_and_filling_more_writes_what_lacks(edge: SqliteEdgeStore):
    gateway = a_gateway(edge)
    gateway.backfill(Interval(start=START, end=START + timedelta(hours=2)))
    assert gateway.backfill(Interval(start=START, end=START + timedelta(hours=2))).rows == 0
    assert gateway.backfill(Interval(start=START - timedelta(hours=1), end=START + timedelta(hours=3))).rows == 24
    assert len(stored(edge)) == 48
    steps = stored(edge)["timestamp"].diff().dropna().unique()
    assert list(steps) == [pd.Timedelta(STEP)]


def test_a_single_measurement_is_stamped_now_and_knows_its_battery(edge: SqliteEdgeStore):
    gateway, now = a_gateway(edge), START + timedelta(hours=3, seconds=17)
    gateway.record(now=START)
    done = gateway.measure(now=now)
    assert list(stored(edge)["timestamp"]) == [START, now]
    lived = simulate(Home(), TimeGrid(start=START, step=STEP, count=37)).readings["battery_soc_percent"].iloc[36]
    assert done.readings["battery_soc_percent"].iloc[0] == pytest.approx(lived, abs=1.0)


def test_a_measurement_repeated_at_the_same_moment_is_the_same_row(edge: SqliteEdgeStore):
    first = a_gateway(edge).measure(now=START)
    again = a_gateway(edge).measure(now=START)
    assert (first.rows, again.rows) == (1, 0)
    same(again.readings, first.readings)


def test_a_measurement_after_years_of_silence_lives_through_one_day_of_them(edge: SqliteEdgeStore):
    a_gateway(edge).measure(now=START)
    later = a_gateway(edge).measure(now=START + timedelta(days=1000))
    assert len(stored(edge)) == 2
    assert later.readings["battery_soc_percent"].between(10.0, 90.0).all()


def test_the_site_its_tariff_and_todays_prices_are_announced(edge: SqliteEdgeStore):
    gateway = a_gateway(edge)
    before_noon = datetime(2024, 6, 15, 16, tzinfo=UTC)  # 9 in Los Angeles
    assert gateway.announce(now=before_noon).prices == 24
    ((site, tariff),) = edge.sites()
    assert (site.site_id, site.simulated) == ("home", True)
    assert tariff.import_price == DynamicPrice(series_id="home.import")
    assert gateway.announce(now=before_noon + timedelta(hours=1)).prices == 0
    assert gateway.announce(now=datetime(2024, 6, 15, 20, tzinfo=UTC)).prices == 48
    prices = edge.prices(series_id="home.import", interval=FOREVER)
    assert len(prices) == 48
    assert prices["timestamp"].iloc[0] == datetime(2024, 6, 15, 7, tzinfo=UTC)
    assert set(prices["published_at"]) == {datetime(2024, 6, 14, 20, tzinfo=UTC), datetime(2024, 6, 15, 20, tzinfo=UTC)}


def test_every_reading_pays_the_announced_price_also_of_a_filled_gap(edge: SqliteEdgeStore):
    gateway = a_gateway(edge)
    gateway.backfill(Interval(start=START - timedelta(days=2), end=START))
    a_gateway(edge).record(now=START + timedelta(days=3, minutes=1))
    prices = edge.prices(series_id="home.import", interval=FOREVER).set_index("timestamp")["price_per_kwh"]
    readings = stored(edge)
    assert len(readings) == 5 * 288 + 1
    hours = readings["timestamp"].dt.floor("h")
    np.testing.assert_array_equal(readings["price_per_kwh"], prices.reindex(hours))


def test_a_followed_schedule_moves_the_battery(edge: SqliteEdgeStore):
    night = datetime(2024, 6, 15, 8, tzinfo=UTC)
    gateway = a_gateway(edge)
    assert gateway.record(now=night).readings["battery_power_kw"].iloc[0] < 0.0
    assert gateway.follow(a_schedule(night, value=5.0, grid_charge_limit_kw=1.5))
    assert gateway.record(now=night + STEP).readings["battery_power_kw"].iloc[0] == pytest.approx(1.5)


def test_an_older_schedule_does_not_replace_a_newer_one(edge: SqliteEdgeStore):
    gateway = a_gateway(edge)
    assert gateway.follow(a_schedule(START, issued_at=START))
    assert not gateway.follow(a_schedule(START, issued_at=START - timedelta(minutes=1)))
    assert gateway.follow(a_schedule(START, issued_at=START + timedelta(minutes=1)))


def test_a_schedule_of_another_site_is_refused(edge: SqliteEdgeStore):
    with pytest.raises(InvalidValueError, match="another site"):
        a_gateway(edge).follow(a_schedule(START, site_id="neighbour"))


def test_two_gateways_of_one_site_keep_their_own_batteries(edge: SqliteEdgeStore):
    one, two = a_gateway(edge), a_gateway(edge, Home(device_id="edge-gateway-002"))
    one.backfill(Interval(start=START, end=START + timedelta(hours=12)))
    first = two.record(now=START + timedelta(hours=12))
    assert first.readings["battery_soc_percent"].iloc[0] == 50.0


def test_a_home_without_a_battery_is_recorded_too(edge: SqliteEdgeStore):
    gateway = a_gateway(edge, Home(battery=None))
    gateway.record(now=START)
    gateway.record(now=START + STEP)
    gateway.measure(now=START + STEP + timedelta(hours=2))
    assert stored(edge)["battery_soc_percent"].isna().all()


def test_an_interval_of_nothing_is_refused(edge: SqliteEdgeStore):
    with pytest.raises(InvalidValueError, match="interval"):
        a_gateway(edge, step=timedelta(0))
    assert EPOCH not in [extent.first for extent in edge.extents()]
