"""When nobody is home for nights: holidays of the season and weekends away."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import Floats, Integers, Stream
from services.gateway_sim.plant.steps import LocalDays
from shared.domain.time import EPOCH

# share of the years with such a holiday, first and last day of the year on which it begins, least and most nights:
# the long one in summer, one around the turn of the year, one at any time
_HOLIDAYS = np.array([(0.80, 180.0, 228.0, 7.0, 15.0), (0.35, 351.0, 362.0, 4.0, 9.0), (0.55, 40.0, 320.0, 3.0, 8.0)])
_HALF_A_YEAR = 182.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Times with nobody home, shape (trips,); they may overlap."""

    first_day: Integers
    """Of leaving, since 1970-01-01."""
    last_day: Integers
    """Of coming home."""
    leaves_hour: Floats
    returns_hour: Floats

    def cover(self, index: Integers) -> NDArray[np.bool_]:
        """Whether the nights after days are spent elsewhere, shape (days,)."""
        inside = (self.first_day[None, :] <= index[:, None]) & (index[:, None] < self.last_day[None, :])
        return np.asarray(inside.any(axis=1))

    def home_from_hour(self, index: Integers) -> Floats:
        """When the people come home on days, 0 on days without such an hour, shape (days,)."""
        here = self.last_day[None, :] == index[:, None]
        return np.asarray(np.where(here, self.returns_hour[None, :], 0.0).max(axis=1, initial=0.0))

    def gone_from_hour(self, index: Integers) -> Floats:
        """When they leave on days, 24 on days without such an hour, shape (days,)."""
        here = self.first_day[None, :] == index[:, None]
        return np.asarray(np.where(here, self.leaves_hour[None, :], 24.0).min(axis=1, initial=24.0))

    def utc_us(self, calendar: LocalDays) -> tuple[Integers, Integers]:
        """Leaving and coming home. What lies before the calendar begins with it, what lies after ends with it."""
        low, high = int(calendar.index[0]), int(calendar.index[-1])
        starts = calendar.utc_us(np.clip(self.first_day, low, high) - low, self.leaves_hour)
        ends = calendar.utc_us(np.clip(self.last_day, low, high) - low, self.returns_hour)
        return starts, ends


def trips_of(home: Home, calendar: LocalDays, *, weekends_share: float) -> Trips:
    """The trips that touch a calendar."""
    first, last = int(calendar.index[0]), int(calendar.index[-1])
    years, weeks = _holidays(home, first, last), _weekends(home, first, last, weekends_share)
    trips = np.concatenate([years, weeks], axis=1)
    trips = trips[:, (trips[1] >= first) & (trips[0] <= last)]
    return Trips(
        first_day=trips[0].astype(np.int64), last_day=trips[1].astype(np.int64), leaves_hour=trips[2].copy(), returns_hour=trips[3].copy()
    )


def _holidays(home: Home, first: int, last: int) -> Floats:
    """First day, last day and their hours, shape (4, trips). In the south the seasons are half a year later."""
    years = np.arange(_year(first) - 1, _year(last) + 1)
    chance = Stream.of(home.seed, home.site_id, "holidays").uniform(years, 5 * len(_HOLIDAYS)).reshape(len(years), 5, len(_HOLIDAYS))
    share, begin, end, least, most = _HOLIDAYS.T
    new_year = np.array([(date(int(year), 1, 1) - EPOCH.date()).days for year in years])
    summer_shift = np.array([0.0 if home.latitude >= 0.0 else _HALF_A_YEAR, 0.0, 0.0])
    leave = np.floor(new_year[:, None] + begin + summer_shift + (end - begin) * chance[:, 1])
    back = leave + np.round(least + (most - least) * chance[:, 2])
    taken = chance[:, 0] < share
    return np.array([leave[taken], back[taken], (7.0 + 6.0 * chance[:, 3])[taken], (13.0 + 8.0 * chance[:, 4])[taken]])


def _weekends(home: Home, first: int, last: int, share: float) -> Floats:
    """As `_holidays`: from Friday evening or Saturday morning to Sunday."""
    weeks = np.arange((first + 3) // 7 - 1, (last + 3) // 7 + 1)
    chance = Stream.of(home.seed, home.site_id, "weekends away").uniform(weeks, 4)
    on_friday = chance[:, 1] < 0.4
    friday = 7.0 * weeks + 1.0  # 1970-01-01 was a Thursday, of the week that began on day -3
    taken = chance[:, 0] < share
    leave = np.where(on_friday, 16.5 + 2.5 * chance[:, 2], 8.5 + 3.5 * chance[:, 2])
    return np.array([
        np.where(on_friday, friday, friday + 1.0)[taken], (friday + 2.0)[taken], leave[taken], (14.0 + 6.5 * chance[:, 3])[taken]
    ])  # fmt: skip


def _year(day: int) -> int:
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype(np.int64)) + 1970
