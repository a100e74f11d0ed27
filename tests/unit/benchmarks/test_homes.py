"""Hours of what was measured more often."""

import numpy as np
import pandas as pd
import pytest

from likeness.homes import clock_of, hourly


def half_hours(values: list[float], tz: str | None = "UTC") -> pd.DataFrame:
    stamps = pd.date_range("2024-03-31T00:00", periods=len(values), freq="30min", tz=tz, unit="us")
    return pd.DataFrame({"timestamp": stamps, "load_kw": values})


def test_an_hour_is_the_mean_of_its_parts():
    assert hourly(half_hours([1.0, 3.0, 5.0, 5.0]), ["load_kw"])["load_kw"].tolist() == [2.0, 5.0]


def test_an_hour_of_which_a_part_is_missing_is_missing():
    hours = hourly(half_hours([1.0, np.nan, 5.0, 5.0]), ["load_kw"])["load_kw"]
    assert np.isnan(hours.iloc[0])
    assert hours.iloc[1] == 5.0


def test_hours_without_rows_are_missing_not_absent():
    frame = half_hours([1.0] * 8).drop(index=[2, 3])
    hours = hourly(frame, ["load_kw"])["load_kw"]
    assert hours.isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize(("timezone", "first"), [("UTC", [0.0, 1.0, 2.0]), ("Europe/Berlin", [1.0, 3.0, 4.0])])
def test_the_clock_is_the_local_one(timezone, first):
    assert clock_of(np.datetime64("2024-03-31T00:00", "us"), 3, timezone).hour.tolist() == first
