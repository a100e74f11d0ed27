"""Faults on demand: every difference has one label, every label is a difference, and pieces are the whole."""

from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.columns import ReadingArrays
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.fault_injection import MOST_SKEW_SECONDS, Damaged, FaultInjector
from services.gateway_sim.plant.fault_labels import LABEL_COLUMNS
from services.gateway_sim.plant.faults import Faults, Kind, events_of
from shared.domain.errors import InvalidValueError
from shared.domain.reading import VALUE_COLUMNS

STEP_US = 300_000_000
BEGIN_US = int(np.datetime64("2024-03-30", "us").astype(np.int64))
RATES = [field.name for field in fields(Faults) if field.name.endswith("_per_day")]
EVERYTHING = Faults(**dict.fromkeys(RATES, 6.0))
each_rate = pytest.mark.parametrize("rate", RATES)

some_faults = st.builds(
    lambda rates, minutes: Faults(**dict(zip(RATES, rates, strict=True)), gap_minutes=minutes, late_minutes=minutes, stuck_minutes=minutes),
    st.lists(st.sampled_from([0.0, 0.7, 6.0, 60.0]), min_size=len(RATES), max_size=len(RATES)),
    st.floats(0.5, 200.0),
)


def readings(count: int = 576, *, first: int = 0, home: Home | None = None) -> ReadingArrays:
    """Readings that never repeat a value, apart from nights without sun and values that stand still."""
    home = home or Home()
    number = np.arange(first, first + count)
    values = {name: np.round(20.0 + column + 9.0 * np.sin(number * (0.11 + 0.01 * column)), 4) for column, name in enumerate(VALUE_COLUMNS)}
    values["solar_generation_kw"] = np.maximum(values["solar_generation_kw"] - 20.0, 0.0)
    values["battery_capacity_kwh"] = np.full(count, 13.5)
    if home.battery is None:
        values |= {name: np.full(count, np.nan) for name in VALUE_COLUMNS if name.startswith("battery_")}
    stamps = (BEGIN_US + number * STEP_US).astype("datetime64[us]")
    return ReadingArrays(site_id=home.site_id, device_id=home.device_id, timestamp=stamps, values=values, period=number % 3)


def damaged(arrays: ReadingArrays, faults: Faults, home: Home | None = None) -> Damaged:
    return FaultInjector(home or Home(), faults, step_us=STEP_US).damage(arrays, last=True)


def rows_of(arrays: ReadingArrays) -> list[tuple[object, ...]]:
    """Each reading as a stamp in microseconds, its values (None: missing) and its period, in the order of delivery."""
    columns = [arrays.values[name].tolist() for name in VALUE_COLUMNS]
    table = zip(arrays.timestamp.astype(np.int64).tolist(), *columns, arrays.period.tolist(), strict=True)
    return [tuple(None if isinstance(value, float) and isnan(value) else value for value in row) for row in table]


def relabelled(clean: ReadingArrays, labels: pd.DataFrame) -> list[tuple[object, ...]]:
    """The clean readings with every label carried out, in no order."""
    rows = {row[0]: list(row) for row in rows_of(clean)}
    position = {name: index for index, name in enumerate(("timestamp", *VALUE_COLUMNS))}
    table = labels.assign(
        at=labels["timestamp"].astype("int64"), to=labels["delivered_timestamp"].astype("int64"), other=labels["delivered_value"]
    )
    table["other"] = table["other"].astype(object).where(table["other"].notna(), None)
    for label in table[(table["kind"] != "duplicate") & ~table["kind"].isin(["gap", "late"])].itertuples():
        rows[label.at][position[label.field]] = label.to if label.field == "timestamp" else label.other
    again = table[(table["kind"] == "duplicate") & (table["field"] == "row")]
    copies = [list(rows[label.at]) for label in again.itertuples()]
    for label in table[(table["kind"] == "duplicate") & (table["field"] != "row")].itertuples():
        twins = [copy for copy in copies if copy[0] == rows[label.at][0] and copy == rows[label.at]]
        twins[0][position[label.field]] = label.other
    for label in table[table["kind"] == "gap"].itertuples():
        del rows[label.at]
    return [tuple(row) for row in [*rows.values(), *copies]]


