"""The inputs that break forecasters: each is served, told, and never a silent constant."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from services.forecaster.model.doubts import LEVEL_FACTOR, doubts
from shared.domain.forecast import Forecast, Target
from tests.unit.forecaster.tables import a_series, a_table, now_of
from tests.unit.forecaster.test_service import Home

DAY = 24
COLUMN = {Target.LOAD: "load_kw", Target.SOLAR: "solar_kw", Target.PRICE: "price_per_kwh"}
RATING_KW = 10.0
"""Of the array of the home of these tests."""


def measured(table: pd.DataFrame) -> "pd.Series[bool]":
    return table["load_kw"].notna()


def since(days: float) -> pd.DataFrame:
    table = a_table()
    table.loc[: 40 * DAY - int(days * DAY) - 1, list(COLUMN.values())] = np.nan
    return table


def always(value: float) -> pd.DataFrame:
    table = a_table()
    table.loc[measured(table), ["load_kw", "solar_kw"]] = value
    table["price_per_kwh"] = np.where(table["price_per_kwh"].notna(), value, np.nan)
    return table


def a_year_of_gaps() -> pd.DataFrame:
    table = a_table(days=390)
    table.loc[10 * DAY : 375 * DAY, list(COLUMN.values())] = np.nan
    return table


def another_meter(*, days_ago: int = 6, factor: float = 10.0) -> pd.DataFrame:
    table = a_table()
    table.loc[(40 - days_ago) * DAY :, "load_kw"] *= factor
    return table


def workdays_alone() -> pd.DataFrame:
    table = a_table(days=45)  # ends on a Friday evening UTC
    table.loc[table["is_weekend"] == 1.0, ["load_kw", "price_per_kwh"]] = np.nan
    return table


def unbelievable() -> pd.DataFrame:
    table = a_table()
    table.loc[100:200, ["load_kw", "solar_kw"]] = 1e308
    return table


BAD = {
    "no history": (None, "ever measured"),
    "one day of history": (since(1), "only 1.0 days"),
    "all zeros": (always(0.0), "0 throughout"),
    "a constant": (always(1.5), "1.5 throughout"),
    "a year of gaps": (a_year_of_gaps(), "% of 390 days of load_kw is measured"),
    "a meter changed in between": (another_meter(), "6 days ago"),
    "solar bigger than its rating": (a_table().assign(solar_kw=a_table()["solar_kw"] * 4), "10 kW are installed"),
    "one class of day": (workdays_alone(), "no load_kw was measured on weekends"),
    "unbelievable values": (unbelievable(), ""),
}


def trained(folder, table) -> list[Forecast]:
    """Its forecasts after a training on that table."""
    home = Home(folder, table=table)
    try:
        now = now_of(a_table() if table is None else table)
        if table is not None:
            home.service.train(site_id="home", now=now, test_share=0.05)
        return list(home.service.forecast(site_id="home", now=now).forecasts)
    finally:
        home.cloud.close()


@pytest.mark.parametrize("case", BAD)
def test_a_forecast_is_always_served_and_tells_what_is_wrong(tmp_path, case):
    table, reason = BAD[case]
    forecasts = trained(tmp_path, table)
    assert [forecast.target for forecast in forecasts] == [Target.LOAD, Target.SOLAR, Target.PRICE]
    told = [sentence for forecast in forecasts for sentence in forecast.degraded]
    assert not reason or any(reason in sentence for sentence in told)
    for forecast in forecasts:
        assert np.isfinite(forecast.values).all()
        assert np.ptp(forecast.median) > 0 or forecast.degraded, "a silent constant"


def sentences(table: pd.DataFrame, target: Target = Target.LOAD, rating_kw: float | None = RATING_KW) -> tuple[str, ...]:
    series = a_series(target, table=table)
    return doubts(series, series.known_live(int(measured(table).to_numpy().nonzero()[0][-1]) + 1), rating_kw=rating_kw)


@pytest.mark.parametrize("target", Target)
def test_nothing_is_doubted_of_a_home_like_any_other(target):
    for seed in range(5):
        assert sentences(a_table(seed=seed), target) == ()


def test_nothing_is_doubted_before_anything_was_measured():
    for target in Target:
        series = a_series(target, table=since(0))
        assert doubts(series, 0, rating_kw=RATING_KW) == ()


@pytest.mark.parametrize("days_ago", [2, 3, 14, 28])
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_changed_meter_is_told_for_four_weeks(days_ago, factor):
    table = a_table(days=60)
    table.loc[(60 - days_ago) * DAY :, "load_kw"] *= factor
    assert any(f"{days_ago} days ago" in sentence for sentence in sentences(table))


@pytest.mark.parametrize(("days_ago", "factor"), [(1, 10.0), (45, 10.0), (6, LEVEL_FACTOR / 2)])
def test_a_day_an_old_change_and_a_small_one_are_not_told(days_ago, factor):
    table = a_table(days=60)
    table.loc[(60 - days_ago) * DAY : (60 if days_ago > 1 else 61) * DAY, "load_kw"] *= factor
    assert sentences(table) == ()


def test_a_home_that_comes_back_from_a_holiday_is_no_other_meter():
    table = a_table(days=60)
    table.loc[45 * DAY : 57 * DAY, "load_kw"] = 0.1
    assert sentences(table) == ()


def test_a_rating_that_holds_is_not_doubted_at_the_edge_of_a_cloud():
    table = a_table()
    table.loc[30 * DAY + 12, "solar_kw"] = 1.1 * RATING_KW
    assert sentences(table, Target.SOLAR) == ()
    table.loc[30 * DAY + 12, "solar_kw"] = 1.3 * RATING_KW
    assert sentences(table, Target.SOLAR) != ()
    assert sentences(table, Target.SOLAR, rating_kw=None) == ()


def test_workdays_alone_are_told_only_where_a_weekend_is_ahead():
    table = workdays_alone()
    assert any("weekends" in sentence for sentence in sentences(table))
    monday = now_of(table) - timedelta(days=4)
    series = a_series(table=table)
    at = series.index_of(np.datetime64(monday.replace(tzinfo=None), "us"))
    assert doubts(series, int(series.known_at(np.array([at]))[0]), rating_kw=None) == ()
