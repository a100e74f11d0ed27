"""What a sweep, a message and a look at the status do, on real stores."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from services.sync.service import MOST_AWAY, STEP
from shared.contracts.reading_frames import documents_from_frame, frame_from_documents
from shared.domain.reading import Quality
from shared.domain.site import Site
from shared.domain.tariff import DynamicPrice, FlatPrice
from shared.domain.time import Interval
from shared.ports.errors import UnavailableError
from tests.factories import a_site, a_tariff, readings
from tests.unit.sync.conftest import World

START = datetime(2024, 6, 15, tzinfo=UTC)
NOW = START + timedelta(days=1)
LATER = NOW + timedelta(minutes=1)
ALWAYS = Interval(start=START - timedelta(days=3650), end=START + timedelta(days=3650))


def in_cloud(world: World, site_id: str = "home") -> pd.DataFrame:
    return world.cloud.readings.read(site_id=site_id, interval=ALWAYS)


def dynamic() -> object:
    return a_tariff(import_price=DynamicPrice(series_id="de"))


def prices(hours: int, *, value: float = 0.1, start: datetime = START) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=hours, freq="h", unit="us")
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": value, "published_at": stamps - pd.Timedelta(hours=12)})


def test_a_sweep_copies_every_row_and_moves_the_watermark_behind_the_last(world: World):
    world.edge.announce_site(a_site(), a_tariff())
    day = readings()
    world.edge.write(day)
    (result,) = world.service().sweep(now=NOW)
    assert (result.inserted, result.rejected, result.error) == (96, 0, None)
    assert result.interval == Interval(start=START, end=START + timedelta(hours=23, minutes=45, microseconds=1))
    pd.testing.assert_frame_equal(in_cloud(world), day, check_dtype=False)
    progress = world.cloud.progress.get(step=STEP, site_id="home")
    assert progress is not None
    assert progress.watermark == result.interval.end
    assert progress.rows == 96


def test_a_second_sweep_changes_nothing_and_says_so(world: World):
    world.edge.announce_site(a_site(), a_tariff())
    world.edge.write(readings())
    service = world.service()
    service.sweep(now=NOW)
    before = world.cloud.readings.changed_since(site_id="home", stored_at=START)
    (again,) = service.sweep(now=LATER)
    assert not again.changed
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 4)
    assert world.cloud.readings.changed_since(site_id="home", stored_at=START) == before


def test_a_late_row_is_copied_by_the_overlap(world: World):
    day = readings()
    late = day.index == 93
    world.edge.write(day[~late])
    service = world.service()
    service.sweep(now=NOW)
    world.edge.write(day[late])
    (result,) = service.sweep(now=LATER)
    assert result.inserted == 1
    assert len(in_cloud(world)) == 96


def test_a_row_later_than_the_overlap_is_copied_by_the_first_sweep_of_the_next_day(world: World):
    day = readings()
    late = day.index == 3
    world.edge.write(day[~late])
    service = world.service()
    service.sweep(now=NOW)
    world.edge.write(day[late])
    assert service.sweep(now=LATER)[0].inserted == 0
    assert service.sweep(now=NOW + timedelta(days=1))[0].inserted == 1


def test_a_corrected_row_replaces_the_old_one(world: World):
    day = readings()
    world.edge.write(day)
    service = world.service()
    service.sweep(now=NOW)
    day.loc[95, "total_load_kw"] = 2.5
    world.edge.write(day.tail(1))
    (result,) = service.sweep(now=LATER)
    assert result.updated == 1
    assert in_cloud(world)["total_load_kw"].iloc[-1] == 2.5


def test_refused_rows_are_quarantined_once_and_do_not_hold_up_the_others(world: World):
    day = readings()
    day.loc[5, "total_load_kw"] = np.inf
    world.edge.write(day)
    service = world.service()
    (first,) = service.sweep(now=NOW)
    (second,) = service.sweep(now=NOW + timedelta(days=1))
    assert (first.inserted, first.rejected, second.rejected) == (95, 1, 0)
    assert world.cloud.quarantine.count(site_id="home") == 1
    assert "total_load_kw is inf" in world.cloud.quarantine.read(site_id="home")["reason"].iloc[0]


def test_rows_of_the_future_never_move_the_watermark_and_stay_refused(world: World):
    world.edge.write(readings(hours=2))
    world.edge.write(readings(start=NOW + timedelta(hours=5), hours=1, device_id="fast-clock"))
    service = world.service()
    (result,) = service.sweep(now=NOW)
    assert (result.inserted, result.rejected) == (8, 4)
    progress = world.cloud.progress.get(step=STEP, site_id="home")
    assert progress is not None
    assert progress.watermark is not None
    assert progress.watermark < START + timedelta(hours=2)
    (later,) = service.sweep(now=NOW + timedelta(days=1))
    assert later.inserted == 0
    assert len(in_cloud(world)) == 8


def test_a_clock_a_little_ahead_stays_flagged_when_the_row_is_read_again(world: World):
    world.edge.write(readings(hours=1))
    service = world.service()
    newest = START + timedelta(minutes=45)
    service.sweep(now=newest - timedelta(minutes=1))
    (again,) = service.sweep(now=newest + timedelta(minutes=1))
    assert again.updated == 0
    assert in_cloud(world)["quality"].tolist() == [0, 0, 0, int(Quality.CLOCK_AHEAD)]


def test_a_site_seen_only_in_readings_becomes_a_plain_site_without_a_tariff(world: World):
    world.edge.write(readings(site_id="stranger"))
    (result,) = world.service().sweep(now=NOW)
    assert result.registered
    assert world.cloud.sites.get("stranger") == Site(site_id="stranger")
    assert world.cloud.tariffs.get("stranger") is None


def test_an_announced_site_without_readings_is_registered_with_its_tariff(world: World):
    world.edge.announce_site(a_site(), a_tariff())
    (result,) = world.service().sweep(now=NOW)
    assert result.registered
    assert result.changed
    assert world.cloud.sites.get("home") == a_site()
    assert world.cloud.tariffs.get("home") == a_tariff()


def test_an_edit_in_the_cloud_stays_until_the_gateway_announces_something_else(world: World):
    world.edge.announce_site(a_site(), a_tariff())
    service = world.service()
    service.sweep(now=NOW)
    edited = a_site(name="Renamed by its owner")
    world.cloud.sites.put(edited)
    world.cloud.tariffs.put("home", a_tariff(export_price=FlatPrice(price_per_kwh=0.01)))
    world.edge.announce_site(a_site(), a_tariff())
    assert not service.sweep(now=LATER)[0].changed
    assert world.cloud.sites.get("home") == edited
    announced = a_site(name="New inverter")
    world.edge.announce_site(announced, a_tariff())
    assert service.sweep(now=LATER)[0].registered
    assert world.cloud.sites.get("home") == announced
    assert world.cloud.tariffs.get("home") == a_tariff()


def test_a_site_deleted_in_the_cloud_comes_back_with_its_gateway(world: World):
    world.edge.announce_site(a_site(), a_tariff())
    service = world.service()
    service.sweep(now=NOW)
    world.cloud.sites.delete("home")
    service.sweep(now=LATER)
    assert world.cloud.sites.get("home") == a_site()


def test_announced_prices_are_copied_and_only_news_counts(world: World):
    world.edge.announce_site(a_site(), dynamic())
    world.edge.announce_prices("de", prices(24))
    service = world.service()
    assert service.sweep(now=NOW)[0].prices == 24
    assert service.sweep(now=LATER)[0].prices == 0
    world.edge.announce_prices("de", prices(24, start=NOW))
    result = service.sweep(now=LATER)[0]
    assert result.prices == 24
    assert result.changed
    assert len(world.cloud.prices.read(series_id="de", interval=ALWAYS)) == 48


class Ticking:
    """A second passes whenever it is asked for the time."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.now, self.step = NOW, timedelta(seconds=seconds)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


