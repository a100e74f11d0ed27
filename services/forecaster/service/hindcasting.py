"""Forecasts as they would have been issued at past moments."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from services.forecaster.model import hindcast as past
from services.forecaster.service.past import past_forecasts
from services.forecaster.service.results import HindcastReport
from services.forecaster.service.standing import SEED, Advance, Standing, each_fit
from services.forecaster.service.tables import read_table
from shared.domain.forecast import Target
from shared.domain.time import floor_to, instant64


class Hindcaster(Standing):
    """Replays the forecasts of a site."""

    def hindcast(
        self,
        *,
        site_id: str,
        issue_times: Sequence[datetime],
        refit_every: timedelta = timedelta(days=7),
        progress: Advance | None = None,
    ) -> HindcastReport:
        """Forecasts as they would have been issued at past moments, stored with `run="hindcast"`.

        Each issue knows what was known then, each model what was known at its refit, at least a day (and here a week) apart.
        """
        site = self.site(site_id=site_id)
        step = site.resolution
        moments = sorted({floor_to(moment, step) for moment in issue_times})
        if not moments:
            return HindcastReport(site_id=site_id, issues=0, targets=(), refits=0, model_names={})
        table = read_table(self._features, site, self._tariffs.get(site_id), first=moments[0], last=moments[-1])
        names: dict[Target, tuple[str, ...]] = {}
        refits = 0
        for target in table.targets:
            series = table.series(target)
            issues = np.array([series.index_of(instant64(moment)) for moment in moments])
            served = past.hindcast(
                series,
                issues,
                kinds=self._past_kinds(table, target),
                rating_kw=table.rating_kw,
                refit_days=max(1, refit_every // timedelta(days=1)),
                seed=SEED,
                on_fit=each_fit(progress),
            )
            self._forecasts.put(past_forecasts(series, site_id, served), run="hindcast")
            names[target] = tuple(each.model_name for each in served)
            refits += len(served)
        return HindcastReport(site_id=site_id, issues=len(moments), targets=table.targets, refits=refits, model_names=names)
