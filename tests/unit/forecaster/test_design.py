import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.baselines import baseline_names, point
from services.forecaster.model.design import design
from shared.domain.forecast import Target
from tests.unit.forecaster.tables import a_series, a_table

TABLE = a_table()
MEASURED = ["load_kw", "solar_kw", "price_per_kwh", "quality"]


@settings(max_examples=30, deadline=None)
@given(target=st.sampled_from(Target), issue=st.integers(1, 40 * 24), value=st.sampled_from([np.nan, -1e6, 0.0, 1e6]))
def test_altering_everything_that_was_not_known_changes_nothing(target, issue, value):
    series = a_series(target, table=TABLE)
    known = int(series.known_at(np.array([issue]))[0])
    altered = TABLE.copy()
    altered.loc[known:, MEASURED] = value
    other = a_series(target, table=altered)
    step = np.arange(known, min(issue + 48, series.count))
    before = design(series, known=np.full(len(step), known), step=step)
    after = design(other, known=np.full(len(step), known), step=step)
    np.testing.assert_array_equal(before.matrix, after.matrix)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_row_is_the_same_in_whatever_company(data):
    series = a_series(Target.SOLAR, table=TABLE)
    known = np.array(data.draw(st.lists(st.integers(1, 900), min_size=2, max_size=20)))
    step = known + np.array([data.draw(st.integers(0, 47)) for _ in known])
    together = design(series, known=known, step=step)
    alone = design(series, known=known[:1], step=step[:1])
    np.testing.assert_array_equal(together.matrix[:1], alone.matrix)


def test_lags_stand_at_the_same_time_of_day_on_the_newest_known_days():
    series = a_series()
    known, step = np.array([500, 500]), np.array([510, 530])
    rows = design(series, known=known, step=step)
    assert rows.column("day_1") == pytest.approx(series.values[[510 - 24, 530 - 48]])
    assert rows.column("day_2") == pytest.approx(series.values[[510 - 48, 530 - 72]])
    assert rows.column("last_week") == pytest.approx(series.values[step - 168])
    assert rows.column("lead_hours").tolist() == [10.0, 30.0]
    days = [series.values[510 - 24 * k] for k in range(1, 8)]
    assert rows.column("mean_7d")[0] == pytest.approx(np.mean(days))
    assert rows.column("median_7d")[0] == pytest.approx(np.median(days))


def test_unusual_level_is_the_difference_to_the_same_hours_of_the_last_week():
    table = TABLE.copy()
    table["load_kw"] = 1.0
    table.loc[499, "load_kw"] = 4.0
    rows = design(a_series(table=table), known=np.array([500]), step=np.array([501]))
    assert rows.column("unusual_1h")[0] == pytest.approx(3.0)
    assert rows.column("unusual_3h")[0] == pytest.approx(1.0)


def test_a_missing_day_leaves_the_mean_of_the_others():
    table = TABLE.copy()
    table.loc[500 - 24, "load_kw"] = np.nan
    rows = design(a_series(table=table), known=np.array([490]), step=np.array([500]))
    assert np.isnan(rows.column("day_1")[0])
    assert rows.column("mean_7d")[0] == pytest.approx(np.mean([table["load_kw"][500 - 24 * k] for k in range(2, 8)]))


def test_habits_follow_local_time_and_the_sun_does_not():
    table = a_table(start=a_table()["timestamp"].iloc[0].to_pydatetime().replace(month=3, day=20), days=14)
    change = (31 - 20) * 24 + 1
    step, known = np.array([change + 12]), np.array([change + 6])
    load, solar = a_series(table=table), a_series(Target.SOLAR, table=table)
    assert design(load, known=known, step=step).column("day_1")[0] == load.values[step[0] - 23]
    assert design(solar, known=known, step=step).column("day_1")[0] == solar.values[step[0] - 24]


@pytest.mark.parametrize("target", list(Target))
def test_every_baseline_gives_a_number_even_at_the_very_beginning(target):
    series = a_series(target)
    rows = design(series, known=np.array([0, 1, 30]), step=np.array([0, 40, 50]))
    for name in baseline_names(target):
        assert np.isfinite(point(rows, name)).all()
