import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.forecaster.service import ForecastService, NothingToForecastError, UnknownSiteError
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.model_dir import ModelDir
from shared.contracts.evaluations import EVALUATION_FILE, EvaluationDocument
from shared.domain.forecast import QUANTILE_LEVELS, Target
from shared.domain.site import Site
from shared.domain.tariff import DynamicPrice
from tests.factories import a_site, a_tariff
from tests.unit.forecaster.tables import HOUR, a_catalog, a_table, now_of

TABLE = a_table()
NOW = now_of(TABLE)
HOME = a_site(resolution=HOUR, live=False)
DYNAMIC = a_tariff(import_price=DynamicPrice(series_id="day-ahead"))


class Home:
    """A site on the embedded stores, with its forecast service."""

    def __init__(self, folder: Path, *, table: pd.DataFrame | None = TABLE, site: Site = HOME) -> None:
        self.cloud = SqliteCloudStore(folder / "cloud.sqlite")
        self.models = ModelDir(folder / "models")
        self.folder = folder / "models"
        self.cloud.sites.put(site)
        self.cloud.tariffs.put(site.site_id, DYNAMIC)
        if table is not None:
            self.cloud.features.write(site_id=site.site_id, catalog=a_catalog(), rows=table)
        self.service = ForecastService(
            sites=self.cloud.sites,
            tariffs=self.cloud.tariffs,
            features=self.cloud.features,
            forecasts=self.cloud.forecasts,
            models=self.models,
            progress=self.cloud.progress,
        )

    def forecast(self, target: Target = Target.LOAD, now=NOW):
        run = self.service.forecast(site_id="home", now=now)
        return next(forecast for forecast in run.forecasts if forecast.target is target)


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.cloud.close()


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A trained home's folder, to be copied, and what the training said."""
    home = Home(tmp_path_factory.mktemp("trained"))
    report = home.service.train(site_id="home", now=NOW)
    home.cloud.close()
    return home.folder, report


@pytest.fixture
def trained(home, training):
    """The home with the models of that training."""
    shutil.copytree(training[0], home.folder)
    return home


@pytest.fixture
def young(tmp_path):
    """A home without features."""
    home = Home(tmp_path, table=None)
    yield home
    home.cloud.close()


def test_every_target_is_forecast_for_48_hours_and_stored(home):
    run = home.service.forecast(site_id="home", now=NOW + timedelta(minutes=20))
    assert [forecast.target for forecast in run.forecasts] == [Target.LOAD, Target.SOLAR, Target.PRICE]
    for forecast in run.forecasts:
        assert forecast.grid.start == NOW
        assert forecast.grid.count == 48
        assert forecast.levels == QUANTILE_LEVELS
        stored = home.cloud.forecasts.latest(site_id="home", target=forecast.target)
        assert stored is not None
        assert stored.forecast_id == forecast.forecast_id


def test_before_any_training_a_named_baseline_serves_and_says_so(home):
    forecast = home.forecast()
    assert forecast.model_name.startswith("baseline:")
    assert any("no model" in reason for reason in forecast.degraded)
    assert forecast.data_as_of == NOW


def test_a_baseline_that_beat_the_trained_model_is_no_degraded_forecast(tmp_path):
    every_day_the_same = 1.0 + TABLE["timestamp"].dt.hour % 5
    home = Home(tmp_path, table=TABLE.assign(load_kw=TABLE["load_kw"].where(TABLE["load_kw"].isna(), every_day_the_same)))
    report = home.service.train(site_id="home", now=NOW)
    refused = next(result for result in report.targets if result.target is Target.LOAD)
    assert not refused.promoted
    forecast = home.forecast()
    assert forecast.model_name.startswith("baseline:")
    assert forecast.degraded == ()
    home.cloud.close()


def test_a_promoted_model_serves_with_its_skill(trained, training):
    load = next(result for result in training[1].targets if result.target is Target.LOAD)
    assert load.promoted
    forecast = trained.forecast()
    assert forecast.model_version == load.model_version
    assert forecast.skill == pytest.approx(load.skill)
    assert forecast.degraded == ()


