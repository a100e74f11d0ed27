"""`ForecastStore`: what was forecast, when, and what was known then."""

from datetime import timedelta

import numpy as np
import pytest

from shared.domain.forecast import Forecast, Target
from shared.domain.time import Interval, TimeGrid
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)

HOUR = timedelta(hours=1)


def a_forecast(**changes) -> Forecast:
    values = {
        "site_id": "home",
        "target": Target.LOAD,
        "issued_at": NOON,
        "data_as_of": NOON - HOUR,
        "model_name": "quantile_gradient_boosting",
        "model_version": "0123456789ab",
        "grid": TimeGrid(start=NOON, step=timedelta(minutes=15), count=8),
        "levels": (0.1, 0.5, 0.9),
        "values": np.sort(np.random.default_rng(1).random((3, 8)), axis=0),
        "skill": 0.12345678901234,
        "degraded": ("no weather forecast, climatology instead",),
    }
    return Forecast(**(values | changes))


def same(one: Forecast, other: Forecast) -> bool:
    names = ("forecast_id", "data_as_of", "model_name", "model_version", "grid", "levels", "skill", "degraded")
    return np.array_equal(one.values, other.values) and all(getattr(one, name) == getattr(other, name) for name in names)


def test_a_forecast_is_read_back_to_the_last_bit(store):
    store.forecasts.put([a_forecast()])
    assert same(store.forecasts.latest(site_id="home", target=Target.LOAD), a_forecast())


def test_unmeasured_skill_stays_unmeasured(store):
    store.forecasts.put([a_forecast(skill=None, degraded=())])
    assert same(store.forecasts.latest(site_id="home", target=Target.LOAD), a_forecast(skill=None, degraded=()))


def test_as_of_tells_what_was_known_then(store):
    store.forecasts.put([a_forecast(issued_at=NOON + 2 * HOUR), a_forecast(issued_at=NOON)])
    latest = lambda as_of: store.forecasts.latest(site_id="home", target=Target.LOAD, as_of=as_of)  # noqa: E731
    assert latest(None).issued_at == NOON + 2 * HOUR
    assert latest(NOON + HOUR).issued_at == NOON
    assert latest(NOON).issued_at == NOON
    assert latest(NOON - timedelta(microseconds=1)) is None


def test_the_same_run_made_twice_is_one_forecast(store):
    store.forecasts.put([a_forecast()])
    again = a_forecast(values=np.ones((3, 8)))
    store.forecasts.put([again])
    assert same(store.forecasts.latest(site_id="home", target=Target.LOAD), again)
    assert len(store.forecasts.issued(site_id="home", target=Target.LOAD, interval=Interval(start=NOON, end=NOON + HOUR))) == 1


def test_replayed_forecasts_stay_apart_from_live_ones(store):
    store.forecasts.put([a_forecast(issued_at=NOON + HOUR)], run="replay")
    store.forecasts.put([a_forecast()])
    assert store.forecasts.latest(site_id="home", target=Target.LOAD).issued_at == NOON
    assert store.forecasts.latest(site_id="home", target=Target.LOAD, run="replay").issued_at == NOON + HOUR
    assert store.forecasts.latest(site_id="home", target=Target.LOAD, run="other") is None


def test_targets_and_sites_do_not_mix(store):
    store.forecasts.put([a_forecast(), a_forecast(target=Target.SOLAR, model_name="sun"), a_forecast(site_id="two", model_name="other")])
    assert store.forecasts.latest(site_id="home", target=Target.SOLAR).model_name == "sun"
    assert store.forecasts.latest(site_id="two", target=Target.LOAD).model_name == "other"
    assert store.forecasts.latest(site_id="two", target=Target.PRICE) is None


def test_moments_of_issue_are_sorted_within_a_half_open_interval(store):
    store.forecasts.put([a_forecast(issued_at=NOON + number * HOUR) for number in (2, 0, 1, 3)])
    found = store.forecasts.issued(site_id="home", target=Target.LOAD, interval=Interval(start=NOON, end=NOON + 3 * HOUR))
    assert found == [NOON, NOON + HOUR, NOON + 2 * HOUR]


def test_all_or_none_of_a_batch_is_stored(store):
    class Impostor:
        site_id = "home"

    with pytest.raises(AttributeError):
        store.forecasts.put([a_forecast(), Impostor()])
    assert store.forecasts.latest(site_id="home", target=Target.LOAD) is None


def test_forecasts_are_there_after_a_restart(opened):
    with opened() as first:
        first.forecasts.put([a_forecast()])
    with opened() as second:
        assert same(second.forecasts.latest(site_id="home", target=Target.LOAD), a_forecast())
