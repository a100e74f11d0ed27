"""The table: what is known when."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.features.recipe.catalog import catalog
from services.features.recipe.table import build_table, context_before, reach
from shared.domain.feature import Availability
from shared.domain.reading import VALUE_COLUMNS, Quality
from shared.domain.site import Site
from shared.domain.tariff import DynamicPrice
from shared.domain.time import Interval
from tests.factories import a_site, a_tariff, readings

START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
END = START + 60 * DAY
WINDOW = 7
DYNAMIC = a_tariff(import_price=DynamicPrice(series_id="de"))
HISTORY = readings(start=START, hours=60 * 24, step=timedelta(minutes=30))
HOURLY = a_site(resolution=HOUR)
NOWHERE = a_site(resolution=HOUR, latitude=None, longitude=None)


def day_ahead(days: int = 64) -> pd.DataFrame:
    """Hourly prices, each day's published at noon of the day before."""
    stamps = pd.date_range(START, periods=24 * days, freq="h", unit="us")
    values = 0.1 + 0.05 * np.random.default_rng(0).random(len(stamps))
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": values, "published_at": stamps.floor("D") - pd.Timedelta(hours=12)})


PRICES = day_ahead()


def table(
    rows: pd.DataFrame = HISTORY,
    *,
    site: Site = HOURLY,
    prices: pd.DataFrame = PRICES,
    start: datetime = START,
    as_of: datetime = END,
    ahead: timedelta = 49 * HOUR,
) -> pd.DataFrame:
    return build_table(
        readings=rows,
        site=site,
        tariff=DYNAMIC,
        prices={"de": prices},
        holidays=frozenset(),
        interval=Interval(start=start, end=as_of + ahead),
        as_of=as_of,
        window_days=WINDOW,
    )


def columns(*kinds: Availability) -> list[str]:
    return [feature.name for feature in catalog(window_days=WINDOW).features if feature.availability in kinds]


