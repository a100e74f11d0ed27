"""Models shared by many sites, as a kind of model of one site: tried by what had not seen the test, then adapted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.forecaster.model.adapted import Shared
from services.forecaster.model.following import Following
from services.forecaster.model.kind import Trial
from services.forecaster.model.series import Series
from services.forecaster.model.split import Fold
from services.forecaster.model.training import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledKind:
    """`proof` learned from what was known at `proof_end` alone, `whole` from everything; nothing is fitted for a site."""

    proof: Shared
    proof_end: np.datetime64
    whole: Shared

    def fits(self, folds: int) -> int:
        """None."""
        del folds
        return 0

    def trial(self, series: Series, folds: Sequence[Fold], *, now: int, rating_kw: float | None, seed: int, on_fit: Progress) -> Trial:
        """Folds from before the end of the proof are left out: the shared model may have seen them."""
        del on_fit
        usable = [fold for fold in folds if series.time_of(fold.until) >= self.proof_end and fold.until < now]
        if not usable:
            return Trial(tested=(), model=None)
        site = Following(series=series, rating_kw=rating_kw, seed=seed)
        tested = [site.judged(fold, self.proof) for fold in usable]
        return Trial(tested=tested, model=site.adapted(self.whole, now=now))
