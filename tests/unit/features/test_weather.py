"""Weather in the table: what was forecast when."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.features.recipe.table import Home, build_table, build_tables
from services.features.recipe.weather import DAY_AHEAD, Weather
from shared.domain.place import Place
from shared.domain.site import Site
from shared.domain.time import Interval
from shared.ports.weather import WEATHER_FORECAST_COLUMNS, WEATHER_VALUES
from tests.factories import a_site, readings

START = datetime(2024, 6, 1, tzinfo=UTC)
NOW = START + timedelta(days=3, hours=10)
HOUR = timedelta(hours=1)
COLUMNS = ["temperature_celsius", "heating_kelvin", "cooling_kelvin", "cloud_cover_percent", "ghi_w_m2", "weather_solar_kw"]
WHOLE = Interval(start=START, end=START + timedelta(days=5))


def forecast(*, ahead: timedelta | None, issued_at: datetime = NOW, temperature: float = 10.0, light: float = 1.0) -> pd.DataFrame:
    """Five days of it: each hour known so long ahead, or all of them at once."""
    stamps = pd.date_range(START, periods=120, freq="h", unit="us")
    up = np.clip(np.sin((stamps.hour.to_numpy() - 4) / 16 * np.pi), 0, None) * light
    light_columns = {"ghi_w_m2": 800 * up, "dni_w_m2": 600 * up, "dhi_w_m2": 150 * up}
    columns = dict.fromkeys(WEATHER_VALUES, 0.0) | {"temperature_celsius": temperature, "cloud_cover_percent": 30.0} | light_columns
    issued = pd.DatetimeIndex([issued_at] * 120, tz="UTC").as_unit("us") if ahead is None else stamps - ahead
    return pd.DataFrame({"timestamp": stamps, "issued_at": issued, **columns})[list(WEATHER_FORECAST_COLUMNS)]


NOTHING = forecast(ahead=None)[:0]
DAY_BEFORE = forecast(ahead=timedelta(hours=39), temperature=5.0)


def table(weather: Weather | None, site: Site | None = None, as_of: datetime = NOW) -> pd.DataFrame:
    built = build_table(
        readings=readings(hours=0), site=site or a_site(), tariff=None, prices={}, holidays=frozenset(),
        interval=WHOLE, as_of=as_of, window_days=7, weather=weather,
    )  # fmt: skip
    return built.set_index("timestamp")


def test_a_step_that_has_begun_holds_what_was_forecast_a_day_before_and_a_later_one_the_newest():
    rows = table(Weather(newest=forecast(ahead=None, temperature=12.0), day_ahead=DAY_BEFORE))
    begun = rows.index <= pd.Timestamp(NOW)
    assert (rows.loc[begun, "temperature_celsius"] == 5.0).all()
    assert rows.loc[begun, "weather_known_ahead_hours"].min() >= DAY_AHEAD / HOUR
    assert (rows.loc[rows.index >= pd.Timestamp(NOW + HOUR), "temperature_celsius"] == 12.0).all()
    assert (rows["weather_is_perfect"] == 0).all()


def test_observed_weather_is_called_perfect():
    observed = forecast(ahead=-timedelta(days=1))
    rows = table(Weather(newest=observed, day_ahead=NOTHING))
    known = rows["temperature_celsius"].notna()
    assert rows.index[known].max() < pd.Timestamp(NOW - timedelta(hours=22))
    assert (rows.loc[known, "weather_is_perfect"] == 1).all()


def test_degrees_and_light_follow_from_the_forecast():
    rows = table(Weather(newest=forecast(ahead=None, temperature=25.0), day_ahead=DAY_BEFORE))
    assert rows["heating_kelvin"].iloc[0] == pytest.approx(10.0)
    assert rows["cooling_kelvin"].iloc[-1] == pytest.approx(3.0)
    noon = pd.Timestamp(START + timedelta(days=1, hours=12))
    assert rows.loc[noon, "clear_sky_index"] == pytest.approx(0.9, abs=0.15)
    assert 4.0 < rows.loc[noon, "weather_solar_kw"] < 8.0
    midnight = pd.Timestamp(START + timedelta(days=1))
    assert rows.loc[midnight, "weather_solar_kw"] == rows.loc[midnight, "ghi_w_m2"] == 0.0
    hour = rows.loc[noon : noon + timedelta(minutes=45), "ghi_w_m2"]
    assert hour.mean() == pytest.approx(800.0)
    assert rows["temperature_mean_24h_celsius"].iloc[30 * 4] == pytest.approx(5.0)


def test_less_light_makes_less_power():
    bright, dull = (table(Weather(newest=forecast(ahead=None, light=share), day_ahead=NOTHING)) for share in (1.0, 0.3))
    assert dull["weather_solar_kw"].sum() < 0.4 * bright["weather_solar_kw"].sum()


@pytest.mark.parametrize(
    ("site", "weather"),
    [(a_site(), None), (a_site(latitude=None, longitude=None), None), (a_site(), Weather(newest=NOTHING, day_ahead=NOTHING))],
    ids=["no weather", "no place", "nothing stored"],
)
def test_without_weather_its_columns_are_missing_and_the_rest_is_there(site: Site, weather: Weather | None):
    rows = table(weather, site)
    assert rows[[*COLUMNS, "weather_is_perfect", "weather_known_ahead_hours"]].isna().all(axis=None)
    assert rows["hour_sin"].notna().all()


@settings(max_examples=8, deadline=None)
@given(hours=st.integers(0, 70), temperature=st.floats(-30, 40))
def test_what_is_issued_later_changes_nothing(hours: int, temperature: float):
    as_of = START + timedelta(days=1, hours=hours)
    known = forecast(ahead=timedelta(hours=20))
    later = forecast(ahead=timedelta(hours=20), temperature=temperature, light=0.1)
    altered = known.where(known["issued_at"] <= as_of, later)
    before, after = (table(Weather(newest=rows, day_ahead=DAY_BEFORE), as_of=as_of) for rows in (known, altered))
    pd.testing.assert_frame_equal(before, after)


def test_sites_built_together_are_those_built_alone():
    sites = [
        a_site("a"), a_site("b", latitude=None, longitude=None), a_site("c", solar=None), a_site("d", latitude=50.0, battery=None),
    ]  # fmt: skip
    begin = START - timedelta(days=50)
    measured = pd.concat([readings(site_id=site.site_id, start=begin, hours=24 * 53, seed=at) for at, site in enumerate(sites[:3])])
    weather = Weather(newest=forecast(ahead=None), day_ahead=DAY_BEFORE)
    homes = [Home(site=site, weather=weather if Place.of(site) else None) for site in sites]
    many = build_tables(readings=measured, homes=homes, prices={}, interval=WHOLE, as_of=NOW, window_days=7)
    for number, home in enumerate(homes):
        alone = build_table(
            readings=measured[measured["site_id"] == home.site.site_id], site=home.site, tariff=None, prices={}, holidays=frozenset(),
            interval=WHOLE, as_of=NOW, window_days=7, weather=home.weather,
        )  # fmt: skip
        pd.testing.assert_frame_equal(many.of(number), alone)