def test_training_again_on_the_same_data_is_the_same_model(trained, training):
    second = trained.service.train(site_id="home", now=NOW)
    assert trained.service.status(site_id="home", now=NOW).last_training == NOW
    assert [result.model_version for result in training[1].targets] == [result.model_version for result in second.targets]
    assert not any(result.promoted for result in second.targets if result.target is Target.LOAD)
    assert len(trained.models.versions(owner="home", target=Target.LOAD)) == 1


def test_a_service_opened_anew_forecasts_the_same(trained, tmp_path):
    before = trained.forecast()
    other = Home(tmp_path)
    np.testing.assert_array_equal(other.forecast().values, before.values)
    other.cloud.close()


def test_published_prices_are_passed_on_and_the_rest_is_forecast(home):
    forecast = home.forecast(Target.PRICE)
    known = TABLE.loc[TABLE["timestamp"] >= NOW, "price_per_kwh"].to_numpy()[:12]
    np.testing.assert_allclose(forecast.values[:, :12], np.tile(known, (7, 1)))
    assert (forecast.values[6, 12:] > forecast.values[0, 12:]).all()


def test_a_fixed_tariff_has_no_price_to_forecast(home):
    home.cloud.tariffs.put("home", a_tariff())
    run = home.service.forecast(site_id="home", now=NOW)
    assert [forecast.target for forecast in run.forecasts] == [Target.LOAD, Target.SOLAR]


