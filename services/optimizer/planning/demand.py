"""A tariff's demand charge on a planning grid."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from services.optimizer.planning.problem import DemandTerms
from shared.domain.tariff import DemandCharge
from shared.domain.time import TimeGrid, as_utc, local_clock, zone


def month_start(moment: datetime, tz: ZoneInfo) -> datetime:
    """When the billing month that holds the moment began, in UTC."""
    return as_utc(moment.astimezone(tz).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def demand_terms(charge: DemandCharge, grid: TimeGrid, *, timezone: str, incumbent_kw: float) -> DemandTerms:
    """The charge over a grid; `incumbent_kw` is what the grid's first billing month has reached before it begins.

    Averaging intervals are clocked: multiples of their length since the epoch, whatever the grid's start. The measured part of an
    interval that is under way at the start is not known here: its planned part stands for the whole.
    """
    months = local_clock(grid.starts(), zone(timezone)).date.astype("datetime64[M]")
    names, month = np.unique(months, return_inverse=True)
    length = int(charge.averaging.total_seconds())
    seconds = grid.starts().astype("datetime64[s]").astype(np.int64)
    return DemandTerms(
        price_per_kw=charge.price_per_kw,
        clocked_interval=seconds // length,
        month=month.astype(np.int64),
        incumbent_kw=(incumbent_kw, *[0.0] * (len(names) - 1)),
    )
