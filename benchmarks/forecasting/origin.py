"""Rolling origin: forecasts from each local midnight of the last weeks, by models refitted weekly on what was known by then."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from forecasting.sets import Data, Home, Plant
from likeness.homes import HOUR, Place, clock_of
from likeness.measures import Values
from services.features.recipe.sun import sun_over
from services.forecaster.model.split import Fold
from shared.domain.forecast import Target
from shared.domain.site import Site
from shared.domain.time import LocalClock, TimeGrid

Indices = NDArray[np.int64]
Quantiles = NDArray[np.float64]
"""Shape (issues, levels, hours)."""

TEST_DAYS = 63
REFIT_DAYS = 7
LEAST_TRAINING_DAYS = 28
LEAST_MEASURED = 0.5
"""Share of the hours of a test that must have been measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One target of one site, hour by hour, and when it is forecast.

    A forecast from issue `i` may read `values[:i]` and what is known ahead of any hour: the clock, the sun, the weather forecasts.
    A model of a fold may read `values[:fold.until]`.
    """

    name: str
    place: Place
    target: Target
    start: np.datetime64
    values: Values
    """As measured; NaN where nothing was."""
    folds: tuple[Fold, ...]
    hours: int
    """That each forecast looks ahead."""
    half_hours: Values = field(default_factory=lambda: np.empty(0))
    """As `values`, two for each hour; empty for the sun, which nobody forecasts so."""
    weather: dict[str, Values] = field(default_factory=dict)
    """As forecast; empty where nobody forecast it."""

    @property
    def issues(self) -> Indices:
        return np.concatenate([fold.issues for fold in self.folds])

    @property
    def first(self) -> int:
        """The first hour of the test."""
        return self.folds[0].until

    @property
    def clock(self) -> LocalClock:
        return clock_of(self.start, len(self.values), self.place.timezone)

    @property
    def steps(self) -> Indices:
        """The hours that are forecast, shape (issues, hours)."""
        return steps_of(self.issues, self.hours)

    @property
    def truth(self) -> Values:
        """As measured, shape (issues, hours)."""
        truth: Values = self.values[self.steps]
        return truth

    @property
    def grid(self) -> TimeGrid:
        start = self.start.astype("datetime64[us]").item().replace(tzinfo=UTC)
        return TimeGrid(start=start, step=HOUR, count=len(self.values))

    @property
    def site(self) -> Site:
        place = self.place
        return Site(site_id=self.name, timezone=place.timezone, latitude=place.latitude, longitude=place.longitude, resolution=HOUR)

    def training_issues(self, until: int) -> Indices:
        """Moments of a day like those of the test, a week from the beginning and later, whose outcomes were known at `until`."""
        daily = np.arange(self.first % 24, until - self.hours + 1, 24) if self.weather else midnights(self.clock)
        return daily[(daily >= 7 * 24) & (daily + self.hours <= until)]


def steps_of(issues: Indices, hours: int) -> Indices:
    """The hours after each issue, shape (issues, hours)."""
    return issues[:, None] + np.arange(hours)


def midnights(clock: LocalClock) -> Indices:
    """Hours at which a local day begins; a zone whose offset has half hours begins it in the first hour of it."""
    return np.flatnonzero(clock.hour < 1.0)


def load_cases(homes: Sequence[Home], *, hours: int, days: int) -> list[Case]:
    """Homes with enough hours; the others are left out."""
    cases = [_case(home, Target.LOAD, home.load_kw, hours=hours, days=days) for home in homes]
    return [replace(case, half_hours=home.load_half_hours) for case, home in zip(cases, homes, strict=True) if case]


def solar_cases(homes: Sequence[Home], *, hours: int, days: int) -> list[Case]:
    """Homes with an array, without any weather forecast."""
    cases = [_case(home, Target.SOLAR, home.solar_kw, hours=hours, days=days) for home in homes if home.solar_kw is not None]
    return [case for case in cases if case]


def plant_cases(plants: Sequence[Plant], *, days: int) -> list[Case]:
    """Issued when the weather forecast is, at 00 UTC, for its 24 hours."""
    cases = []
    for plant in plants:
        clock = clock_of(plant.start, len(plant.power), "UTC")
        folds = _folds(midnights(clock), plant.power, hours=24, days=days)
        if folds:
            case = Case(
                name=plant.name, place=plant.place, target=Target.SOLAR, start=plant.start, values=plant.power, folds=folds, hours=24,
                weather=plant.weather,
            )  # fmt: skip
            cases.append(case)
    return cases


def left_out(data: Data, cases: Sequence[Case]) -> list[str]:
    """Homes that are too short or too gappy to be tested."""
    tested = {case.name for case in cases}
    return [home.name for home in data.homes if home.name not in tested]


def clear_ghi(case: Case) -> Values:
    """Global irradiance of a clear sky in W/m2 at the place, shape (count,); 0 at night."""
    sun = sun_over(case.grid, [case.site])
    values: Values = sun.clear_ghi_w_m2[0].reshape(len(case.values), -1).mean(axis=1)
    return values


def _case(home: Home, target: Target, values: Values, *, hours: int, days: int) -> Case | None:
    folds = _folds(midnights(home.clock), values, hours=hours, days=days)
    if not folds:
        return None
    return Case(name=home.name, place=home.place, target=target, start=home.start, values=values, folds=folds, hours=hours)


def _folds(issues: Indices, values: Values, *, hours: int, days: int) -> tuple[Fold, ...]:
    """The last days of a series, in weeks; none where it is too short or hardly measured there."""
    last = issues[(issues + hours <= len(values)) & (issues >= LEAST_TRAINING_DAYS * 24)][-days:]
    if len(last) < REFIT_DAYS or np.isfinite(values[last[0] :]).mean() < LEAST_MEASURED:
        return ()
    return tuple(Fold(until=int(last[at]), issues=last[at : at + REFIT_DAYS]) for at in range(0, len(last), REFIT_DAYS))
