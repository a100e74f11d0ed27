"""Clear sky times clearness."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.clearsky import AZIMUTH, ELEVATION, clear_sky, light, light_of
from services.forecaster.model.curtailment import held_back
from services.forecaster.model.history import History
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import Series, Values
from services.forecaster.model.skyforecast import CLOUD, RADIATION
from services.forecaster.model.solar import SolarModel, fit, from_files
from services.forecaster.model.solar_rows import rows_of
from services.forecaster.model.split import Pairs
from shared.domain.forecast import QUANTILE_LEVELS, Target

DAYS = 70
KNOWN = 60 * 24
WEIGHTS = np.array([3.0, -1.0, -1.5, 4.0])
"""A plane that faces west and south."""


def array(*, seed: int, clear: bool = False, curtailed_kw: float | None = None) -> Series:
    hour = np.arange(24 * DAYS) % 24 + 0.5
    elevation = 60.0 * np.sin((hour - 6.0) / 12.0 * np.pi)
    azimuth = np.mod(90.0 + 15.0 * (hour - 6.0), 360.0).astype(np.float64)
    days = np.random.default_rng(seed).choice([0.2, 0.5, 0.9, 1.0], DAYS)
    share = np.ones(24 * DAYS) if clear else np.repeat(days, 24)
    power = np.maximum(light(elevation, azimuth) @ WEIGHTS, 0.0) * share
    if curtailed_kw is not None:
        power = np.where(np.arange(len(power)) // 24 % 2 == 0, np.minimum(power, curtailed_kw), power)
    return Series(
        target=Target.SOLAR,
        start=np.datetime64("2024-06-01", "us"),
        step=timedelta(hours=1),
        values=power,
        ahead={ELEVATION: elevation, AZIMUTH: azimuth},
        published=None,
        local_shift=np.zeros(len(power), dtype=np.int64),
    )


def truth(series: Series) -> Values:
    power: Values = np.maximum(light(series.ahead[ELEVATION], series.ahead[AZIMUTH]) @ WEIGHTS, 0.0)
    return power


def sky_of(series: Series, *, known: int) -> Values:
    return clear_sky(series, light_of(series), known=known)


def with_weather(series: Series, *, share: Values, ahead_hours: float = 48.0) -> Series:
    """Radiation that is such a share of a clear sky's, forecast so long before each step."""
    sky = light_of(series)
    weather = {RADIATION: 1000.0 * (sky[:, 0] + sky[:, 3]) * share, CLOUD: 100.0 * (1.0 - share)}
    return replace(series, forecast=weather, forecast_ahead_hours=np.full(series.count, ahead_hours))


def share_of(series: Series) -> Values:
    share: Values = np.clip(series.values / np.maximum(truth(series), 1e-9), 0.0, 1.0)
    return share


@pytest.fixture(scope="module")
def learned() -> SolarModel:
    """From two arrays with forecasts of the weather that come true."""
    sites = [with_weather(one, share=share_of(one)) for one in (array(seed=1), array(seed=2))]
    model = fit([History(series=one, known=KNOWN, rating_kw=6.0) for one in sites], rows=3000, seed=1)
    assert model is not None
    return model


def next_day(series: Series) -> Pairs:
    step = KNOWN + np.arange(24)
    return Pairs(issue=np.full(24, KNOWN), known=np.full(24, KNOWN), step=step)


def test_the_clear_sky_of_a_plane_is_found_below_clouds() -> None:
    series = array(seed=1)
    assert sky_of(series, known=KNOWN) == pytest.approx(truth(series), abs=0.05 * truth(series).max())


def test_days_of_curtailed_power_do_not_lower_the_clear_sky_of_the_others() -> None:
    series = array(seed=1, clear=True, curtailed_kw=2.0)
    assert sky_of(series, known=KNOWN).max() > 0.95 * truth(series).max()


def test_without_the_sun_s_azimuth_the_table_s_own_clear_sky_stands() -> None:
    series = array(seed=1)
    plain = replace(series, ahead={ELEVATION: series.ahead[ELEVATION], "clear_sky_kw": truth(series)})
    assert (sky_of(plain, known=KNOWN) == truth(series)).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), known=st.integers(24, KNOWN), forecast=st.booleans())