def until(frame: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """Rows whose step is over."""
    return frame[frame["timestamp"] + HOUR <= moment].reset_index(drop=True)


def test_there_is_a_row_for_every_step_and_a_column_for_every_feature():
    result = table()
    assert tuple(result.columns) == ("timestamp", *catalog(window_days=WINDOW).names)
    assert result["timestamp"].tolist() == list(pd.date_range(START, END + 48 * HOUR, freq="h"))
    assert str(result["timestamp"].dtype) == "datetime64[us, UTC]"
    assert all(result[name].dtype == np.float64 for name in catalog(window_days=WINDOW).names)


def test_measured_columns_end_with_the_last_whole_step_and_known_ones_go_on():
    result = table(as_of=END - timedelta(minutes=10))
    future = result[result["timestamp"] >= END - HOUR]
    assert len(future) == 50
    assert future[columns(Availability.AFTER_STEP)].isna().all(axis=None)
    assert future[columns(Availability.AHEAD)].notna().all(axis=None)
    last = result[result["timestamp"] == END - 2 * HOUR].iloc[0]
    assert last[["load_kw", "solar_kw", "battery_power_kw", "quality", "load_mean_7d_hour_kw", "load_mean_24h_kw"]].notna().all()


def test_prices_go_on_as_far_as_they_are_published():
    at_11, at_12 = (table(as_of=END - 13 * HOUR + late) for late in (timedelta(0), HOUR))
    assert at_11["timestamp"][at_11["price_per_kwh"].notna()].max() == END - HOUR
    assert at_12["timestamp"][at_12["price_per_kwh"].notna()].max() == END + 23 * HOUR


def test_values_are_those_of_the_readings():
    result = table().set_index("timestamp")
    hour = pd.Timestamp(START + 10 * DAY + 12 * HOUR)
    inside = HISTORY[(HISTORY["timestamp"] >= hour) & (HISTORY["timestamp"] < hour + HOUR)]
    assert result.loc[hour, "load_kw"] == pytest.approx(inside["total_load_kw"].mean())
    assert result.loc[hour, "solar_kw"] == pytest.approx(inside["solar_generation_kw"].mean())
    week = [result.loc[hour - back * DAY, "load_kw"] for back in range(7)]
    assert result.loc[hour, "load_mean_7d_hour_kw"] == pytest.approx(np.mean(week))
    assert result.loc[hour, "load_median_7d_hour_kw"] == pytest.approx(np.median(week))
    assert result.loc[hour, "clearness"] == pytest.approx(min(1.5, result.loc[hour, "solar_kw"] / result.loc[hour, "clear_sky_kw"]))
    assert result.loc[hour, "quality"] == 1.0


def test_a_defect_is_left_out_of_every_column_that_would_hold_it():
    rows = HISTORY.copy()
    wrong = START + 40 * DAY + 12 * HOUR
    rows.loc[rows["timestamp"].between(wrong, wrong + timedelta(minutes=59)), "total_load_kw"] = 900.0
    result = table(rows).set_index("timestamp")
    assert np.isnan(result.loc[pd.Timestamp(wrong), "load_kw"])
    assert result.loc[pd.Timestamp(wrong), "quality"] == 0.0
    assert result["load_mean_7d_hour_kw"].max() < 3
    assert result["load_mean_24h_kw"].max() < 3


def test_without_a_place_the_clear_sky_is_learnt_from_the_data_and_known_ahead():
    result = table(site=NOWHERE)
    later = result[result["timestamp"] >= START + 17 * DAY]
    assert later["clear_sky_kw"].notna().all()
    assert later["sun_elevation_deg"].isna().all()
    noon = later["timestamp"].dt.hour == 12
    assert later["clear_sky_kw"][noon].iloc[-1] == pytest.approx(7.9, abs=0.3)


def test_a_site_without_any_reading_still_has_what_is_known_ahead():
    result = table(HISTORY.head(0), start=END)
    assert len(result) == 49
    assert result[columns(Availability.AFTER_STEP)].isna().all(axis=None)
    assert result["hour_sin"].notna().all()


@settings(max_examples=12)
@given(
    hours=st.integers(30 * 24, 60 * 24 - 1),
    value=st.sampled_from([0.0, 0.4, 7.0, 900.0, np.nan]),
    site=st.sampled_from([HOURLY, NOWHERE]),
)
def test_altering_everything_after_a_moment_changes_nothing_known_at_that_moment(hours: int, value: float, site: Site):
    moment = START + hours * HOUR
    rows, prices = HISTORY.copy(), PRICES.copy()
    rows.loc[rows["timestamp"] >= moment, list(VALUE_COLUMNS)] = value
    prices.loc[prices["published_at"] > moment, "price_per_kwh"] = value
    # as they were known then: the whole table, future rows included
    pd.testing.assert_frame_equal(table(site=site, as_of=moment), table(rows, site=site, prices=prices, as_of=moment))
    # as they look today: what had been measured by then, and what can be known ahead of then
    today, altered = table(site=site), table(rows, site=site, prices=prices)
    measured = columns(Availability.AFTER_STEP)
    pd.testing.assert_frame_equal(until(today, moment)[measured], until(altered, moment)[measured])
    ahead = today["timestamp"] < moment + 48 * HOUR
    pd.testing.assert_frame_equal(today.loc[ahead, columns(Availability.AHEAD)], altered.loc[ahead, columns(Availability.AHEAD)])
    published = today["timestamp"] - pd.to_timedelta(today["price_known_ahead_hours"], unit="h") <= moment
    announced = columns(Availability.ANNOUNCED)
    pd.testing.assert_frame_equal(today.loc[published, announced], altered.loc[published, announced])


@settings(max_examples=6)
@given(hours=st.integers(41 * 24, 59 * 24), site=st.sampled_from([HOURLY, NOWHERE]))
def test_a_row_built_from_its_context_equals_the_one_built_from_all_history(hours: int, site: Site):
    start = START + hours * HOUR
    context = HISTORY[HISTORY["timestamp"] >= context_before(start, WINDOW)]
    whole = table(site=site)
    pd.testing.assert_frame_equal(
        whole[whole["timestamp"] >= start].reset_index(drop=True), table(context, site=site, start=start), rtol=1e-9, atol=1e-9
    )


@settings(max_examples=6)
@given(hours=st.integers(0, 15 * 24), value=st.sampled_from([0.0, 5.0, 900.0]))
def test_a_reading_leaves_no_trace_beyond_its_reach(hours: int, value: float):
    moment = START + hours * HOUR
    rows = HISTORY.copy()
    rows.loc[(rows["timestamp"] >= moment) & (rows["timestamp"] < moment + 30 * HOUR), ["total_load_kw", "solar_generation_kw"]] = value
    beyond = HISTORY["timestamp"].iloc[0] + timedelta(hours=hours + 30) + reach(WINDOW)
    whole, altered = table(site=NOWHERE), table(rows, site=NOWHERE)
    later = whole["timestamp"] >= beyond
    assert later.any()
    pd.testing.assert_frame_equal(whole[later], altered[later], rtol=1e-9, atol=1e-9)


def test_every_defect_of_a_step_is_told_in_its_flags_and_only_the_defect_value_is_left_out():
    hour = START + 40 * DAY + 12 * HOUR
    steps = [hour + at * HOUR for at in range(3)]
    rows = HISTORY.copy()
    inside = [rows["timestamp"].between(step, step + timedelta(minutes=59)) for step in steps]
    rows.loc[inside[0], "total_load_kw"] = 900.0
    rows.loc[inside[1], "battery_power_kw"] = 50.0
    rows.loc[inside[2], "quality"] = int(Quality.IMBALANCE | Quality.SIMULATED)
    result = table(rows).set_index("timestamp").loc[[pd.Timestamp(step) for step in steps]]
    assert result["quality_flags"].tolist() == [Quality.SPIKE, Quality.OUT_OF_RANGE, Quality.IMBALANCE]
    assert result["load_kw"].isna().tolist() == [True, False, False]
    assert result["battery_power_kw"].isna().tolist() == [False, True, False]
    assert result["quality"].tolist() == [0.0, 1.0, 1.0]
