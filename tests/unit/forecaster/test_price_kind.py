import numpy as np
import pytest

from services.forecaster.model.answer import answer
from services.forecaster.model.price import fit_price
from services.forecaster.model.price_kind import PriceByDays, PriceKind, from_files
from services.forecaster.model.promotion import OWN, planned_fits, train
from services.forecaster.model.series import Series
from tests.unit.forecaster.prices import a_market

NOW = 120 * 24 + 11


@pytest.fixture(scope="module")
def market() -> Series:
    return a_market()


@pytest.fixture(scope="module")
def served(market) -> PriceByDays:
    model = fit_price(market, until=NOW, seed=1)
    assert model is not None
    return PriceByDays(model=model)


def test_row_by_row_it_says_what_it_says_of_whole_days(market, served):
    issues = NOW + np.array([0, 5, 24])
    np.testing.assert_allclose(answer(market, served, issues=issues), served.model.answer(market, issues=issues))


def test_read_back_it_says_the_same(market, served):
    issues = np.array([NOW])
    np.testing.assert_array_equal(answer(market, from_files(served.to_files()), issues=issues), answer(market, served, issues=issues))


def test_of_several_kinds_the_better_one_goes_on_and_each_fit_is_told(market):
    fits: list[None] = []

    def trained(*kinds):
        return train(market, now=NOW, rating_kw=None, test_share=0.02, seed=1, champion=None, on_fit=lambda: fits.append(None), kinds=kinds)

    alone = [trained(kind) for kind in (OWN, PriceKind())]
    fits.clear()
    done = trained(OWN, PriceKind())
    assert len(fits) == planned_fits(market, now=NOW, test_share=0.02, kinds=(OWN, PriceKind()))
    best = max(alone, key=lambda each: each.skill)
    assert (done.model.name, done.skill) == (best.model.name, best.skill)
