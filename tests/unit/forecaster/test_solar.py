"""Clear sky times clearness."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.clearness import clearness
from services.forecaster.model.clearsky import AZIMUTH, ELEVATION, clear_sky, light
from services.forecaster.model.history import History
from services.forecaster.model.series import Series, Values
from services.forecaster.model.skyforecast import RADIATION, forecast_power
from services.forecaster.model.solar import fit
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


def next_day(series: Series) -> Pairs:
    step = KNOWN + np.arange(24)
    return Pairs(issue=np.full(24, KNOWN), known=np.full(24, KNOWN), step=step)


def test_the_clear_sky_of_a_plane_is_found_below_clouds() -> None:
    series = array(seed=1)
    assert clear_sky(series, known=KNOWN) == pytest.approx(truth(series), abs=0.05 * truth(series).max())


def test_days_of_curtailed_power_do_not_lower_the_clear_sky_of_the_others() -> None:
    series = array(seed=1, clear=True, curtailed_kw=2.0)
    assert clear_sky(series, known=KNOWN).max() > 0.95 * truth(series).max()


def test_without_the_sun_s_azimuth_the_table_s_own_clear_sky_stands() -> None:
    series = array(seed=1)
    plain = replace(series, ahead={ELEVATION: series.ahead[ELEVATION], "clear_sky_kw": truth(series)})
    assert (clear_sky(plain, known=KNOWN) == truth(series)).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), known=st.integers(24, KNOWN))
def test_nothing_measured_after_the_issue_changes_a_row(seed: int, known: int) -> None:
    series = array(seed=seed % 3)
    later = series.values.copy()
    later[known:] = np.random.default_rng(seed).random(series.count - known) * 9.0
    other = replace(series, values=later)
    step = known + np.arange(48)
    for_issue = np.full(48, known)
    first, second = (
        clearness(each, clear_sky(each, known=known), forecast_power(each, known=known), known=for_issue, step=step).matrix
        for each in (series, other)
    )
    assert (first == second).all()


def test_a_site_that_never_learned_is_forecast_by_what_its_peers_taught() -> None:
    model = fit([History(series=array(seed=seed), known=KNOWN) for seed in (1, 2)], rows=3000, seed=1)
    assert model is not None
    other = array(seed=3)
    quantiles = model.quantiles(History(series=other, known=KNOWN), next_day(other))
    assert quantiles.shape == (24, len(QUANTILE_LEVELS))
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles[truth(other)[KNOWN : KNOWN + 24] <= 0] == 0).all()
    assert quantiles[:, 3].max() > 0.2 * truth(other).max()


def test_a_forecast_of_clouds_lowers_the_median() -> None:
    histories = []
    for seed in (1, 2):
        series = array(seed=seed)
        sky = light(series.ahead[ELEVATION], series.ahead[AZIMUTH])
        share = series.values / np.maximum(truth(series), 1e-9)
        radiation = 1000.0 * (sky[:, 0] + sky[:, 3]) * share
        weather = {RADIATION: radiation, "cloud_cover": 1.0 - share}
        weather |= dict.fromkeys(("temperature_2m", "relative_humidity_2m", "wind_speed_10m"), np.full(series.count, 10.0))
        histories.append(History(series=replace(series, ahead={**series.ahead, **weather}), known=KNOWN))
    model = fit(histories, rows=3000, seed=1)
    assert model is not None
    bright = histories[0].series
    dull = replace(bright, ahead={**bright.ahead, RADIATION: 0.2 * bright.ahead[RADIATION], "cloud_cover": np.full(bright.count, 0.8)})
    medians = [model.quantiles(History(series=each, known=KNOWN), next_day(each))[:, 3].sum() for each in (bright, dull)]
    assert medians[1] < 0.6 * medians[0]


def test_no_model_is_made_of_arrays_that_never_generated() -> None:
    series = array(seed=1)
    assert fit([History(series=replace(series, values=np.zeros(series.count)), known=KNOWN)], rows=100, seed=1) is None
