"""Prices in local time: periods, seasons, weekdays, holidays, days of 23 and 25 hours, and dynamic series."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidValueError
from shared.domain.tariff import (
    DemandCharge,
    DynamicPrice,
    FlatPrice,
    Tariff,
    TimeOfUsePrice,
    TouPeriod,
    evaluate,
    hold_series,
)
from shared.domain.time import Interval, TimeGrid, from_instant64, instant64, local_day
from tests.factories import a_tariff

NAN = float("nan")
BERLIN = ZoneInfo("Europe/Berlin")
QUARTER = timedelta(minutes=15)
clock_times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 20, 30, 50]), st.sampled_from([0, 30]))
periods = st.builds(
    TouPeriod,
    name=st.just("p"),
    price_per_kwh=st.integers(1, 9).map(float),
    start=clock_times,
    end=clock_times,
    months=st.frozensets(st.integers(1, 12), max_size=4),
    weekdays=st.frozensets(st.integers(0, 6), max_size=3),
    holidays=st.none() | st.booleans(),
)
days = st.dates(min_value=date(2023, 1, 1), max_value=date(2025, 12, 31))


def no_series(series_id: str) -> np.ndarray:
    raise AssertionError(f"{series_id} was asked for")


def prices(rule, grid: TimeGrid, *, timezone: str = "Europe/Berlin", holidays=frozenset()) -> list[float]:
    return evaluate(rule, grid, timezone=timezone, series=no_series, holidays=holidays).tolist()


def on_day(day: date, *, tz: ZoneInfo = BERLIN, step: timedelta = QUARTER) -> TimeGrid:
    return TimeGrid.over(local_day(day, tz), step)


def at_wall_clock(rule: TimeOfUsePrice, moment: datetime, holidays: frozenset[date]) -> float:
    """The price at a local moment, written as a person reads the tariff sheet."""
    for period in rule.periods:
        now = moment.time()
        if period.start < period.end:
            if not period.start <= now < period.end:
                continue
        elif not (now >= period.start or now < period.end):
            continue
        if period.months and moment.month not in period.months:
            continue
        if period.weekdays and moment.weekday() not in period.weekdays:
            continue
        if period.holidays is not None and (moment.date() in holidays) != period.holidays:
            continue
        return period.price_per_kwh
    return rule.default_price_per_kwh


class TestATimeOfUsePrice:
    @given(
        rule=st.builds(TimeOfUsePrice, periods=st.lists(periods, max_size=4).map(tuple), default_price_per_kwh=st.just(0.5)),
        day=days,
        timezone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
        holiday=st.booleans(),
    )
    def test_is_what_a_person_reads_from_the_tariff_sheet(self, rule, day, timezone, holiday):
        tz, holidays = ZoneInfo(timezone), frozenset({day} if holiday else ())
        grid = on_day(day, tz=tz, step=timedelta(minutes=5))
        expected = [
            at_wall_clock(rule, moment.astimezone(tz).replace(tzinfo=None), holidays) for moment in map(grid.__getitem__, range(len(grid)))
        ]
        assert prices(rule, grid, timezone=timezone, holidays=holidays) == expected

    @given(minute=st.integers(0, 1439))
    def test_begins_and_ends_in_the_minute_that_it_names(self, minute):
        start = time(minute // 60, minute % 60)
        end = time((minute + 1) % 1440 // 60, (minute + 1) % 60)
        rule = TimeOfUsePrice(periods=(TouPeriod(name="p", price_per_kwh=1.0, start=start, end=end),), default_price_per_kwh=0.0)
        found = prices(rule, TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC), step=timedelta(minutes=1), count=1440), timezone="UTC")
        assert np.flatnonzero(found).tolist() == [minute]

    def test_of_the_first_period_that_applies_wins(self):
        one, other = (TouPeriod(name=str(price), price_per_kwh=price) for price in (1.0, 2.0))
        grid = on_day(date(2024, 6, 15))
        assert set(prices(TimeOfUsePrice(periods=(one, other), default_price_per_kwh=0.0), grid)) == {1.0}
        assert set(prices(TimeOfUsePrice(periods=(other, one), default_price_per_kwh=0.0), grid)) == {2.0}

    def test_without_periods_is_its_default(self):
        assert prices(TimeOfUsePrice(periods=(), default_price_per_kwh=0.3), on_day(date(2024, 6, 15))) == [0.3] * 96

    @pytest.mark.parametrize(("day", "night_steps"), [(date(2024, 3, 31), 28), (date(2024, 6, 15), 32), (date(2024, 10, 27), 36)])
    def test_wraps_past_midnight_and_follows_the_wall_clock_when_it_changes(self, day, night_steps):
        night = TouPeriod(name="night", price_per_kwh=0.1, start=time(22), end=time(6))
        found = prices(TimeOfUsePrice(periods=(night,), default_price_per_kwh=0.3), on_day(day))
        assert found.count(0.1) == night_steps
        assert found[:-8].index(0.3) == night_steps - 8
        assert found[-8:] == [0.1] * 8

    def test_of_a_friday_night_is_over_at_midnight(self):
        friday = TouPeriod(name="friday", price_per_kwh=0.1, start=time(22), end=time(6), weekdays=frozenset({4}))
        grid = TimeGrid(start=datetime(2024, 6, 14, 20, tzinfo=BERLIN), step=timedelta(hours=1), count=12)
        assert prices(TimeOfUsePrice(periods=(friday,), default_price_per_kwh=0.3), grid) == [0.3] * 2 + [0.1] * 2 + [0.3] * 8

    def test_of_equal_start_and_end_lasts_the_whole_day(self):
        whole = TouPeriod(name="whole", price_per_kwh=0.1, start=time(7), end=time(7))
        assert prices(TimeOfUsePrice(periods=(whole,), default_price_per_kwh=0.3), on_day(date(2024, 10, 27))) == [0.1] * 100

    def test_knows_holidays_by_their_local_date(self):
        feast = TouPeriod(name="feast", price_per_kwh=0.1, holidays=True)
        found = prices(
            TimeOfUsePrice(periods=(feast,), default_price_per_kwh=0.3),
            TimeGrid(start=datetime(2024, 12, 24, 22, tzinfo=UTC), step=timedelta(hours=1), count=26),
            holidays=frozenset({date(2024, 12, 25)}),
        )
        assert found == [0.3] + [0.1] * 24 + [0.3]

    def test_of_no_steps_is_no_price(self):
        assert prices(a_tariff().import_price, TimeGrid(start=datetime(2024, 6, 15, tzinfo=UTC), step=QUARTER, count=0)) == []


class TestADynamicPrice:
    @given(
        series=st.lists(st.floats(-1, 1) | st.just(NAN), max_size=10).map(np.array),
        factor=st.floats(0, 2),
        surcharge=st.floats(-0.5, 0.5),
        bounds=st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted),
    )
    def test_stays_between_floor_and_ceiling_and_keeps_gaps(self, series, factor, surcharge, bounds):
        rule = DynamicPrice(
            series_id="spot", factor=factor, surcharge_per_kwh=surcharge, floor_per_kwh=bounds[0], ceiling_per_kwh=bounds[1]
        )
        paid = rule.from_series(series.astype(np.float64))
        assert np.isnan(paid).tolist() == np.isnan(series.astype(np.float64)).tolist()
        for value, price in zip(series, paid, strict=True):
            if not np.isnan(value):
                assert price == min(max(factor * value + surcharge, bounds[0]), bounds[1])

    def test_is_taken_from_its_series_on_the_grid(self):
        tariff = a_tariff(import_price=DynamicPrice(series_id="spot", factor=1.2, surcharge_per_kwh=0.1))
        grid = TimeGrid(start=datetime(2024, 6, 15, tzinfo=UTC), step=QUARTER, count=2)
        asked = {"spot": np.array([-0.05, NAN])}
        np.testing.assert_allclose(tariff.import_prices(grid, series=asked.__getitem__), [0.04, NAN])

    def test_may_be_negative_without_a_floor(self):
        assert DynamicPrice(series_id="spot").from_series(np.array([-0.2])).tolist() == [-0.2]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"factor": NAN}, "factor"), ({"surcharge_per_kwh": float("inf")}, "surcharge_per_kwh"),
            ({"floor_per_kwh": NAN}, "floor_per_kwh"),
            ({"ceiling_per_kwh": NAN}, "ceiling_per_kwh"), ({"floor_per_kwh": 0.5, "ceiling_per_kwh": 0.1}, "floor_per_kwh"),
            ({"series_id": ""}, "series_id"),
        ],
    )  # fmt: skip
    def test_refuses(self, changes, name):
        with pytest.raises(InvalidValueError) as problem:
            DynamicPrice(**({"series_id": "spot"} | changes))
        assert problem.value.name == name


class TestATariff:
    def test_asks_for_no_series_that_it_does_not_need(self):
        grid = on_day(date(2024, 6, 15))
        assert a_tariff().series_ids == ()
        assert a_tariff().import_prices(grid, series=no_series).shape == a_tariff().export_prices(grid, series=no_series).shape == (96,)

    def test_names_each_series_once_import_first(self):
        spot, feed_in = DynamicPrice(series_id="spot"), DynamicPrice(series_id="feed-in")
        assert a_tariff(import_price=spot, export_price=feed_in).series_ids == ("spot", "feed-in")
        assert a_tariff(import_price=spot, export_price=spot).series_ids == ("spot",)

    def test_has_its_evening_peak_in_local_time(self):
        summer = a_tariff().import_prices(
            TimeGrid(start=datetime(2024, 6, 15, 14, tzinfo=UTC), step=timedelta(hours=1), count=6), series=no_series
        )
        winter = a_tariff().import_prices(
            TimeGrid(start=datetime(2024, 1, 15, 14, tzinfo=UTC), step=timedelta(hours=1), count=7), series=no_series
        )
        assert summer.tolist() == [0.2, 0.4, 0.4, 0.4, 0.4, 0.2]
        assert winter.tolist() == [0.2, 0.2, 0.4, 0.4, 0.4, 0.4, 0.2]

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda: a_tariff(timezone="Europe/Atlantis"), "timezone"),
            (lambda: a_tariff(currency="euro"), "currency"),
            (lambda: a_tariff(currency="eur"), "currency"),
            (lambda: a_tariff(currency="E€R"), "currency"),
            (lambda: a_tariff(currency="E1R"), "currency"),
            (lambda: FlatPrice(price_per_kwh=NAN), "price_per_kwh"),
            (lambda: TouPeriod(name="p", price_per_kwh=float("inf")), "price_per_kwh"),
            (lambda: TouPeriod(name="p", price_per_kwh=1.0, months=frozenset({0})), "months"),
            (lambda: TouPeriod(name="p", price_per_kwh=1.0, weekdays=frozenset({7})), "weekdays"),
            (lambda: TouPeriod(name="p", price_per_kwh=1.0, start=time(7, tzinfo=UTC)), "start"),
            (lambda: TimeOfUsePrice(periods=(), default_price_per_kwh=NAN), "default_price_per_kwh"),
            (lambda: DemandCharge(price_per_kw=-1.0), "demand charge price_per_kw"),
            (lambda: DemandCharge(price_per_kw=1.0, averaging=timedelta(0)), "demand charge averaging"),
        ],
    )
    def test_refuses(self, make, name):
        with pytest.raises(InvalidValueError) as problem:
            make()
        assert problem.value.name == name

    def test_is_one_value_that_can_be_compared(self):
        assert a_tariff() == a_tariff()
        assert isinstance(a_tariff(demand_charge=DemandCharge(price_per_kw=10.0)), Tariff)


def held_by_hand(stamps: list[datetime], values: list[float], grid: TimeGrid, longest: timedelta) -> list[float]:
    """The same as `hold_series`, one step after the other."""
    result = []
    for index in range(len(grid)):
        step = Interval(start=grid[index], end=grid[index] + grid.step)
        inside = [value for stamp, value in zip(stamps, values, strict=True) if step.contains(stamp) and np.isfinite(value)]
        before = [(stamp, value) for stamp, value in zip(stamps, values, strict=True) if stamp <= step.start]
        if len(inside) > 1:
            result.append(sum(inside) / len(inside))
        elif before and step.start - before[-1][0] < longest:
            result.append(before[-1][1])
        else:
            result.append(NAN)
    return result


class TestHoldingASeries:
    @given(
        offsets=st.lists(st.integers(-20, 60), unique=True, max_size=20).map(sorted),
        step=st.sampled_from([5, 15, 30, 60]),
        count=st.integers(0, 12),
        longest=st.sampled_from([15, 60, 90]),
        data=st.data(),
    )
    def test_gives_each_step_the_value_in_force_or_the_mean_of_those_inside(self, offsets, step, count, longest, data):
        start = datetime(2024, 3, 31, tzinfo=UTC)
        stamps = [start + timedelta(minutes=10 * offset) for offset in offsets]
        values = data.draw(st.lists(st.floats(-1, 1) | st.just(NAN), min_size=len(stamps), max_size=len(stamps)))
        grid = TimeGrid(start=start, step=timedelta(minutes=step), count=count)
        got = hold_series(
            np.array([instant64(stamp) for stamp in stamps], dtype="datetime64[us]"), np.array(values, dtype=np.float64), grid,
            longest=timedelta(minutes=longest),
        )  # fmt: skip
        np.testing.assert_allclose(got, held_by_hand(stamps, values, grid, timedelta(minutes=longest)), atol=1e-12)

    def test_holds_an_hourly_price_over_its_four_quarters_and_no_longer(self):
        grid = TimeGrid(start=datetime(2024, 6, 15, tzinfo=UTC), step=QUARTER, count=6)
        held = hold_series(grid.starts()[:1], np.array([0.3]), grid)
        np.testing.assert_array_equal(held, [0.3] * 4 + [NAN] * 2)

    def test_takes_the_mean_of_half_hourly_prices_over_an_hour(self):
        grid = TimeGrid(start=datetime(2024, 6, 15, tzinfo=UTC), step=timedelta(hours=1), count=1)
        stamps = np.array([instant64(from_instant64(grid.starts()[0]) + timedelta(minutes=minutes)) for minutes in (0, 30)])
        assert hold_series(stamps, np.array([0.2, 0.4]), grid).tolist() == pytest.approx([0.3])
