"""Periods of use: night, working day, season, holiday, and clocks that change."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.tariff_periods import period_at
from shared.domain.reading import TIME_OF_USE_PERIODS
from shared.domain.time import instant64

BERLIN = Home(timezone="Europe/Berlin", latitude=52.5, longitude=13.4)
SYDNEY = Home(timezone="Australia/Sydney", latitude=-33.9, longitude=151.2)


def period(home: Home, *fields: int) -> str:
    moment = instant64(datetime(*fields, tzinfo=ZoneInfo(home.timezone)))  # type: ignore[arg-type, misc]
    return TIME_OF_USE_PERIODS[int(period_at(home, np.array([moment.astype(np.int64)]))[0])]


def hours_of(home: Home, day: date) -> list[str]:
    return [period(home, day.year, day.month, day.day, hour) for hour in range(24)]


NIGHT = dict.fromkeys([*range(7), 23], "off_peak")


@pytest.mark.parametrize(
    ("home", "day", "peaks"),
    [
        (BERLIN, date(2024, 7, 3), range(16, 21)),
        (BERLIN, date(2024, 1, 3), [*range(7, 10), *range(17, 21)]),
        (SYDNEY, date(2024, 1, 3), range(16, 21)),
        (SYDNEY, date(2024, 7, 3), [*range(7, 10), *range(17, 21)]),
    ],
)
def test_a_working_day_peaks_in_summer_afternoons_and_on_winter_mornings_and_evenings(home: Home, day: date, peaks: list[int]):
    expected = dict.fromkeys(range(24), "shoulder") | dict.fromkeys(peaks, "peak") | NIGHT
    assert hours_of(home, day) == [expected[hour] for hour in range(24)]


def test_weekends_and_public_holidays_have_no_peak_but_cheap_nights():
    quiet = [NIGHT.get(hour, "shoulder") for hour in range(24)]
    assert hours_of(BERLIN, date(2024, 7, 6)) == quiet  # a Saturday
    holiday = replace(BERLIN, holidays=frozenset({date(2024, 10, 3)}))
    assert hours_of(holiday, date(2024, 10, 3)) == quiet
    assert "peak" in hours_of(holiday, date(2024, 10, 2))
    assert "peak" in hours_of(BERLIN, date(2024, 10, 3))


def test_the_season_changes_with_the_local_month():
    assert period(BERLIN, 2024, 4, 30, 8) == "peak"
    assert period(BERLIN, 2024, 5, 2, 8) == "shoulder"
    assert period(BERLIN, 2024, 10, 31, 8) == "shoulder"
    assert period(BERLIN, 2024, 11, 1, 8) == "peak"


@pytest.mark.parametrize(("utc_hour", "expected"), [((2024, 3, 29, 6), "peak"), ((2024, 4, 1, 5), "peak"), ((2024, 3, 29, 5), "off_peak")])
def test_the_wall_clock_decides_also_after_it_changed(utc_hour: tuple[int, int, int, int], expected: str):
    instant = instant64(datetime(*utc_hour, tzinfo=UTC)).astype(np.int64)
    assert TIME_OF_USE_PERIODS[int(period_at(BERLIN, np.array([instant]))[0])] == expected


def test_a_zone_a_quarter_hour_off_changes_its_period_within_the_hour_of_utc():
    kathmandu = Home(timezone="Asia/Kathmandu", latitude=27.7, longitude=85.3)
    assert period(kathmandu, 2024, 7, 3, 15, 59) == "shoulder"
    assert period(kathmandu, 2024, 7, 3, 16, 0) == "peak"
