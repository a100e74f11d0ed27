"""What forecasts that were never issued would have cost by the site's own planning."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.domain.forecast import Forecast, Target
from shared.domain.tariff import DemandCharge, FlatPrice
from shared.domain.time import Interval
from shared.ports.bill_replay import NoMoneyError
from tests.factories import a_site, a_tariff
from tests.unit.optimizer.stores import a_forecast, a_planner, store_readings

NOW = datetime(2024, 6, 20, tzinfo=UTC)
DAYS = 4
INTERVAL = Interval(start=NOW - timedelta(days=DAYS), end=NOW)


def a_run(*, load: float | None = None) -> list[Forecast]:
    """Daily forecasts of what happens, or of a constant load."""
    moments = [INTERVAL.start + timedelta(days=day) for day in range(DAYS)]
    return [a_forecast(Target.LOAD, issued_at=at, level=load) for at in moments] + [
        a_forecast(Target.SOLAR, issued_at=at) for at in moments
    ]


def test_forecasts_of_what_happens_cost_less_than_forecasts_of_nothing_and_none_is_kept(tmp_path: Path) -> None:
    with a_planner(tmp_path, a_site(solar=None)) as (planner, cloud):
        store_readings(cloud, until=NOW, days=DAYS + 7)
        costs = planner.daily_costs(site_id="home", interval=INTERVAL, runs={"right": a_run(), "wrong": a_run(load=0.0)})
        assert {name: days.shape for name, days in costs.items()} == {"right": (DAYS,), "wrong": (DAYS,)}
        assert costs["right"].sum() < costs["wrong"].sum()
        assert cloud.forecasts.latest(site_id="home", target=Target.LOAD) is None


def test_equal_forecasts_cost_the_same_each_day(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        store_readings(cloud, until=NOW, days=DAYS)
        costs = planner.daily_costs(site_id="home", interval=INTERVAL, runs={"one": a_run(), "other": a_run()})
        assert costs["one"] == pytest.approx(costs["other"], abs=0)


def test_where_forecasts_move_no_money_the_reason_is_told(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):

        def reason() -> str:
            with pytest.raises(NoMoneyError) as caught:
                planner.daily_costs(site_id="home", interval=INTERVAL, runs={"one": a_run()})
            return str(caught.value)

        assert "no load was measured" in reason()
        store_readings(cloud, until=NOW, days=DAYS)
        cloud.tariffs.put("home", a_tariff(import_price=FlatPrice(price_per_kwh=0.3)))
        assert "never change" in reason()
        cloud.sites.put(a_site(battery=None))
        assert "no battery" in reason()
        cloud.sites.put(a_site("bare"))
        with pytest.raises(NoMoneyError, match="no tariff"):
            planner.daily_costs(site_id="bare", interval=INTERVAL, runs={"one": a_run()})


def test_less_than_a_day_is_no_trial(tmp_path: Path) -> None:
    short = Interval(start=NOW - timedelta(hours=23), end=NOW)
    with a_planner(tmp_path) as (planner, _), pytest.raises(NoMoneyError, match="less than a day"):
        planner.daily_costs(site_id="home", interval=short, runs={"one": a_run()})


def test_a_trial_may_begin_at_any_minute_and_counts_what_peaks_cost(tmp_path: Path) -> None:
    begin = INTERVAL.start + timedelta(hours=13, minutes=35)
    interval = Interval(start=begin, end=begin + timedelta(days=2))
    runs = {"one": [a_forecast(Target.LOAD, issued_at=begin), a_forecast(Target.LOAD, issued_at=begin + timedelta(days=1))]}
    site = a_site(solar=None, resolution=timedelta(minutes=5))
    with a_planner(tmp_path, site, a_tariff(demand_charge=DemandCharge(price_per_kw=10.0))) as (planner, cloud):
        store_readings(cloud, until=NOW, days=DAYS)
        dear = planner.daily_costs(site_id="home", interval=interval, runs=runs)["one"]
        cloud.tariffs.put("home", a_tariff())
        cheap = planner.daily_costs(site_id="home", interval=interval, runs=runs)["one"]
    assert len(dear) == len(cheap) == 2
    assert dear.sum() > cheap.sum()
