"""Forecasts of many sites, made together."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from services.forecaster import handlers
from services.forecaster.model.price import fit_price
from services.forecaster.model.price_kind import PriceByDays
from services.forecaster.service import ForecastService, UnknownSiteError, standing, tables
from services.forecaster.service.registry import manifest_of
from services.forecaster.service.standing import FORECAST_STEP
from services.forecaster.service.tables import HISTORY, HORIZON, LOOKBACK, SILENCE, Home, recent_tables
from shared.adapters.clock import FixedClock
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.model_dir import ModelDir
from shared.contracts.topology import FORECASTER_BATCH
from shared.domain.forecast import Target
from shared.domain.tariff import DynamicPrice
from shared.domain.time import instant64
from shared.ports.model_store import Promotion
from tests.factories import a_site, a_tariff
from tests.unit.forecaster.tables import HOUR, a_catalog, a_series, a_table, now_of

DAYS = 90
NOW = now_of(a_table(days=DAYS))
SITES = ("adapted", "featureless", "finer", "own", "pooled", "silent", "unrated")


class Street:
    """Sites that are served in all the ways there are."""

    def __init__(self, folder: Path) -> None:
        self.cloud, self.models = SqliteCloudStore(folder / "cloud.sqlite"), ModelDir(folder / "models")
        self.service = ForecastService(
            sites=self.cloud.sites,
            tariffs=self.cloud.tariffs,
            features=self.cloud.features,
            forecasts=self.cloud.forecasts,
            models=self.models,
            progress=self.cloud.progress,
            pool_rows=3_000,
        )

    def add(self, site_id: str, table, *, resolution: timedelta = HOUR, rated: bool = True) -> None:
        site = a_site(site_id, resolution=resolution, live=False)
        self.cloud.sites.put(site if rated else replace(site, solar=None))
        self.cloud.tariffs.put(site_id, a_tariff(import_price=DynamicPrice(series_id="day-ahead")))
        if table is not None:
            self.cloud.features.write(site_id=site_id, catalog=a_catalog(), rows=table)

    def promote_prices(self, site_id: str) -> None:
        """Let a model of whole days forecast them, whether or not it is better."""
        series = a_series(Target.PRICE, table=a_table(days=DAYS))
        fitted = fit_price(series, until=series.index_of(instant64(NOW)), seed=1)
        assert fitted is not None
        model = PriceByDays(model=fitted)
        files = model.to_files()
        manifest = manifest_of(model, files, series, owner=site_id, now=NOW, data_end=NOW, catalog_version="one", metrics={})
        self.models.save(manifest, files)
        promotion = Promotion(model_version=manifest.model_version, promoted_at=NOW, reason="for this test")
        self.models.promote(owner=site_id, target=Target.PRICE, promotion=promotion)

    def prepared(self, *site_ids: str):
        runs = self.service.prepare(dict.fromkeys(site_ids, NOW))
        return {(run.site_id, each.target): each for run in runs for each in run.forecasts}

    def home(self, site_id: str) -> Home:
        return Home(site=self.service.site(site_id=site_id), tariff=self.cloud.tariffs.get(site_id), now=NOW)

    def handle(self, batches):
        parts = handlers.parts(self.service, jobs=self.cloud.jobs, clock=FixedClock(NOW), test_share=0.25)
        queue = next(each for each in parts.subscriptions if each.queue is FORECASTER_BATCH)
        return [event for batch in batches for event in queue.handle(batch)]

    def requested(self):
        return handlers.parts(self.service, jobs=self.cloud.jobs, clock=FixedClock(NOW), test_share=0.25).timers[0].step()


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    street = Street(tmp_path_factory.mktemp("street"))
    street.add("own", a_table(days=DAYS))
    street.service.train(site_id="own", now=NOW, test_share=0.05)
    street.promote_prices("own")
    for number, name in enumerate(("adapted", "pooled", "unrated"), start=1):
        street.add(name, a_table(days=DAYS, seed=number), rated=name != "unrated")
    street.service.train_pools(now=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing, "ENOUGH_SITES", 1)
        street.service.train(site_id="adapted", now=NOW)
    silent = a_table(days=DAYS, seed=5)
    silent.loc[silent["timestamp"] >= NOW - 2 * SILENCE, "load_kw"] = np.nan
    street.add("silent", silent)
    street.add("finer", a_table(days=20, step=HOUR / 2, seed=6), resolution=HOUR / 2)
    street.add("featureless", None)
    yield street
    street.cloud.close()


def same(one, other) -> None:
    assert one.keys() == other.keys()
    for key, each in one.items():
        np.testing.assert_allclose(each.values, other[key].values, rtol=1e-4, atol=1e-5, err_msg=str(key))
        assert replace(each, values=other[key].values) == replace(other[key])


def test_sites_are_forecast_together_as_each_alone(street):
    together = street.prepared(*SITES)
    assert {name for name, _ in together} == set(SITES)
    served = {each.model_name.partition(":")[0] for each in together.values()}
    assert served >= {"baseline", "pooled", "price_days", "quantile_ensemble"}
    same(together, {key: each for name in SITES for key, each in street.prepared(name).items()})


def test_a_forecast_from_the_last_weeks_is_that_from_all_history(street, monkeypatch):
    short = street.prepared(*SITES)
    monkeypatch.setattr(tables, "LOOKBACK", HISTORY)
    same(short, street.prepared(*SITES))


def test_of_a_site_that_measures_no_more_is_read_than_its_last_weeks(street):
    most = (LOOKBACK + SILENCE + HORIZON + timedelta(days=1)) // HOUR
    names = ("adapted", "own", "pooled", "silent", "unrated")
    found = [
        (home.site.site_id, table) for group in recent_tables(street.cloud.features, list(map(street.home, names))) for home, table in group
    ]
    assert [name for name, _ in found] == list(names)
    lengths = {name: len(table.frame) for name, table in found}
    assert all(lengths[name] <= most for name in ("adapted", "own", "pooled"))
    # the newest load lies long ago; the most that an array without a rating made may do so
    assert all(lengths[name] >= DAYS * 24 for name in ("silent", "unrated"))
    assert all("quality" not in table.frame for name, table in found if lengths[name] <= most)


def test_no_more_steps_are_held_at_once_than_fit(street, monkeypatch):
    homes = [street.home(name) for name in ("adapted", "own", "pooled")]
    monkeypatch.setattr(tables, "STEPS_TOGETHER", 2 * ((LOOKBACK + SILENCE + HORIZON) // HOUR))
    assert [len(group) for group in recent_tables(street.cloud.features, homes)] == [2, 1]


def test_an_unknown_site_is_named(street):
    with pytest.raises(UnknownSiteError, match="'cottage'"):
        list(street.service.prepare({"own": NOW, "cottage": NOW}))


@pytest.fixture
def lane(tmp_path):
    """Three sites that nothing was trained for."""
    lane = Street(tmp_path)
    for number, name in enumerate(("a", "b", "c")):
        lane.add(name, a_table(days=20, seed=number))
    yield lane
    lane.cloud.close()


def test_what_is_made_together_is_written_under_each_ones_lease_alone(lane):
    assert len(lane.prepared("a", "b", "c")) == 9
    assert all(lane.cloud.forecasts.latest(site_id=name, target=Target.LOAD) is None for name in "abc")
    assert all(lane.cloud.progress.get(step=FORECAST_STEP, site_id=name) is None for name in "abc")
    (batch,) = lane.requested()
    assert [event.site_id for event in lane.handle([batch])] == ["a", "b", "c"]
    for name in "abc":
        newest = lane.cloud.forecasts.latest(site_id=name, target=Target.LOAD)
        assert newest is not None
        noted = lane.cloud.progress.get(step=FORECAST_STEP, site_id=name)
        assert (noted.watermark, noted.rows) == (NOW, 3)


def test_a_site_that_is_gone_or_was_forecast_already_leaves_the_others_their_forecasts(lane):
    batches = lane.requested()
    lane.cloud.sites.delete("b")
    lane.service.forecast(site_id="c", now=NOW)
    assert [event.site_id for event in lane.handle(batches)] == ["a"]


@pytest.mark.parametrize("odd", [np.inf, 1e300])
def test_a_site_with_odd_values_is_served_and_so_are_its_neighbours(lane, odd):
    table = a_table(days=20)
    table["load_kw"] = odd
    lane.cloud.features.write(site_id="b", catalog=a_catalog(), rows=table)
    assert [event.site_id for event in lane.handle(lane.requested())] == ["a", "b", "c"]
    served = lane.cloud.forecasts.latest(site_id="b", target=Target.LOAD)
    assert served.model_name == "baseline:typical_home"
    assert served.degraded
    assert np.isfinite(served.values).all()
