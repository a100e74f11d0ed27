"""Forecasts that were made afterwards, as what a site would have been served."""

from collections.abc import Sequence

import numpy as np

from services.forecaster.model.hindcast import Served
from services.forecaster.model.series import Series
from shared.domain.forecast import QUANTILE_LEVELS, Forecast
from shared.domain.time import TimeGrid, from_instant64


def past_forecasts(series: Series, site_id: str, served: Sequence[Served]) -> list[Forecast]:
    """As they would have been issued, each at its moment."""
    forecasts = []
    for block in served:
        known = np.minimum(series.known_at(block.issues), block.issues)
        version = f"refit-{from_instant64(series.time_of(block.until)):%Y%m%dT%H%M}"
        for issue, newest, values in zip(block.issues, known, block.quantiles, strict=True):
            start = from_instant64(series.time_of(int(issue)))
            forecasts.append(
                Forecast(
                    site_id=site_id,
                    target=series.target,
                    issued_at=start,
                    data_as_of=from_instant64(series.time_of(int(newest))) if newest > 0 else start,
                    model_name=block.model_name,
                    model_version=version,
                    grid=TimeGrid(start=start, step=series.step, count=values.shape[1]),
                    levels=QUANTILE_LEVELS,
                    values=values,
                    skill=block.skill,
                    degraded=block.reasons,
                )
            )
    return forecasts