class EdgeWithABadSite:
    """The real edge, except that reading one site fails."""

    def __init__(self, world: World) -> None:
        self._edge = world.edge
        self.extents = world.edge.extents
        self.count = world.edge.count

    def read(self, *, site_id: str, interval: Interval, limit: int) -> pd.DataFrame:
        if site_id == "bad":
            raise UnavailableError("the edge of 'bad' does not answer; start it")
        return self._edge.read(site_id=site_id, interval=interval, limit=limit)


def test_a_site_that_fails_is_recorded_and_does_not_stop_the_others(world: World):
    for site_id in ("bad", "good"):
        world.edge.write(readings(site_id=site_id))
    bad, good = world.service(edge=EdgeWithABadSite(world)).sweep(now=NOW)  # type: ignore[arg-type]
    assert bad.error == "the edge of 'bad' does not answer; start it"
    assert good.inserted == 96
    progress = world.cloud.progress.get(step=STEP, site_id="bad")
    assert progress is not None
    assert progress.last_error == bad.error
    recovered = world.service().sweep(now=LATER)[0]
    assert recovered.inserted == 96
    progress = world.cloud.progress.get(step=STEP, site_id="bad")
    assert progress is not None
    assert progress.last_error is None


def test_the_live_path_stores_with_the_same_verdicts_and_leaves_the_watermark(world: World):
    day = readings()
    day.loc[5, "total_load_kw"] = np.inf
    (result,) = world.service().store(readings=day, now=NOW)
    assert (result.inserted, result.rejected) == (95, 1)
    assert world.cloud.progress.get(step=STEP, site_id="home") is None
    (again,) = world.service().store(readings=day, now=LATER)
    assert (again.inserted, again.unchanged, again.rejected, again.changed) == (0, 95, 0, False)


