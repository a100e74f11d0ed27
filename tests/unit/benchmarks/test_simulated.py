"""Simulated homes over the hours of a real one."""

from datetime import timedelta

import numpy as np
import pytest

from likeness.homes import FONTANA, LONDON, HourlyHome
from likeness.simulated import home_at, live
from services.gateway_sim.plant.home import simulate
from shared.domain.time import TimeGrid, parse_instant

HOURS = 48


def over(place) -> HourlyHome:
    return HourlyHome(
        name="real", place=place, start=np.datetime64("2016-08-01T07:00", "us"), load_kw=np.ones(HOURS), solar_kw=None
    )  # fmt: skip


def test_hours_are_means_of_the_readings_of_the_same_hours():
    home = home_at(FONTANA, 0)
    lived = live(home, over(FONTANA))
    grid = TimeGrid(start=parse_instant("2016-08-01T07:00:00+00:00"), step=timedelta(minutes=5), count=HOURS * 12)
    values = simulate(home, grid).arrays.values
    assert lived.home.load_kw[5] == pytest.approx(values["total_load_kw"][60:72].mean())
    assert lived.home.solar_kw[13] == pytest.approx(values["solar_generation_kw"][156:168].mean())
    assert lived.price.price_per_kwh[0] == pytest.approx(values["price_per_kwh"][:12].mean())
    assert len(lived.home.load_kw) == HOURS


def test_homes_of_a_place_differ():
    first, second = (live(home_at(FONTANA, number), over(FONTANA)).home for number in (0, 1))
    assert not np.allclose(first.load_kw, second.load_kw)
    assert not np.allclose(first.solar_kw, second.solar_kw)


def test_a_home_without_an_array_has_no_generation():
    assert live(home_at(LONDON, 0), over(LONDON)).home.solar_kw is None
