"""Rows into the cloud store: several sites at once, and rows that the store itself refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from services.sync.service.intake import MOST_REFUSED, Intake
from shared.domain.reading import Quality
from shared.domain.time import Interval
from shared.ports.errors import RefusedRowsError, SupplierError, UnavailableError
from shared.ports.reading_store import UpsertCounts
from tests.factories import a_site, a_tariff, readings
from tests.unit.sync.conftest import World

START = datetime(2024, 6, 15, tzinfo=UTC)
NOW = START + timedelta(days=1)
ALWAYS = Interval(start=START - timedelta(days=30), end=START + timedelta(days=30))
BAD_KW = 7.77


class Picky:
    """The real store, except that it never takes a certain value, and counts its writes."""

    def __init__(self, world: World, problem: type[SupplierError] = RefusedRowsError) -> None:
        self._real = world.cloud.readings
        self._problem = problem
        self.writes = 0

    def upsert(self, rows: pd.DataFrame, *, stored_at: datetime) -> UpsertCounts:
        self.writes += 1
        if (rows["total_load_kw"] == BAD_KW).any():
            raise self._problem("value out of range for this column")
        return self._real.upsert(rows, stored_at=stored_at)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def intake(world: World, store: object = None) -> Intake:
    return Intake(sites=world.cloud.sites, readings=store or world.cloud.readings, quarantine=world.cloud.quarantine)  # type: ignore[arg-type]


def several(*site_ids: str, hours: float = 24) -> pd.DataFrame:
    return pd.concat([readings(site_id=site_id, hours=hours) for site_id in site_ids], ignore_index=True)


def in_cloud(world: World, site_id: str) -> pd.DataFrame:
    return world.cloud.readings.read(site_id=site_id, interval=ALWAYS)


def test_new_rows_of_several_sites_go_in_one_write_and_each_site_gets_its_own_count(world: World):
    store = Picky(world)
    frame = pd.concat([several("a", "b"), several("c", hours=1)], ignore_index=True).sample(frac=1.0, random_state=1)
    done = {result.site_id: result for result in intake(world, store).take(frame, now=NOW, stored_at=NOW)}
    assert {site_id: result.inserted for site_id, result in done.items()} == {"a": 96, "b": 96, "c": 4}
    assert done["c"].interval == Interval(start=START, end=START + timedelta(minutes=45, microseconds=1))
    assert store.writes == 1
    assert in_cloud(world, "b")["timestamp"].is_monotonic_increasing


def test_of_a_message_that_comes_again_beside_new_ones_only_the_new_ones_count(world: World):
    taking = intake(world)
    taking.take(several("a"), now=NOW, stored_at=NOW)
    again = {result.site_id: result for result in taking.take(several("a", "b"), now=NOW, stored_at=NOW)}
    assert (again["a"].unchanged, again["a"].changed, again["b"].inserted) == (96, False, 96)


def test_a_clock_ahead_is_remembered_when_a_row_comes_again(world: World):
    taking, newest = intake(world), START + timedelta(minutes=45)
    taking.take(readings(hours=1), now=newest - timedelta(minutes=1), stored_at=NOW)
    (again,) = taking.take(readings(hours=1), now=newest + timedelta(minutes=1), stored_at=NOW)
    assert again.changed is False
    assert in_cloud(world, "home")["quality"].iloc[-1] == int(Quality.CLOCK_AHEAD)


def test_a_site_that_nobody_knows_is_made_once_and_one_that_was_deleted_comes_back(world: World):
    taking = intake(world)
    (first,) = taking.take(readings(hours=1), now=NOW, stored_at=NOW)
    (second,) = taking.take(readings(hours=1), now=NOW, stored_at=NOW)
    assert (first.registered, second.registered) == (True, False)
    world.cloud.sites.delete("home")
    (later,) = taking.take(readings(hours=1), now=NOW + timedelta(minutes=1), stored_at=NOW)
    assert later.registered


@pytest.mark.parametrize("places", [[0], [95], [10, 11, 60], []])
def test_a_batch_that_the_store_refuses_is_halved_until_the_bad_rows_are_alone_in_quarantine(world: World, places: list[int]):
    frame = several("a", "b")
    frame.loc[places, "total_load_kw"] = BAD_KW
    done = {result.site_id: result for result in intake(world, Picky(world)).take(frame, now=NOW, stored_at=NOW)}
    assert (done["a"].inserted, done["a"].rejected, done["b"].inserted) == (96 - len(places), len(places), 96)
    assert len(in_cloud(world, "a")) == 96 - len(places)
    kept = world.cloud.quarantine.read(site_id="a")
    assert sorted(kept["timestamp"]) == [f"{moment:%Y-%m-%dT%H:%M:%S.%f}+00:00" for moment in frame["timestamp"][places]]
    assert set(kept["reason"]) <= {"the cloud store refuses it: value out of range for this column"}
    assert all('"total_load_kw": 7.77' in document for document in kept["document"])


def test_a_store_that_refuses_nearly_everything_is_wrong_and_nothing_is_quarantined(world: World):
    frame = readings().assign(total_load_kw=BAD_KW)
    store = Picky(world)
    with pytest.raises(SupplierError, match="refuses nearly every row, so none is quarantined"):
        intake(world, store).take(frame, now=NOW, stored_at=NOW)
    assert world.cloud.quarantine.count() == 0
    assert store.writes < 4 * MOST_REFUSED


@pytest.mark.parametrize("problem", [UnavailableError, SupplierError])
def test_a_store_that_fails_for_another_reason_is_not_asked_again_and_quarantines_nothing(world: World, problem: type[SupplierError]):
    store = Picky(world, problem)
    with pytest.raises(problem):
        intake(world, store).take(readings().assign(total_load_kw=BAD_KW), now=NOW, stored_at=NOW)
    assert store.writes == 1
    assert world.cloud.quarantine.count() == 0


def test_a_sweep_goes_on_behind_a_row_that_the_store_refuses(world: World):
    day = readings()
    day.loc[50, "total_load_kw"] = BAD_KW
    world.edge.write(day)
    world.edge.announce_site(a_site(), a_tariff())
    service = world.service(readings=Picky(world))
    (result,) = service.sweep(now=NOW)
    assert (result.inserted, result.rejected, result.error) == (95, 1, None)
    (status,) = service.status(now=NOW)
    assert (status.backlog_rows, status.rejected) == (0, 1)