def test_a_simulated_row_carried_by_a_message_is_not_copied_again_by_the_sweep(world: World):
    world.edge.announce_site(replace(a_site(), simulated=True), a_tariff())
    world.service().sweep(now=START)
    recorded = readings(hours=1).assign(quality=int(Quality.SIMULATED))
    world.edge.write(recorded)
    said = frame_from_documents(documents_from_frame(recorded), site_id="home")
    (carried,) = world.service().store(readings=said, now=NOW)
    assert carried.inserted == 4
    assert set(in_cloud(world)["quality"]) == {int(Quality.SIMULATED)}
    (swept,) = world.service().sweep(now=LATER)
    assert (swept.updated, swept.interval) == (0, None)


def test_each_piece_is_stored_under_the_moment_of_its_writing(world: World):
    world.edge.write(readings())
    clock = Ticking()
    world.service(batch_size=50).sweep(now=NOW, stamp=clock)
    stored = [world.cloud.readings.count_since(site_id="home", stored_at=NOW + timedelta(seconds=second)) for second in range(60)]
    assert len({count for count in stored if count}) == 3, "the last hour, then what lies before it in pieces of 50"


def test_after_an_outage_the_newest_rows_of_every_site_are_there_before_any_backlog(world: World):
    for site_id in ("a", "b"):
        world.edge.write(readings(site_id=site_id))
    rounds = world.service(batch_size=10).rounds(now=NOW, stamp=Ticking(0.001))
    first = next(rounds)
    assert [(result.site_id, result.inserted) for result in first] == [("a", 4), ("b", 4)]
    for site_id in ("a", "b"):
        assert in_cloud(world, site_id)["timestamp"].min() == START + timedelta(hours=23)
        progress = world.cloud.progress.get(step=STEP, site_id=site_id)
        assert progress is None or progress.watermark is None, "nothing before the newest rows is there yet"
    rest = [result for results in rounds for result in results]
    assert sum(result.inserted for result in rest if result.site_id == "a") == 92
    assert len(in_cloud(world, "b")) == 96


def test_what_comes_while_a_backlog_is_copied_is_there_before_its_end(world: World):
    world.edge.write(readings())
    clock = Ticking(0.7)
    rounds = world.service(batch_size=10).rounds(now=NOW, stamp=clock)
    next(rounds)
    world.edge.write(readings(start=NOW, hours=0.25))
    clock.now = NOW + timedelta(minutes=1)
    next(rounds)
    stamps = in_cloud(world, "home")["timestamp"]
    assert stamps.max() == NOW
    assert len(stamps) < 97
    list(rounds)
    assert len(in_cloud(world, "home")) == 97
    progress = world.cloud.progress.get(step=STEP, site_id="home")
    assert progress is not None
    assert progress.watermark == NOW + timedelta(microseconds=1)


