"""Signs of people at home."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.features.recipe.occupancy import occupancy
from shared.domain.time import TimeGrid, local_clock, zone

HOUR = timedelta(hours=1)
GRID = TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC), step=HOUR, count=24 * 28)
CLOCK = local_clock(GRID.starts(), zone("UTC"))


def a_load() -> np.ndarray:
    """0.2 kW, and 1 kW from 18:00 to 22:00 except on Sundays."""
    busy = (CLOCK.hour >= 18) & (CLOCK.hour < 22) & (CLOCK.weekday != 6)
    return np.where(busy, 1.0, 0.2)


def signs(load: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[0] for name, values in occupancy(load[None], CLOCK, step=HOUR, rows=slice(None)).items()}


def test_the_base_load_is_what_is_used_when_nobody_does_anything():
    base = signs(a_load())["base_load_kw"]
    assert np.isnan(base[:24]).all()
    assert base[24:] == pytest.approx(0.2)


def test_an_hour_is_active_as_often_as_somebody_used_more():
    active = signs(a_load())["active_share_hour"][-24:]
    assert active[12] == 0.0
    assert active[19] == pytest.approx(12 / 14)


def test_the_last_evening_is_known_when_it_is_over():
    load = a_load()
    evening = 24 * 20 + 18
    load[evening : evening + 4] = 3.0
    last = signs(load)["load_last_evening_kw"]
    assert last[evening + 2] == pytest.approx(1.0)
    assert last[evening + 3 : evening + 3 + 24] == pytest.approx(3.0)
    assert last[evening + 3 + 24] != pytest.approx(3.0)


def test_signs_never_tell_of_the_future():
    load, changed = a_load(), a_load()
    cut = 24 * 15 + 7
    changed[cut:] = 5.0
    for name, values in signs(load).items():
        np.testing.assert_array_equal(values[:cut], signs(changed)[name][:cut], err_msg=name)
