import numpy as np
import pandas as pd
import pytest

from services.forecaster.model.answer import answer
from services.forecaster.model.fallback import fallback
from shared.domain.forecast import Target
from tests.unit.forecaster.tables import a_series, a_table

NOW = 40 * 24


def only_since(first: int) -> pd.DataFrame:
    table = a_table()
    table.loc[: first - 1, ["load_kw", "solar_kw", "price_per_kwh"]] = np.nan
    return table


def changed(column: str, value: float | None) -> pd.DataFrame:
    table = a_table()
    table.loc[: NOW - 1, column] = value
    return table


def no_sky(table: pd.DataFrame) -> pd.DataFrame:
    table[["clear_sky_kw", "sun_elevation_deg"]] = np.nan
    return table


def gappy() -> pd.DataFrame:
    table = a_table()
    hole = np.random.default_rng(3).random(len(table)) < 0.5
    table.loc[hole, "load_kw"] = np.nan
    return table


BAD = {
    "no load at all": (Target.LOAD, only_since(NOW), "typical_home", "no load_kw was ever measured"),
    "five hours": (Target.LOAD, only_since(NOW - 5), "typical_home", "only 5.0 h"),
    "a day and a half": (Target.LOAD, only_since(NOW - 36), "yesterday", "only 1.5 days"),
    "all zeros": (Target.LOAD, changed("load_kw", 0.0), "median_7d", "0 throughout"),
    "always the same": (Target.LOAD, changed("load_kw", 1.5), "median_7d", "1.5 throughout"),
    "half of it missing": (Target.LOAD, gappy(), None, "% of the last week's load_kw is missing"),
    "no sun measured": (Target.SOLAR, only_since(NOW), "typical_sky", "no solar_kw"),
    "no sun measured, no place known": (Target.SOLAR, no_sky(only_since(NOW)), "typical_sun", "no solar_kw"),
    "dark panels": (Target.SOLAR, changed("solar_kw", 0.0), "median_7d", "0 throughout"),
    "no price known": (Target.PRICE, changed("price_per_kwh", None), "typical_price", "no price_per_kwh"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_served_by_a_named_fallback_with_a_reason(case):
    target, table, name, reason = BAD[case]
    if target is Target.PRICE:
        table.loc[NOW:, "price_per_kwh"] = np.nan
    series = a_series(target, table=table)
    plain = fallback(series, until=NOW, rating_kw=8.0)
    assert name is None or plain.name == name
    assert any(reason in text for text in plain.reasons)
    quantiles = answer(series, plain, issues=np.array([NOW]), live=True)[0]
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert target is Target.PRICE or (quantiles >= 0).all()


def test_a_home_like_the_last_weeks_gets_the_best_baseline_without_complaint():
    plain = fallback(a_series(), until=NOW, rating_kw=None)
    assert plain.reasons == ()
    assert plain.name in {"median_7d", "mean_7d", "last_week", "yesterday"}


def test_a_few_hours_set_the_level_of_the_typical_profile():
    table = only_since(NOW - 5)
    table.loc[NOW - 5 : NOW - 1, "load_kw"] = 10.0
    series = a_series(table=table)
    median = answer(series, fallback(series, until=NOW, rating_kw=None), issues=np.array([NOW]))[0, 3]
    assert 5.0 < median.mean() < 20.0
    assert median.max() > 1.5 * median.min()


def test_a_fallback_reads_nothing_after_its_moment():
    altered = a_table()
    altered.loc[500:, ["load_kw", "quality"]] = 99.0
    before, after = a_series(), a_series(table=altered)
    issues = np.array([500])
    first = answer(before, fallback(before, until=500, rating_kw=None), issues=issues)
    second = answer(after, fallback(after, until=500, rating_kw=None), issues=issues)
    np.testing.assert_array_equal(first, second)