def test_a_sweep_that_is_left_goes_on_at_its_watermark(world: World):
    world.edge.write(readings())
    rounds = world.service(batch_size=10).rounds(now=NOW, stamp=Ticking(3.0))
    for _ in range(4):
        next(rounds)
    rounds.close()
    progress = world.cloud.progress.get(step=STEP, site_id="home")
    assert progress is not None
    assert progress.watermark is not None
    assert START < progress.watermark < START + timedelta(hours=23)
    read: list[int] = []
    world.service(batch_size=10).sweep(now=LATER, report=read.append)
    assert len(in_cloud(world, "home")) == 96


def test_history_that_is_filled_in_before_the_first_row_is_copied_by_the_next_sweep(world: World):
    world.edge.write(readings())
    service = world.service()
    service.sweep(now=NOW)
    world.edge.write(readings(start=START - timedelta(days=1)))
    (result,) = service.sweep(now=LATER)
    assert result.inserted == 96


def test_a_server_that_is_away_is_not_asked_again_for_every_site(world: World):
    for number in range(10):
        world.edge.write(readings(site_id=f"s{number}", hours=1))
    asked: list[str] = []

    class Away(EdgeWithABadSite):
        def read(self, *, site_id: str, **_where: object) -> pd.DataFrame:
            asked.append(site_id)
            raise UnavailableError("the edge does not answer; start it")

    with pytest.raises(UnavailableError, match="does not answer"):
        world.service(edge=Away(world)).sweep(now=NOW)  # type: ignore[arg-type]
    assert len(asked) == MOST_AWAY


def test_status_tells_how_fast_rows_come_and_what_the_last_sweep_did(world: World):
    world.edge.write(readings())
    service, clock = world.service(), Ticking()
    service.sweep(now=NOW, stamp=clock)
    service.store(readings=readings(site_id="live", hours=3), now=clock.now)
    home, live = service.status(now=clock.now + timedelta(seconds=5))
    assert home.rows_per_second == pytest.approx(96 / 60)
    assert home.last_sweep is not None
    assert (home.last_sweep.rows, home.last_sweep.began) == (96, NOW)
    assert home.last_sweep.rows_per_second == pytest.approx(96 / (home.last_sweep.ended - NOW).total_seconds())
    assert (live.rows_per_second, live.last_sweep) == (12 / 60, None)
    assert service.status(now=clock.now + timedelta(minutes=5))[0].rows_per_second == 0.0


def test_status_tells_lag_backlog_and_what_was_refused(world: World):
    day = readings()
    day.loc[5, "total_load_kw"] = np.inf
    world.edge.write(day.head(48))
    service = world.service()
    (before,) = service.status(now=NOW)
    assert (before.backlog_rows, before.cloud_rows, before.watermark, before.updated_at) == (48, 0, None, None)
    assert service.backlog(now=NOW) == 48
    service.sweep(now=NOW)
    world.edge.write(day.tail(48))
    (after,) = service.status(now=LATER)
    assert (after.backlog_rows, after.cloud_rows, after.rejected) == (48, 47, 1)
    assert after.lag == timedelta(hours=12)
    assert after.updated_at == NOW
    service.sweep(now=LATER)
    (done,) = service.status(now=LATER)
    assert (done.backlog_rows, done.lag, done.last_error) == (0, timedelta(0), None)


def test_status_of_an_empty_house_is_empty_and_a_cloud_site_without_an_edge_has_no_lag(world: World):
    assert world.service().status(now=NOW) == []
    world.cloud.sites.put(replace(a_site(), live=False))
    (status,) = world.service().status(now=NOW)
    assert (status.site_id, status.lag, status.backlog_rows) == ("home", None, 0)
