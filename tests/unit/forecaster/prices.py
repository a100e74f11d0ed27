"""A market made for these tests: prices follow what is left of the load, so what a model should learn is known."""

from datetime import timedelta

import numpy as np

from services.forecaster.model.price_days import price_days
from services.forecaster.model.series import Series
from shared.domain.forecast import Target
from shared.domain.time import local_clock, zone

START = np.datetime64("2024-01-07T23:00", "us")
"""A local Monday's midnight; clocks go forward on day 83 and back on day 293."""
AHEAD = ("residual_mw",)


def a_market(*, days: int = 140, step: timedelta = timedelta(hours=1), start: np.datetime64 = START, seed: int = 0) -> Series:
    """Prices of `days` x 24 h, of which tomorrow's are published at 13:00 local time."""
    rng = np.random.default_rng(seed)
    per_hour = timedelta(hours=1) // step
    count = days * 24 * per_hour
    stamps = start + np.arange(count) * np.timedelta64(step)
    clock = local_clock(stamps, zone("Europe/Berlin"))
    utc_hour = (stamps - stamps.astype("datetime64[D]")) / np.timedelta64(1, "h")
    shift = np.rint(((clock.hour - utc_hour + 12) % 24 - 12) * per_hour).astype(np.int64)
    bare = Series(target=Target.PRICE, start=start, step=step, values=np.zeros(count), ahead={}, published=None, local_shift=shift)
    day = price_days(bare).day
    wind = rng.normal(size=day[-1] + 1)[day]
    residual = 40 + 10 * np.sin((clock.hour - 14) / 12 * np.pi) - 8 * (clock.weekday >= 5) - 12 * wind + rng.normal(size=count)
    price = 0.002 * residual + 0.002 * rng.normal(size=count)
    within = 0.01 * (clock.hour % 1.0 - 0.375) if per_hour == 4 else 0.0
    published = np.searchsorted(day, day) - 11 * per_hour
    return Series(
        target=Target.PRICE,
        start=start,
        step=step,
        values=price + within,
        ahead={AHEAD[0]: residual},
        published=published,
        local_shift=shift,
    )
