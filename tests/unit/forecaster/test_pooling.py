"""The service with a model of many sites."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from services.forecaster import handlers
from services.forecaster.service import ForecastService
from services.forecaster.service.pooling import LEAST_SITES, WORDS_FILE
from services.forecaster.service.standing import ENOUGH_SITES
from shared.adapters.clock import FixedClock
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.model_dir import ModelDir
from shared.domain.forecast import Target
from shared.ports.model_store import POOL
from tests.factories import a_site
from tests.unit.forecaster.tables import HOUR, a_catalog, a_table, now_of

DAYS = 50
TABLE = a_table(days=DAYS)
NOW = now_of(TABLE)
COLUMNS = [name for name in TABLE.columns if name != "timestamp"]


class Fleet:
    """Homes of one street on the embedded stores, and one that has just moved in."""

    def __init__(self, folder: Path, *, homes: int) -> None:
        self.cloud, self.models = SqliteCloudStore(folder / "cloud.sqlite"), ModelDir(folder / "models")
        for number in range(homes):
            table = a_table(days=DAYS, seed=number)
            self.add(f"home-{number}", table.assign(load_kw=table["load_kw"] * (1 + number % 3)))
        self.add("newcomer", TABLE[TABLE["timestamp"] >= NOW - timedelta(days=1)])
        self.add("unmeasured", TABLE[TABLE["timestamp"] >= NOW - timedelta(days=1)].assign(load_kw=np.nan, solar_kw=np.nan))
        self.service = ForecastService(
            sites=self.cloud.sites,
            tariffs=self.cloud.tariffs,
            features=self.cloud.features,
            forecasts=self.cloud.forecasts,
            models=self.models,
            progress=self.cloud.progress,
            pool_rows=4_000,
        )

    def add(self, site_id: str, table) -> None:
        self.cloud.sites.put(replace(a_site(resolution=HOUR, live=False), site_id=site_id))
        self.cloud.features.write(site_id=site_id, catalog=a_catalog(), rows=table)

    def train(self, site_id: str, now):
        return next(each for each in self.service.train(site_id=site_id, now=now).targets if each.target is Target.LOAD)

    def forecast(self, site_id: str):
        return next(each for each in self.service.forecast(site_id=site_id, now=NOW).forecasts if each.target is Target.LOAD)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), homes=ENOUGH_SITES)
    fleet.trained = fleet.service.train_pools(now=NOW)
    yield fleet
    fleet.cloud.close()


def test_sites_with_enough_history_make_one_model_of_each_target_that_serves_from_now_on(fleet):
    assert [(each.target, each.sites) for each in fleet.trained] == [(Target.LOAD, ENOUGH_SITES), (Target.SOLAR, ENOUGH_SITES)]
    for each in fleet.trained:
        promoted = fleet.models.promotions(owner=POOL, target=each.target)
        assert [promotion.model_version for promotion in promoted] == [each.model_version]


def test_a_new_site_is_forecast_by_the_model_of_the_others_and_says_so(fleet):
    forecast = fleet.forecast("newcomer")
    assert (forecast.model_name, forecast.model_version) == ("pooled", fleet.trained[0].model_version)
    assert any(f"{ENOUGH_SITES} other sites" in reason for reason in forecast.degraded)
    assert (forecast.median > 0).all()


def test_a_site_that_has_measured_nothing_is_forecast_by_the_model_of_the_others_too(fleet):
    forecast = fleet.forecast("unmeasured")
    assert forecast.model_name == "pooled"
    assert (forecast.median > 0).all()
    assert len(np.unique(forecast.median)) > 10


def test_where_many_share_a_model_a_site_adapts_to_it_and_fits_nothing_of_its_own(fleet):
    assert fleet.service.planned_fits(site_id="home-1", now=NOW) == 0
    report = fleet.service.train(site_id="home-1", now=NOW)
    load = next(each for each in report.targets if each.target is Target.LOAD)
    assert (load.model_name, load.promoted) == ("pooled", True)
    forecast = fleet.forecast("home-1")
    assert (forecast.model_name, forecast.model_version, forecast.degraded) == ("pooled", load.model_version, ())
    assert forecast.skill == pytest.approx(load.skill)


@pytest.mark.parametrize(("site_id", "spoilt"), [("home-2", True), ("home-3", False)])
def test_a_site_that_adapts_what_all_share_is_watched_and_gives_way_to_a_baseline_that_does_better(fleet, site_id, spoilt):
    before = fleet.train(site_id, NOW)
    assert (before.model_name, before.promoted) == ("pooled", True)
    table = a_table(days=DAYS + 9, seed=int(site_id[-1]))
    table["load_kw"] *= 1 + int(site_id[-1]) % 3
    if spoilt:  # another home, from one day to the next
        moved_in = slice(DAYS * 24, (DAYS + 9) * 24 - 1)
        table.loc[moved_in, "load_kw"] = 5.0 + 3.0 * (table.loc[moved_in, "hour_local"] % 2)
    fleet.cloud.features.write(site_id=site_id, catalog=a_catalog(), rows=table)
    load = fleet.train(site_id, NOW + timedelta(days=9))
    assert (load.drift is not None) is spoilt
    serves = fleet.models.champion(owner=site_id, target=Target.LOAD)
    assert serves == (None if spoilt else load.model_version if load.promoted else before.model_version)


def test_a_pool_that_cannot_be_read_is_told_and_something_else_serves(tmp_path):
    fleet = Fleet(tmp_path, homes=LEAST_SITES)
    fleet.service.train_pools(now=NOW)
    fleet.service.train(site_id="home-0", now=NOW)
    next(tmp_path.rglob(WORDS_FILE)).write_text("{}")
    again = Fleet(tmp_path, homes=0)
    forecast = again.forecast("home-0")
    assert forecast.degraded
    assert (forecast.median >= 0).all()
    for each in (fleet, again):
        each.cloud.close()


def test_too_few_sites_make_no_pool(tmp_path):
    fleet = Fleet(tmp_path, homes=LEAST_SITES - 1)
    assert [(each.sites, each.model_version) for each in fleet.service.train_pools(now=NOW)] == [(LEAST_SITES - 1, "")] * 2
    assert fleet.forecast("newcomer").model_name.startswith("baseline:")
    fleet.cloud.close()


def test_of_several_processes_one_trains_what_sites_share_and_again_after_a_day(tmp_path):
    fleet = Fleet(tmp_path, homes=LEAST_SITES)

    def look(at):
        every = [handlers.parts(fleet.service, jobs=fleet.cloud.jobs, clock=FixedClock(at), test_share=0.25) for _ in range(2)]
        for parts in every:
            next(timer for timer in parts.timers if timer.name == "forecaster.pool").step()
        return len(fleet.models.promotions(owner=POOL, target=Target.LOAD))

    assert [look(NOW), look(NOW + timedelta(hours=23)), look(NOW + timedelta(days=1))] == [1, 1, 2]
    fleet.cloud.close()


def test_status_tells_what_is_shared_and_that_a_newcomer_is_served_by_it(fleet):
    assert [(each.target, each.model_version, each.sites) for each in fleet.service.pools()] == [
        (each.target, each.model_version, ENOUGH_SITES) for each in fleet.trained
    ]
    load = fleet.service.status(site_id="newcomer", now=NOW).targets[0]
    assert (load.model_name, load.model_version) == ("pooled", fleet.trained[0].model_version)
    assert "no model has been trained yet" in load.problems
