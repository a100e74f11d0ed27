"""Half-open UTC intervals, grids, and local time at the edges of a day."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.domain.errors import InvalidValueError
from shared.domain.time import (
    Interval,
    TimeGrid,
    as_utc,
    ceil_to,
    floor_to,
    format_duration,
    format_instant,
    from_instant64,
    instant64,
    local_clock,
    local_day,
    local_days,
    parse_duration,
    parse_instant,
    zone,
)

BERLIN, NEW_YORK, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns",
    "Europe/Amsterdam", "Africa/Monrovia", "America/Sao_Paulo", "Pacific/Apia", "Europe/Dublin", "Africa/Casablanca", "Pacific/Kiritimati",
]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
first, last = datetime(1900, 1, 2), datetime(2100, 1, 1)  # noqa: DTZ001 - hypothesis wants bounds without a zone
instants = st.datetimes(min_value=first, max_value=last, timezones=st.just(UTC))
local_moments = st.datetimes(min_value=first, max_value=last, timezones=zones)
lengths = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))
steps = st.sampled_from([timedelta(minutes=minutes) for minutes in (1, 5, 7, 15, 30, 60, 90, 1440)])


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start = draw(instants)
    return Interval(start=start, end=start + draw(lengths))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


class TestInstants:
    @given(local_moments)
    def test_the_text_of_an_instant_reads_back_as_the_same_instant(self, moment):
        assert parse_instant(format_instant(moment)) == as_utc(moment)

    @given(local_moments)
    def test_an_instant_in_utc_is_the_instant_of_the_zone_rules(self, moment):
        assert as_utc(moment).timestamp() == moment.timestamp()
        assert as_utc(moment).tzinfo is UTC

    @given(instants)
    def test_numpy_instants_come_back(self, moment):
        assert from_instant64(instant64(moment)) == moment

    def test_the_form_of_every_border(self):
        assert format_instant(datetime(2024, 6, 15, 16, 30, tzinfo=BERLIN)) == "2024-06-15T14:30:00+00:00"

    @pytest.mark.parametrize("text", ["2024-06-15T14:30:00", "2024-06-15", "2024-06-15 14:30"])
    def test_a_time_without_offset_is_refused_with_an_example(self, text):
        with pytest.raises(InvalidValueError, match=r"has no offset; write it as RFC 3339, for example 2024-06-15T14:30:00\+00:00"):
            parse_instant(text)

    @pytest.mark.parametrize("text", ["", "soon", "2024-13-01T00:00:00Z", "1718461800", "2024-06-15T25:00:00Z"])
    def test_what_is_no_time_is_refused(self, text):
        with pytest.raises(InvalidValueError, match=r"start is .* is not a time"):
            parse_instant(text, "start")

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-01:00"])
    def test_a_time_outside_the_calendar_is_refused(self, text):
        with pytest.raises(InvalidValueError, match="outside the years 1 to 9999"):
            parse_instant(text)

    @pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "Europe", "x\0y", "x" * 5000])
    def test_an_unknown_zone_is_refused(self, name):
        with pytest.raises(InvalidValueError, match="is not an IANA time zone such as Europe/Berlin"):
            zone(name)


class TestDurations:
    @given(st.integers(0, 10**9).map(lambda seconds: timedelta(seconds=seconds)))
    def test_the_text_of_a_duration_reads_back(self, length):
        assert parse_duration(format_duration(length)) == length

    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("PT15M", timedelta(minutes=15)),
            ("PT1H", timedelta(hours=1)),
            ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
            ("P2D", timedelta(days=2)),
            ("PT90M", timedelta(minutes=90)),
        ],
    )
    def test_iso_8601_is_understood(self, text, length):
        assert parse_duration(text) == length

    @pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "15", "15min", "P1M", "PT1.5H", "-PT15M", "pt15m", "P999999999999D", "PT١M"])
    def test_anything_else_is_refused(self, text):
        with pytest.raises(InvalidValueError, match=r"resolution is .* such as PT15M"):
            parse_duration(text)

    @pytest.mark.parametrize(("minutes", "text"), [(0, "PT0S"), (15, "PT15M"), (60, "PT1H"), (90, "PT1H30M"), (2880, "PT48H")])
    def test_the_shortest_form_is_written(self, minutes, text):
        assert format_duration(timedelta(minutes=minutes)) == text


class TestRounding:
    @given(moment=instants, step=steps)
    def test_floor_and_ceiling_enclose_the_moment_within_one_step(self, moment, step):
        low, high = floor_to(moment, step), ceil_to(moment, step)
        assert low <= moment <= high
        assert high - low in {timedelta(0), step}
        assert (high == low) == (low == moment)

    @given(moment=instants, step=steps)
    def test_rounded_moments_stay_where_they_are(self, moment, step):
        low = floor_to(moment, step)
        assert floor_to(low, step) == low == ceil_to(low, step)

    @given(moment=local_moments, step=steps)
    def test_the_zone_of_the_moment_does_not_change_its_floor(self, moment, step):
        assert floor_to(moment, step) == floor_to(as_utc(moment), step)
        assert ceil_to(moment, step) == ceil_to(as_utc(moment), step)

    def test_the_second_pass_of_the_repeated_hour_stays_the_second(self):
        second = datetime(2024, 10, 27, 2, 40, tzinfo=BERLIN, fold=1)
        assert floor_to(second, timedelta(hours=1)) == utc(2024, 10, 27, 1)


class TestAnInterval:
    @given(interval=intervals(), moment=instants)
    def test_holds_its_start_and_not_its_end(self, interval, moment):
        assert interval.contains(interval.start) == (interval.duration > timedelta(0))
        assert not interval.contains(interval.end)
        assert interval.contains(moment) == (interval.start <= moment < interval.end)

    @given(one=intervals(), other=intervals())
    def test_meets_another_in_what_both_hold(self, one, other):
        common = one.intersection(other)
        assert common == other.intersection(one)
        edges = [one.start, one.end, other.start, other.end]
        for moment in [*edges, *(edge - timedelta(microseconds=1) for edge in edges)]:
            assert (common is not None and common.contains(moment)) == (one.contains(moment) and other.contains(moment))

    @given(intervals())
    def test_meets_itself_in_itself_and_its_neighbour_nowhere(self, interval):
        assume(interval.duration)
        assert interval.intersection(interval) == interval
        assert interval.intersection(Interval(start=interval.end, end=interval.end + timedelta(hours=1))) is None

    @given(interval=intervals(), longest=st.timedeltas(min_value=timedelta(hours=6), max_value=timedelta(days=40)))
    def test_is_its_pieces_in_order_without_gap_or_overlap(self, interval, longest):
        pieces = list(interval.pieces(longest))
        assert sum((piece.duration for piece in pieces), timedelta(0)) == interval.duration
        assert [piece.start for piece in pieces] == [interval.start, *(piece.end for piece in pieces[:-1])][: len(pieces)]
        assert all(timedelta(0) < piece.duration <= longest for piece in pieces)
        assert not pieces or pieces[-1].end == interval.end

    @given(moment=local_moments)
    def test_is_in_utc_whatever_zone_it_was_given_in(self, moment):
        interval = Interval(start=moment, end=moment)
        assert (interval.start, interval.start.tzinfo) == (as_utc(moment), UTC)

    def test_cannot_end_before_it_starts(self):
        with pytest.raises(InvalidValueError, match=r"end is .* must not be before start"):
            Interval(start=utc(2024, 1, 2), end=utc(2024, 1, 1))

    @pytest.mark.parametrize("name", ["start", "end"])
    def test_refuses_moments_without_offset(self, name):
        edges = {"start": utc(2024, 1, 1), "end": utc(2024, 1, 1)} | {name: datetime(2024, 1, 1)}  # noqa: DTZ001
        with pytest.raises(InvalidValueError, match=rf"{name} is .* has no offset"):
            Interval(**edges)

    def test_cannot_be_asked_for_a_moment_without_offset(self):
        with pytest.raises(InvalidValueError, match="has no offset"):
            Interval(start=utc(2024, 1, 1), end=utc(2024, 1, 2)).contains(datetime(2024, 1, 1, 12))  # noqa: DTZ001

    @pytest.mark.parametrize("longest", [timedelta(0), timedelta(hours=-1)])
    def test_cannot_be_cut_into_pieces_of_no_length(self, longest):
        with pytest.raises(InvalidValueError, match="longer than zero"):
            next(Interval(start=utc(2024, 1, 1), end=utc(2024, 1, 2)).pieces(longest))


class TestATimeGrid:
    @given(interval=intervals(), step=st.sampled_from([timedelta(minutes=minutes) for minutes in (15, 60, 420)]))
    def test_over_an_interval_holds_each_whole_step_that_begins_in_it(self, interval, step):
        grid = TimeGrid.over(interval, step)
        assert all(interval.contains(grid[index]) for index in (0, len(grid) - 1) if len(grid))
        assert floor_to(grid.start, step) == grid.start
        assert not interval.contains(grid.end)
        assert grid.start - step < interval.start

    @given(start=local_moments, step=steps, count=st.integers(0, 50))
    def test_agrees_with_itself_however_it_is_asked(self, start, step, count):
        grid = TimeGrid(start=start, step=step, count=count)
        moments = [grid[index] for index in range(len(grid))]
        assert [from_instant64(moment) for moment in grid.starts()] == moments
        assert [grid.index_of(moment) for moment in moments] == list(range(count))
        assert [grid.index_of(moment + step - timedelta(microseconds=1)) for moment in moments] == list(range(count))
        assert grid.interval == Interval(start=grid.start, end=grid.start + count * step)
        assert grid.starts().dtype == np.dtype("datetime64[us]")

    @pytest.mark.parametrize("offset", [timedelta(microseconds=-1), timedelta(hours=1)])
    def test_has_no_index_outside(self, offset):
        grid = TimeGrid(start=utc(2024, 1, 1), step=timedelta(minutes=15), count=4)
        with pytest.raises(InvalidValueError, match="is outside 2024-01-01T00:00:00"):
            grid.index_of(grid.start + offset)

    @pytest.mark.parametrize("index", [-1, 4])
    def test_has_no_step_beyond_its_ends(self, index):
        with pytest.raises(IndexError):
            TimeGrid(start=utc(2024, 1, 1), step=timedelta(minutes=15), count=4)[index]

    @pytest.mark.parametrize(
        ("tz", "day", "steps"),
        [(BERLIN, date(2024, 3, 31), 92), (BERLIN, date(2024, 6, 15), 96), (BERLIN, date(2024, 10, 27), 100),
         (LORD_HOWE, date(2024, 10, 6), 94), (LORD_HOWE, date(2024, 4, 7), 98)],
    )  # fmt: skip
    def test_has_as_many_quarter_hours_as_the_local_day(self, tz, day, steps):
        assert len(TimeGrid.over(local_day(day, tz), timedelta(minutes=15))) == steps

    @pytest.mark.parametrize("changes", [{"step": timedelta(0)}, {"step": timedelta(minutes=-1)}, {"count": -1}])
    def test_refuses_steps_that_cannot_be(self, changes):
        with pytest.raises(InvalidValueError, match=f"{next(iter(changes))} is"):
            TimeGrid(**({"start": utc(2024, 1, 1), "step": timedelta(minutes=15), "count": 4} | changes))


class TestALocalDay:
    @pytest.mark.parametrize(
        ("tz", "day", "hours"),
        [
            (BERLIN, date(2024, 3, 31), 23), (BERLIN, date(2024, 3, 30), 24), (BERLIN, date(2024, 10, 27), 25),
            (NEW_YORK, date(2024, 3, 10), 23), (NEW_YORK, date(2024, 3, 11), 24), (NEW_YORK, date(2024, 11, 3), 25),
            (LORD_HOWE, date(2024, 10, 6), 23.5), (LORD_HOWE, date(2024, 10, 7), 24), (LORD_HOWE, date(2024, 4, 7), 24.5),
            (ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4), 23), (ZoneInfo("America/Sao_Paulo"), date(2018, 2, 17), 25),
            (ZoneInfo("Pacific/Apia"), date(2011, 12, 30), 0), (ZoneInfo("UTC"), date(2024, 3, 31), 24),
        ],
    )  # fmt: skip
    def test_is_as_long_as_its_zone_makes_it(self, tz, day, hours):
        assert local_day(day, tz).duration == timedelta(hours=hours)

    @given(day=st.dates(min_value=date(1950, 1, 1), max_value=date(2100, 1, 1)), tz=zones)
    def test_ends_where_the_next_begins(self, day, tz):
        assert local_day(day, tz).end == local_day(day + timedelta(days=1), tz).start

    @given(day=st.dates(min_value=date(2012, 1, 1), max_value=date(2100, 1, 1)), tz=zones)
    def test_begins_and_ends_inside_the_right_date(self, day, tz):
        whole = local_day(day, tz)
        assert whole.start.astimezone(tz).date() == day
        assert (whole.end - timedelta(microseconds=1)).astimezone(tz).date() == day

    @given(interval=intervals(), tz=zones)
    def test_local_days_cover_an_interval_and_each_touches_it(self, interval, tz):
        days = list(local_days(interval, tz))
        shared = [whole.intersection(interval) for _, whole in days]
        assert None not in shared
        assert sum((part.duration for part in shared), timedelta(0)) == interval.duration
        assert all(local_day(day, tz) == whole for day, whole in days)

    def test_a_date_that_a_zone_skipped_is_no_day(self):
        week = Interval(start=utc(2011, 12, 28), end=utc(2012, 1, 3))
        assert date(2011, 12, 30) not in [day for day, _ in local_days(week, ZoneInfo("Pacific/Apia"))]


class TestALocalClock:
    @given(moments=st.lists(instants, max_size=8), tz=zones)
    @example(moments=[utc(2010, 3, 14, 3, 30), utc(2010, 3, 14, 3, 32)], tz=ZoneInfo("America/St_Johns"))
    @example(moments=[utc(1972, 1, 7, 0, 44), utc(1972, 1, 7, 0, 45), utc(1972, 1, 7, 0, 59)], tz=ZoneInfo("Africa/Monrovia"))
    @example(moments=[utc(1937, 6, 30, 22, 40), utc(1937, 6, 30, 22, 45)], tz=ZoneInfo("Europe/Amsterdam"))
    def test_shows_what_the_zone_rules_say(self, moments, tz):
        clock = local_clock(np.array([instant64(moment) for moment in moments], dtype="datetime64[us]"), tz)
        local = [moment.astimezone(tz).replace(tzinfo=None) for moment in moments]
        since_midnight = [moment - datetime.combine(moment.date(), time(0)) for moment in local]
        assert clock.hour.tolist() == [passed / timedelta(microseconds=1) / 3.6e9 for passed in since_midnight]
        assert clock.weekday.tolist() == [moment.weekday() for moment in local]
        assert clock.month.tolist() == [moment.month for moment in local]
        assert clock.day_of_year.tolist() == [moment.timetuple().tm_yday for moment in local]
        assert clock.date.tolist() == [moment.date() for moment in local]

    @pytest.mark.parametrize(
        ("tz", "change"), [("Europe/Berlin", utc(2024, 3, 31, 1)), ("Europe/Berlin", utc(2024, 10, 27, 1)),
                           ("Australia/Lord_Howe", utc(2024, 4, 6, 15)), ("America/St_Johns", utc(2010, 11, 7, 2, 31))],
    )  # fmt: skip
    def test_is_right_in_every_second_around_a_change_of_the_offset(self, tz, change):
        moments = [change + timedelta(seconds=seconds) for seconds in range(-3700, 3700, 37)] + [change, change - timedelta(microseconds=1)]
        clock = local_clock(np.array([instant64(moment) for moment in moments]), ZoneInfo(tz))
        local = [moment.astimezone(ZoneInfo(tz)) for moment in moments]
        expected = [moment.hour + (moment.minute * 60 + moment.second + moment.microsecond / 1e6) / 3600 for moment in local]
        np.testing.assert_allclose(clock.hour, expected, atol=1e-9)

    @given(st.lists(instants, min_size=1, max_size=20))
    def test_takes_instants_in_any_order(self, moments):
        stamps = np.array([instant64(moment) for moment in moments])
        forwards, backwards = local_clock(stamps, BERLIN), local_clock(stamps[::-1], BERLIN)
        assert forwards.hour.tolist() == backwards.hour[::-1].tolist()

    def test_takes_coarser_units_than_microseconds(self):
        assert local_clock(np.array(["2024-06-15T10:00"], dtype="datetime64[m]"), BERLIN).hour.tolist() == [12.0]


def test_offsets_other_than_whole_minutes_are_kept():
    odd = timezone(timedelta(hours=0, minutes=19, seconds=32))
    assert parse_instant(datetime(1930, 1, 1, tzinfo=odd).isoformat()) == utc(1929, 12, 31, 23, 40, 28)
