from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.series import series_from_table, series_of_targets
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.forecast import Target
from shared.domain.time import instant64
from tests.unit.forecaster.tables import HOUR, a_catalog, a_series, a_table


def test_measured_values_are_known_up_to_the_issue_without_its_trailing_gap():
    table = a_table()
    table.loc[200:203, "load_kw"] = np.nan
    series = a_series(table=table)
    assert series.known_at(np.array([100, 200, 204, 205])).tolist() == [100, 200, 200, 205]


def test_prices_are_known_from_their_publication():
    series = a_series(Target.PRICE)
    # local midnight is 22:00 UTC; tomorrow's prices are out at 13:00 local, 11:00 UTC
    assert series.known_at(np.array([240 + 10, 240 + 11])).tolist() == [240 + 22, 240 + 46]


def test_prices_without_a_moment_of_publication_follow_the_day_ahead_rule():
    table = a_table().drop(columns="price_known_ahead_hours")
    series = a_series(Target.PRICE, table=table)
    assert series.known_at(np.array([240 + 11, 240 + 12])).tolist() == [240 + 22, 240 + 46]


def test_a_price_published_late_is_known_once_its_step_is_over():
    table = a_table()
    table["price_known_ahead_hours"] = -5000.0
    series = a_series(Target.PRICE, table=table)
    assert series.known_at(np.array([300])).tolist() == [300]


def test_now_every_price_in_the_table_is_published():
    series = a_series(Target.PRICE)
    assert series.known_live(40 * 24) == 40 * 24 + 12


def test_local_time_is_followed_across_a_change_of_the_clocks():
    start = datetime(2024, 3, 29, tzinfo=UTC)
    series = a_series(table=a_table(start=start, days=5))
    shifts = np.unique(series.local_shift[: 49 + 24])
    assert shifts.tolist() == [1, 2]
    assert series.steps_of_day()[0] == 1
    assert series.steps_of_day()[72] == 2


def test_what_the_table_does_not_reach_is_missing():
    table = a_table(days=2)
    start = instant64(table["timestamp"].iloc[0].to_pydatetime() - timedelta(days=1))
    series = series_from_table(table, a_catalog(), Target.LOAD, step=timedelta(hours=1), start=start, end=start + np.timedelta64(10, "D"))
    assert series.count == 240
    assert np.isnan(series.values[:24]).all()
    assert series.values[24] == pytest.approx(table["load_kw"].iloc[0])


@settings(max_examples=20, deadline=None)
@given(begin=st.integers(-30, 60), days=st.integers(0, 4), kept=st.lists(st.booleans(), min_size=97, max_size=97))
def test_each_row_has_its_own_step_whatever_rows_are_there(begin, days, kept):
    whole = a_table(days=2)
    table = whole[np.array(kept)]
    start = instant64(whole["timestamp"].iloc[0].to_pydatetime() + begin * HOUR)
    series = series_from_table(table, a_catalog(), Target.LOAD, step=HOUR, start=start, end=start + np.timedelta64(days, "D"))
    expected = table.set_index(table["timestamp"].to_numpy(dtype="datetime64[us]")).reindex(
        pd.DatetimeIndex(start + np.arange(series.count) * np.timedelta64(1, "h"))
    )
    np.testing.assert_array_equal(series.values, expected["load_kw"])
    np.testing.assert_array_equal(series.ahead["sun_elevation_deg"], expected["sun_elevation_deg"])


def test_targets_read_together_are_those_read_alone():
    table = a_table(days=3)
    start = instant64(table["timestamp"].iloc[0].to_pydatetime())
    grid = {"step": HOUR, "start": start, "end": start + np.timedelta64(4, "D")}
    for target, series in series_of_targets(table, a_catalog(), list(Target), **grid).items():
        alone = series_from_table(table, a_catalog(), target, **grid)
        assert series.target is target
        np.testing.assert_array_equal(series.values, alone.values)
        np.testing.assert_array_equal(series.local_shift, alone.local_shift)
        assert (series.published is None) == (alone.published is None) == (target is not Target.PRICE)
        assert series.ahead.keys() == alone.ahead.keys()


def test_weather_is_known_from_its_issue_and_all_of_it_in_the_step_of_the_newest():
    ahead = np.array([24.0, 24.0, -1.0, np.nan, 3.5, 4.5])
    series = replace(a_series(table=a_table(days=2)), values=np.zeros(6), forecast_ahead_hours=ahead)
    step = np.arange(6)
    known = [series.forecast_known(issue=np.full(6, issue), step=step).tolist() for issue in (0, 1, 3)]
    assert known[0] == [True, True, False, False, False, False]
    assert known[1] == [True, True, False, False, True, True]
    assert known[2] == [True, True, True, False, True, True]


def test_the_weather_of_a_table_is_read_by_the_names_of_its_columns():
    catalog = FeatureCatalog(
        version="1",
        features=tuple(
            FeatureSpec(name=name, unit="1", availability=Availability.ANNOUNCED, description="weather")
            for name in ("ghi_w_m2", "weather_known_ahead_hours")
        ),
    )
    table = a_table(days=2).assign(ghi_w_m2=500.0, weather_known_ahead_hours=24.0)
    start = instant64(table["timestamp"].iloc[0].to_pydatetime())
    end = start + np.timedelta64(2, "D")
    series = series_from_table(table, catalog, Target.SOLAR, step=timedelta(hours=1), start=start, end=end)
    assert (series.forecast["ghi_w_m2"] == 500.0).all()
    assert list(series.forecast) == ["ghi_w_m2"]
    assert series.forecast_known(issue=np.array([20, 20]), step=np.array([44, 45])).tolist() == [True, False]
