"""A model is promoted only where planning by it costs the site no more."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecaster.model.contest import MOST_DAYS
from services.forecaster.model.gate import Bills, Verdict, afford
from services.forecaster.model.promotion import Champion, train
from services.forecaster.model.training import fit_at
from services.forecaster.service import ForecastService
from services.optimizer.service import PlannerService
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.holiday_calendar import HolidayLibrary
from shared.adapters.model_dir import ModelDir
from shared.domain.forecast import Target
from shared.domain.tariff import FlatPrice
from tests.factories import a_site, a_tariff, readings
from tests.unit.forecaster.tables import HOUR, START, a_catalog, a_series, a_table, now_of

TABLE = a_table()
NOW = now_of(TABLE)
STEP = 40 * 24
PASSED = Verdict(promoted=True, reason="better")
costs = st.lists(st.integers(-5000, 5000), min_size=3, max_size=14)


def bills(challenger, incumbent) -> Bills:
    return Bills(challenger=np.array(challenger), incumbent=np.array(incumbent), incumbent_name="champion")


@given(costs)
def test_who_costs_the_same_is_promoted(days):
    assert afford(PASSED, bills(days, days)).promoted


@given(costs, st.integers(100, 500))
def test_who_costs_more_every_day_is_not_and_who_costs_less_is(days, more):
    incumbent = np.array(days)
    refused = afford(PASSED, bills(incumbent + more, incumbent))
    assert not refused.promoted
    assert "costs money" in refused.reason
    assert afford(PASSED, bills(incumbent - more, incumbent)).promoted


@given(costs, costs)
def test_the_saving_has_the_sign_of_what_is_saved_also_where_a_site_earns(one, other):
    days = min(len(one), len(other))
    found = bills(one[:days], other[:days])
    assert np.sign(found.saving) in (0.0, np.sign(sum(other[:days]) - sum(one[:days])))


def test_what_chance_or_a_rounding_explains_is_no_reason_to_refuse():
    incumbent = np.full(14, 2.0)
    assert afford(PASSED, bills(incumbent + 0.001, incumbent)).promoted
    one_bad_day = incumbent + np.where(np.arange(14) == 5, 1.0, 0.0)
    assert afford(PASSED, bills(one_bad_day, incumbent)).promoted


def trained(*, champion: Champion | None = None):
    return train(
        a_series(), now=STEP, rating_kw=None, test_share=0.25, seed=1, champion=champion, on_fit=lambda: None
    )  # fmt: skip


def test_both_sides_of_a_contest_are_whole_forecasts_from_the_same_days_of_the_test():
    rivals = trained().contest
    assert rivals is not None
    assert rivals.days == 10  # of the test
    assert rivals.challenger.issues.tolist() == rivals.incumbent.issues.tolist() == [STEP - 24 * back for back in range(10, 0, -1)]
    for side in (rivals.challenger, rivals.incumbent):
        assert side.quantiles.shape == (10, 7, 48)
        assert (np.diff(side.quantiles, axis=1) >= 0).all()
    assert not np.allclose(rivals.challenger.quantiles, rivals.incumbent.quantiles)


@pytest.mark.parametrize(("days", "against"), [(5, "champion"), (2, "a baseline")])
def test_a_champion_is_the_incumbent_on_days_after_its_own_where_there_are_enough(days, against):
    series, end = a_series(), STEP - 24 * days
    model = fit_at(series, until=end, rating_kw=None, seed=1)
    assert model is not None
    rivals = trained(champion=Champion(model=model, data_end=end)).contest
    assert rivals is not None
    assert (rivals.incumbent.model_name == "champion") is (against == "champion")
    assert rivals.days == (days if against == "champion" else min(10, MOST_DAYS))


class Home:
    """A site whose readings and features agree, with its planner."""

    def __init__(self, folder, *, tariff=None, site=None) -> None:
        self.cloud = SqliteCloudStore(folder / "cloud.sqlite")
        self.models = ModelDir(folder / "models")
        self.cloud.sites.put(site or a_site(resolution=HOUR, live=False))
        self.cloud.tariffs.put("home", tariff or a_tariff())
        self.cloud.features.write(site_id="home", catalog=a_catalog(), rows=TABLE)
        measured = TABLE[TABLE["timestamp"] < NOW]
        rows = readings(start=START, hours=len(measured), step=HOUR)
        rows["total_load_kw"], rows["solar_generation_kw"] = measured["load_kw"].to_numpy(), measured["solar_kw"].to_numpy()
        self.cloud.readings.upsert(rows, stored_at=NOW)
        self.planner = PlannerService(
            sites=self.cloud.sites, tariffs=self.cloud.tariffs, prices=self.cloud.prices, readings=self.cloud.readings,
            forecasts=self.cloud.forecasts, schedules=self.cloud.schedules, savings=self.cloud.savings, holidays=HolidayLibrary(),
            progress=self.cloud.progress,
        )  # fmt: skip

    def train(self, replay):
        service = ForecastService(
            sites=self.cloud.sites, tariffs=self.cloud.tariffs, features=self.cloud.features, forecasts=self.cloud.forecasts,
            models=self.models, progress=self.cloud.progress, replay=replay,
        )  # fmt: skip
        return {each.target: each for each in service.train(site_id="home", now=NOW).targets}


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.cloud.close()


def test_the_planner_of_the_site_tells_what_each_model_would_have_cost(home):
    found = home.train(home.planner)
    load = found[Target.LOAD]
    assert load.promoted
    assert "the bill of 10 days" in load.reason
    assert load.metrics["bill_saving"] > -0.001
    stored = home.models.versions(owner="home", target=Target.LOAD)[0]
    assert stored.metrics["bill_saving"] == pytest.approx(load.metrics["bill_saving"])
    assert home.cloud.forecasts.latest(site_id="home", target=Target.LOAD) is None


class Dearer:
    """A planner whose plans by any challenger cost a coin a day more."""

    def daily_costs(self, *, site_id, interval, runs):
        assert site_id == "home"
        days = interval.duration // timedelta(days=1)
        return {name: np.full(days, 3.0 if name == "challenger" else 2.0) for name in runs}


def test_a_better_forecast_that_costs_money_does_not_serve(home):
    found = home.train(Dearer())
    assert not any(each.promoted for each in found.values())
    assert "better than" in found[Target.LOAD].reason
    assert "costs money" in found[Target.LOAD].reason
    assert home.models.champion(owner="home", target=Target.LOAD) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tariff": a_tariff(import_price=FlatPrice(price_per_kwh=0.3))}, "its prices never change"),
        ({"site": a_site(resolution=HOUR, live=False, battery=None)}, "the site has no battery"),
    ],
)
def test_where_forecasts_move_no_money_their_errors_decide_and_the_verdict_says_so(tmp_path, changes, why):
    home = Home(tmp_path, **changes)
    load = home.train(home.planner)[Target.LOAD]
    assert load.promoted
    assert f"not judged in money: {why}" in load.reason
    assert "bill_saving" not in load.metrics
    home.cloud.close()