def test_a_damaged_model_is_reported_and_a_baseline_serves(trained):
    version = trained.forecast().model_version
    path = next(trained.folder.rglob(f"{version}/trees.ubj"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    forecast = trained.forecast()
    assert forecast.model_name.startswith("baseline:")
    assert any("trees.ubj" in reason for reason in forecast.degraded)


def test_a_model_of_another_catalog_asks_to_be_trained_again(trained):
    trained.cloud.features.write(site_id="home", catalog=a_catalog("two"), rows=TABLE)
    forecast = trained.forecast()
    assert forecast.model_name.startswith("baseline:")
    assert any("train again" in reason for reason in forecast.degraded)


def test_a_model_is_stored_with_its_evaluation(trained):
    version = trained.models.champion(owner="home", target=Target.LOAD)
    stored = trained.models.load(owner="home", target=Target.LOAD, model_version=version)
    evaluation = EvaluationDocument.model_validate_json(stored.files[EVALUATION_FILE])
    assert evaluation.skill == pytest.approx(stored.manifest.metrics["skill"], abs=1e-3)


def test_a_model_that_was_tested_and_never_promoted_does_not_serve(trained):
    (trained.folder / "home" / "load" / "promotions.jsonl").unlink()
    assert trained.models.versions(owner="home", target=Target.LOAD)
    assert trained.forecast().model_name.startswith("baseline:")


def test_a_damaged_history_of_promotions_is_told_and_a_baseline_serves(trained):
    (trained.folder / "home" / "load" / "promotions.jsonl").write_bytes(b"no history\n")
    forecast = trained.forecast()
    assert forecast.model_name.startswith("baseline:")
    assert any("promotions.jsonl" in reason for reason in forecast.degraded)


def test_a_person_can_go_back_to_what_served_before(trained):
    assert trained.service.roll_back(site_id="home", target=Target.LOAD, now=NOW) is None
    assert trained.forecast().model_name.startswith("baseline:")
    history = trained.models.promotions(owner="home", target=Target.LOAD)
    assert [promotion.model_version is None for promotion in history] == [False, True]
    assert "better than" in history[0].reason


def later(days: int, *, spoilt: bool) -> pd.DataFrame:
    """The table after some more days, in which a load without any habit is measured where the home is spoilt."""
    table = a_table(days=40 + days)
    if spoilt:
        rng = np.random.default_rng(1)
        table.loc[40 * 24 : (40 + days) * 24 - 1, "load_kw"] = rng.gamma(0.5, 8.0, days * 24)
    return table


@pytest.mark.parametrize("spoilt", [True, False])
def test_a_champion_that_drifts_is_told_once_and_one_that_does_not_stays(trained, spoilt):
    table = later(10, spoilt=spoilt)
    now = now_of(table)
    before = trained.models.champion(owner="home", target=Target.LOAD)
    trained.cloud.features.write(site_id="home", catalog=a_catalog(), rows=table)
    load = trained.service.train(site_id="home", now=now).targets[0]
    assert (load.drift is not None) is spoilt
    if load.drift is not None:
        assert load.drift.model_version == before
        assert "errors have grown" in load.drift.alarm
    again = trained.service.train(site_id="home", now=now).targets[0]
    assert again.drift is None
    told = [problem for problem in trained.service.status(site_id="home", now=now).targets[0].problems if "drift" in problem]
    serves = trained.models.champion(owner="home", target=Target.LOAD)
    assert bool(told) is (spoilt and serves == before)
    assert serves == before or spoilt or load.promoted


def test_old_data_is_forecast_from_and_told(home):
    forecast = home.forecast(now=NOW + timedelta(hours=30))
    assert any("30.0 h old" in reason for reason in forecast.degraded)
    assert forecast.data_as_of == NOW
    assert np.ptp(forecast.median) > 0.5


def test_a_site_without_features_is_served_a_typical_profile(young):
    forecast = young.forecast()
    assert forecast.model_name == "baseline:typical_home"
    assert np.ptp(forecast.median) > 0.1
    assert any("no load_kw was ever measured" in reason for reason in forecast.degraded)


def test_training_without_features_says_what_to_run(young):
    with pytest.raises(NothingToForecastError, match="run_feature_engineering"):
        young.service.train(site_id="home", now=NOW)


def test_an_unknown_site_is_named(home):
    with pytest.raises(UnknownSiteError, match=r"'cottage'.*home"):
        home.service.forecast(site_id="cottage", now=NOW)


def test_one_live_forecast_per_clock_hour_is_enough(home):
    assert home.service.is_forecast_due(site_id="home", now=NOW)
    home.forecast()
    due = [home.service.is_forecast_due(site_id="home", now=NOW + timedelta(minutes=minutes)) for minutes in (59, 60)]
    assert due == [False, True]


def test_a_hindcast_is_stored_apart_from_live_forecasts(home):
    issues = [NOW - timedelta(days=back) for back in range(2, 6)]
    report = home.service.hindcast(site_id="home", issue_times=issues)
    assert report.issues == 4
    stored = home.cloud.forecasts.latest(site_id="home", target=Target.LOAD, as_of=issues[0], run="hindcast")
    assert stored is not None
    assert stored.issued_at == issues[0]
    assert stored.data_as_of == issues[0]
    assert home.cloud.forecasts.latest(site_id="home", target=Target.LOAD) is None


def test_an_evaluation_sets_the_model_beside_every_baseline_and_stores_nothing(home):
    evaluations = home.service.evaluate(site_id="home", now=NOW)
    load = evaluations[0]
    assert {score.name for score in load.scores} == {"model", "yesterday", "last_week", "mean_7d", "median_7d"}
    assert {score.horizon for score in load.scores} >= {"0-6 h", "6-24 h", "24-48 h"}
    assert home.models.versions(owner="home", target=Target.LOAD) == []


def test_status_tells_what_serves_and_how_fresh_it_is(trained):
    trained.service.forecast(site_id="home", now=NOW)
    status = trained.service.status(site_id="home", now=NOW)
    assert status.features_until is not None
    assert status.targets[0].issued_at == NOW
    assert status.targets[0].model_version


def test_models_of_a_site_that_is_gone_are_removed_and_never_those_of_all(trained):
    trained.cloud.sites.delete("home")
    assert trained.service.forget_gone() == []
    trained.cloud.sites.put(a_site("cottage"))
    assert trained.service.forget_gone() == ["home"]
    assert trained.models.owners() == []