@given(faults=some_faults, seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_every_difference_has_exactly_one_label_and_every_label_is_a_difference(faults: Faults, seed: int):
    home = Home(seed=seed)
    clean = readings(400)
    done = damaged(clean, faults, home)
    labels = done.labels.frame()
    # carried out, the labels give what was delivered: no difference is unlabelled
    assert Counter(relabelled(clean, labels)) == Counter(rows_of(done.arrays))
    # and each of them changes something
    once = labels[labels["kind"] != "duplicate"]
    assert not once.duplicated(["timestamp", "field"]).any()
    values = labels[labels["field"].isin(VALUE_COLUMNS)]
    truth = {name: dict(zip(clean.timestamp.tolist(), clean.values[name].tolist(), strict=True)) for name in VALUE_COLUMNS}
    for label in values.itertuples():
        assert label.true_value == truth[label.field][label.timestamp.tz_localize(None).to_pydatetime()]
        assert label.delivered_value != label.true_value
    moved = labels[labels["field"] == "timestamp"]
    assert (moved["timestamp"] != moved["delivered_timestamp"]).all()


@given(faults=some_faults, cuts=st.lists(st.integers(0, 300), max_size=5))
@settings(max_examples=30, deadline=None)
def test_pieces_give_what_the_whole_gives_at_once(faults: Faults, cuts: list[int]):
    whole = damaged(readings(300), faults)
    injector = FaultInjector(Home(), faults, step_us=STEP_US)
    edges = [0, *sorted(cuts), 300]
    parts = [
        injector.damage(readings(end - begin, first=begin), last=end == 300 and place == len(edges) - 2)
        for place, (begin, end) in enumerate(pairwise(edges))
    ]
    assert [row for part in parts for row in rows_of(part.arrays)] == rows_of(whole.arrays)
    together = pd.concat([part.labels.frame() for part in parts])
    expected = whole.labels.frame()
    order = ["timestamp", "field", "kind", "delivered_value"]
    pd.testing.assert_frame_equal(
        together.sort_values(order, kind="stable").reset_index(drop=True), expected.sort_values(order, kind="stable").reset_index(drop=True)
    )


@each_rate
@given(begin=st.integers(0, 250), count=st.integers(1, 250))
@settings(max_examples=8, deadline=None)
def test_a_part_of_a_range_meets_the_faults_of_the_whole(rate: str, begin: int, count: int):
    faults = Faults(**{rate: 6.0})
    whole, part = damaged(readings(500), faults).labels.frame(), damaged(readings(count, first=begin), faults).labels.frame()
    stamps = readings(count, first=begin).timestamp
    inside = whole[(whole["timestamp"] >= pd.Timestamp(stamps[0], tz="UTC")) & (whole["timestamp"] <= pd.Timestamp(stamps[-1], tz="UTC"))]
    if rate == "stuck_per_day":  # what stuck before the part began sticks at another value there
        runs = whole.groupby(["field", "delivered_value"])["timestamp"].agg(["min", "max"]).reset_index()
        early = runs[(runs["min"] <= pd.Timestamp(stamps[0], tz="UTC")) & (runs["max"] >= inside["timestamp"].min())]
        part, inside = (labels[~labels["field"].isin(early["field"])].reset_index(drop=True) for labels in (part, inside))
    if rate == "late_per_day":  # nothing follows the last rows of the part
        assert set(part["timestamp"]) <= set(inside["timestamp"])
        return
    pd.testing.assert_frame_equal(part, inside.reset_index(drop=True))


def test_without_faults_nothing_changes_and_nothing_is_labelled():
    clean = readings()
    done = damaged(clean, Faults())
    assert rows_of(done.arrays) == rows_of(clean)
    assert len(done.labels) == 0
    assert tuple(done.labels.frame().columns) == LABEL_COLUMNS
    assert not Faults().any
    assert EVERYTHING.any


@each_rate
def test_each_kind_comes_alone_when_asked_for_alone(rate: str):
    done = damaged(readings(), Faults(**{rate: 8.0}))
    kinds = done.labels.frame()["kind"].unique().tolist()
    assert len(kinds) == 1
    assert rows_of(done.arrays) != rows_of(readings())


@each_rate
def test_a_kind_begins_as_often_as_asked_for(rate: str):
    kind = list(Kind)[RATES.index(rate)]
    days, stamps = 400, readings(400 * 288).timestamp.astype(np.int64)
    for per_day in (0.5, 5.0, 50.0):
        begun = [
            event
            for event in events_of(Home(), Faults(**{rate: per_day}), kind, stamps, step_us=STEP_US)
            if event.start_us >= int(stamps[0])
        ]
        assert abs(len(begun) - per_day * days) < 4.0 * np.sqrt(per_day * days)


def test_homes_have_their_own_faults_and_one_home_always_the_same():
    one, again = damaged(readings(), EVERYTHING), damaged(readings(), EVERYTHING)
    assert rows_of(one.arrays) == rows_of(again.arrays)
    other = replace(Home(), site_id="other")
    assert rows_of(damaged(readings(home=other), EVERYTHING, other).arrays) != rows_of(one.arrays)


def test_a_late_reading_comes_after_a_later_one_and_tells_how_late():
    done = damaged(readings(), Faults(late_per_day=6.0))
    late = done.labels.frame()
    delivered = done.arrays.timestamp
    assert sorted(delivered.tolist()) == readings().timestamp.tolist()
    assert len(late) == (delivered < np.maximum.accumulate(delivered)).sum() > 0
    assert (late["delivered_value"] >= STEP_US / 1e6).all()


def test_a_stuck_value_repeats_the_last_true_one():
    labels = damaged(readings(), Faults(stuck_per_day=3.0)).labels.frame()
    for _, run in labels.groupby(["field", "delivered_value"]):
        first = run["timestamp"].min() - pd.Timedelta(STEP_US, "us")
        clean = readings()
        at = clean.timestamp.tolist().index(first.tz_localize(None).to_pydatetime())
        assert clean.values[run["field"].iloc[0]][at] == run["delivered_value"].iloc[0]


def test_unit_slips_are_factors_of_a_unit_or_a_wrong_sign():
    labels = damaged(readings(5000), Faults(unit_slips_per_day=6.0)).labels.frame()
    factors = (labels["delivered_value"] / labels["true_value"]).round(2)
    assert set(factors) == {1000.0, -1.0, 0.01, 100.0}
    assert set(labels["field"][factors == -1.0]) == {"battery_power_kw", "net_grid_flow_kw"}


def test_a_spike_is_one_value_of_one_reading_and_far_from_the_truth():
    labels = damaged(readings(5000), Faults(spikes_per_day=6.0)).labels.frame()
    off = (labels["delivered_value"] - labels["true_value"]).abs()
    assert (off >= 3.0 * labels["true_value"].abs() - 1e-3).all()
    assert (off > 5.0).all()


def test_a_clock_is_ahead_or_behind_by_seconds_to_hours_steadily_or_drifting():
    labels = damaged(readings(20_000), Faults(clock_skews_per_day=2.0)).labels.frame()
    ahead = (labels["delivered_timestamp"] - labels["timestamp"]).dt.total_seconds()
    assert ahead.min() < -600.0 < 600.0 < ahead.max()
    assert ahead.abs().max() <= MOST_SKEW_SECONDS
    assert (ahead.abs() < 60.0).any()
    assert 0.1 < (ahead.diff() != 0.0).mean() < 0.9


def test_second_deliveries_come_under_the_same_key_as_they_were_or_slightly_different():
    clean = readings(3000)
    done = damaged(clean, Faults(duplicates_per_day=24.0))
    labels = done.labels.frame()
    again = labels[labels["field"] == "row"]
    assert len(done.arrays) == len(clean) + len(again)
    assert set(again["timestamp"]) == set(again["delivered_timestamp"])
    other = labels[labels["field"] != "row"]
    assert 0.2 < len(other) / len(again) < 0.8
    assert ((other["delivered_value"] / other["true_value"] - 1.0).abs() < 0.011).all()


def test_a_home_without_a_battery_is_never_told_of_one():
    home = Home(battery=None)
    labels = damaged(readings(home=home), replace(EVERYTHING, late_per_day=0.0), home).labels.frame()
    assert len(labels) > 0
    assert not labels["field"].str.startswith("battery_").any()


@pytest.mark.parametrize("wrong", [{"gaps_per_day": -1.0}, {"spikes_per_day": 1e9}, {"gap_minutes": 0.0}, {"late_minutes": float("nan")}])
def test_impossible_faults_are_refused_by_name(wrong: dict[str, float]):
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        Faults(**wrong)
