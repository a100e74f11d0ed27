import numpy as np
import pytest

from services.forecaster.model.hindcast import hindcast, refits
from services.forecaster.model.pooled_kind import PooledKind
from services.forecaster.model.promotion import OWN
from services.forecaster.model.series import Series
from shared.domain.forecast import Target
from tests.unit.forecaster.shared_models import Never, Wish
from tests.unit.forecaster.tables import a_series, a_table

ISSUES = np.arange(28 * 24, 36 * 24, 24)


def made(series: Series, issues=ISSUES, kinds=(OWN,)):
    return hindcast(series, issues, kinds=kinds, rating_kw=8.0, refit_days=7, seed=1, on_fit=lambda: None)


@pytest.mark.parametrize("target", [Target.LOAD, Target.PRICE])
def test_altering_the_future_changes_no_forecast_of_the_past(target):
    issues = ISSUES[:3]
    series = a_series(target)
    until = int(series.known_at(issues[-1:])[0])
    altered = a_table()
    altered.loc[until:, ["load_kw", "price_per_kwh"]] = 1e3
    for before, after in zip(made(series, issues), made(a_series(target, table=altered), issues), strict=True):
        np.testing.assert_array_equal(before.quantiles, after.quantiles)


def test_an_earlier_issue_does_not_know_what_a_later_one_does():
    altered = a_table()
    altered.loc[ISSUES[4] :, "load_kw"] = 1e3
    before, after = made(a_series()), made(a_series(table=altered))
    np.testing.assert_array_equal(before[0].quantiles[:5], after[0].quantiles[:5])
    assert not np.array_equal(before[0].quantiles[5], after[0].quantiles[5])


def test_refits_are_a_week_apart_and_never_after_the_issues_they_serve():
    blocks = refits(np.array([10, 11, 10 + 7 * 24, 10 + 30 * 24]), per_day=24, refit_days=7)
    assert [until for until, _ in blocks] == [10, 10 + 7 * 24, 10 + 28 * 24]
    assert [issues.tolist() for _, issues in blocks] == [[10, 11], [178], [730]]


def test_published_prices_are_passed_on_exactly():
    series = a_series(Target.PRICE)
    quantiles = np.concatenate([served.quantiles for served in made(series)])
    # issued at 00:00 UTC, 02:00 local: today's prices are known to local midnight, 22 hours on
    for issue, values in zip(ISSUES, quantiles, strict=True):
        known = series.values[issue : issue + 22]
        np.testing.assert_array_equal(values[:, :22], np.tile(known, (7, 1)))
        assert (values[6, 22:] > values[0, 22:]).all()


def test_young_history_is_served_by_fallbacks_that_grow():
    served = made(a_series(), np.arange(0, 10 * 24, 12))
    names = [each.model_name for each in served]
    assert names[0] == "baseline:typical_home"
    assert names[1] == "baseline:yesterday"
    assert len(set(names)) > 2
    assert all(each.reasons for each in served)
    assert all(np.isfinite(each.quantiles).all() for each in served)


def test_a_model_that_had_proved_itself_serves():
    served = made(a_series())
    assert served[-1].model_name == "quantile_ensemble"
    assert served[-1].skill is not None
    assert served[-1].skill > 0


def test_what_sites_share_serves_weeks_that_its_proof_had_not_seen_once_it_had_proved_itself_there():
    series = a_series()
    shared = PooledKind(proof=Wish(), proof_end=series.time_of(28 * 24), whole=Never())
    served = made(series, np.arange(21 * 24, 39 * 24, 24), kinds=(OWN, shared))
    assert [each.until for each in served] == [21 * 24, 28 * 24, 35 * 24]
    assert [each.model_name for each in served] == ["quantile_ensemble", "quantile_ensemble", "pooled"]