def test_nothing_that_came_after_the_issue_changes_a_row(seed: int, known: int, forecast: bool) -> None:
    series, chance = array(seed=seed % 3), np.random.default_rng(seed)
    if forecast:
        series = with_weather(series, share=share_of(series), ahead_hours=6.0)
    later = series.values.copy()
    later[known:] = chance.random(series.count - known) * 9.0
    unknown = np.arange(series.count) > known + 6
    weather = {name: np.where(unknown, 5.0, values) for name, values in series.forecast.items()}
    step = known + np.arange(48)
    pairs = Pairs(issue=np.full(48, known), known=np.full(48, known), step=step)
    first, second = (
        rows_of(History(series=each, known=known), pairs) for each in (series, replace(series, values=later, forecast=weather))
    )
    np.testing.assert_array_equal(first.plain, second.plain)
    np.testing.assert_array_equal(first.sky, second.sky)
    np.testing.assert_array_equal(first.clear_kw, second.clear_kw)
    assert first.has_sky.sum() == (7 if forecast else 0)


def test_a_site_that_never_learned_is_forecast_by_what_its_peers_taught() -> None:
    model = fit([History(series=array(seed=seed), known=KNOWN) for seed in (1, 2)], rows=3000, seed=1)
    assert model is not None
    other = array(seed=3)
    quantiles = model.quantiles(History(series=other, known=KNOWN), next_day(other))
    assert quantiles.shape == (24, len(QUANTILE_LEVELS))
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles[truth(other)[KNOWN : KNOWN + 24] <= 0] == 0).all()
    assert quantiles[:, 3].max() > 0.2 * truth(other).max()


def test_a_forecast_of_clouds_lowers_the_median(learned: SolarModel) -> None:
    own = array(seed=1)
    medians = [
        learned.quantiles(History(series=with_weather(own, share=np.full(own.count, share)), known=KNOWN), next_day(own))[:, 3].sum()
        for share in (1.0, 0.3)
    ]
    assert medians[1] < 0.6 * medians[0]


@pytest.mark.parametrize("share", [None, 1.0, 0.3])
def test_an_array_that_has_measured_nothing_is_forecast_by_its_rating_and_the_weather(learned: SolarModel, share: float | None) -> None:
    new = replace(array(seed=4), values=np.full(24 * DAYS, np.nan))
    series = new if share is None else with_weather(new, share=np.full(new.count, share))
    quantiles = learned.quantiles(History(series=series, known=0, rating_kw=6.0), next_day(new))
    noon, night = quantiles[12], quantiles[0]
    assert (night == 0).all()
    assert (noon[2:] > 0).all()
    assert 6.0 * 0.15 < noon[3] < 6.0
    assert noon[-1] > 1.1 * noon[0]


@settings(max_examples=10)
@given(seed=st.integers(5, 30), unit=st.floats(0.05, 500.0))
def test_an_array_that_is_larger_makes_as_much_more(learned: SolarModel, seed: int, unit: float) -> None:
    small = with_weather(array(seed=seed), share=share_of(array(seed=seed)))
    large = replace(small, values=unit * small.values)
    one, other = (
        learned.quantiles(History(series=each, known=KNOWN, rating_kw=rating), next_day(each))
        for each, rating in ((small, 6.0), (large, 6.0 * unit))
    )
    assert other == pytest.approx(unit * one, rel=1e-2, abs=1e-3 * unit)
    assert (one >= 0).all()
    assert (one[truth(small)[KNOWN : KNOWN + 24] <= 0] == 0).all()


def test_power_that_was_held_back_is_told_from_weather() -> None:
    own = array(seed=1)
    held = array(seed=1, clear=True, curtailed_kw=2.0)
    clear = truth(own)
    assert not held_back(own.values, clear, per_hour=1, ended=True).any()
    found = held_back(held.values, clear, per_hour=1, ended=True)
    assert found.any()
    assert (held.values[found] == 2.0).all()


def test_a_model_read_back_forecasts_the_same(learned: SolarModel) -> None:
    own = with_weather(array(seed=3), share=share_of(array(seed=3)))
    again = from_files(learned.to_files())
    history = History(series=own, known=KNOWN)
    np.testing.assert_array_equal(again.quantiles(history, next_day(own)), learned.quantiles(history, next_day(own)))
    with pytest.raises(UnreadableModelError, match="train again"):
        from_files(learned.to_files() | {"solar.json": b'{"format": 1}'})


def test_no_model_is_made_of_arrays_that_never_generated() -> None:
    series = array(seed=1)
    assert fit([History(series=replace(series, values=np.zeros(series.count)), known=KNOWN)], rows=100, seed=1) is None
