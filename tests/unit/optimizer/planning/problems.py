"""Problems for the tests of this folder."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from services.optimizer.planning.problem import Problem
from shared.domain.site import BatterySpec, GridConnection
from shared.domain.time import TimeGrid
from tests.factories import a_battery

START = datetime(2024, 6, 15, tzinfo=UTC)


def a_problem(*, steps: int = 8, step: timedelta = timedelta(minutes=15), start: datetime = START, **changes: object) -> Problem:
    """A quiet home: 1 kW of load, no sun, flat prices, a half-full battery without wear or terminal value."""
    terms: dict[str, object] = {
        "grid": TimeGrid(start=start, step=step, count=steps),
        "load_kw": 1.0,
        "solar_kw": 0.0,
        "import_price_per_kwh": 0.30,
        "export_price_per_kwh": 0.08,
        "battery": a_battery(wear_cost_per_kwh=0.0),
        "initial_soc_percent": 50.0,
        "terminal_value_per_kwh": 0.0,
    }
    terms |= changes
    for name in ("load_kw", "solar_kw", "import_price_per_kwh", "export_price_per_kwh"):
        terms[name] = np.broadcast_to(np.asarray(terms[name], dtype=np.float64), (steps,)).copy()
    return Problem.with_defaults(**terms)  # type: ignore[arg-type]


def a_day(*, step: timedelta = timedelta(minutes=60), hours: int = 48, **changes: object) -> Problem:
    """Two days of a home with sun at noon and dear evenings, the same course at every resolution."""
    fine = np.arange(hours * 12) / 12.0
    clock = fine % 24
    courses = {
        "load_kw": 0.4 + 1.5 * np.exp(-((clock - 19) ** 2) / 6),
        "solar_kw": np.clip(5 * np.sin((clock - 6) / 12 * np.pi), 0, None) * ((clock > 6) & (clock < 18)),
        "import_price_per_kwh": np.floor(clock) * 0.002 + np.where((clock >= 17) & (clock < 21), 0.40, 0.22),
    }
    width = step // timedelta(minutes=5)
    values: dict[str, object] = {name: course.reshape(-1, width).mean(axis=1) for name, course in courses.items()}
    return a_problem(steps=hours * 12 // width, step=step, **(values | changes))


def prices(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 3))


@st.composite
def any_problem(draw: st.DrawFn, *, max_steps: int = 12, least_price: float = -0.3, convex: bool = False) -> Problem:
    """Anything that can be asked: bad states, limits, negative prices, selling above buying (unless convex)."""
    steps = draw(st.integers(1, max_steps))

    def series(low: float, high: float) -> np.ndarray:
        return np.array(draw(st.lists(prices(low, high), min_size=steps, max_size=steps)))

    low = draw(st.integers(0, 60))
    buy, sell = series(least_price, 0.8), series(least_price, 0.8)
    if convex:
        sell = np.minimum(buy, sell)
    limits = [None, 0.0, 0.5, 3.0]
    battery = BatterySpec(
        capacity_kwh=draw(st.floats(0.5, 20.0)),
        max_charge_rate_kw=draw(st.sampled_from([0.0, 1.0, 5.0])),
        max_discharge_rate_kw=draw(st.sampled_from([0.0, 2.0, 5.0])),
        charge_efficiency=draw(st.sampled_from([0.8, 0.95, 1.0])),
        discharge_efficiency=draw(st.sampled_from([0.85, 0.95, 1.0])),
        min_soc_percent=low,
        max_soc_percent=draw(st.integers(low, 100)),
        wear_cost_per_kwh=draw(st.sampled_from([0.0, 0.01, None])),
    )
    return a_problem(
        steps=steps,
        step=timedelta(minutes=draw(st.sampled_from([5, 15, 30, 60]))),
        load_kw=series(0.0, 6.0),
        solar_kw=series(0.0, 8.0),
        import_price_per_kwh=buy,
        export_price_per_kwh=sell,
        battery=battery,
        initial_soc_percent=draw(st.integers(0, 100)),
        terminal_value_per_kwh=draw(st.sampled_from([None, 0.0, 0.2])),
        limits=GridConnection()
        if convex
        else GridConnection(max_import_kw=draw(st.sampled_from(limits)), max_export_kw=draw(st.sampled_from(limits))),
    )
