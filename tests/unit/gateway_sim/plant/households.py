"""Homes and their lives, for tests of the household's parts."""

from datetime import UTC, datetime, timedelta

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.living import Living, living_in
from services.gateway_sim.plant.people import Role, habits_of
from services.gateway_sim.plant.steps import Steps
from shared.domain.time import TimeGrid, zone

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def steps_over(home: Home, *, days: float, start: datetime = NEW_YEAR, minutes: float = 5) -> Steps:
    step = timedelta(minutes=minutes)
    return Steps(grid=TimeGrid(start=start, step=step, count=int(timedelta(days=days) / step)), tz=zone(home.timezone))


def life_of(home: Home, *, days: float, start: datetime = NEW_YEAR) -> tuple[Living, Steps]:
    steps = steps_over(home, days=days, start=start)
    return living_in(home, steps), steps


def a_home_of(role: Role, **fields: object) -> Home:
    """The first home of seed 1 whose first member has that role."""
    homes = (Home(seed=1, site_id=f"home-{number}", battery=None, **fields) for number in range(200))  # type: ignore[arg-type]
    return next(home for home in homes if habits_of(home).roles[0] == role)
