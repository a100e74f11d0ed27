"""One planning problem on the wire, and its answer: the same object over HTTP, in a file and on a line of many."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from shared.contracts.base import Duration, Instant, Wire
from shared.contracts.schedules import CostDocument, RelaxedConstraintDocument, SlotDocument, cost_document, slot_document
from shared.contracts.sites import BatteryDocument, GridDocument
from shared.domain.errors import InvalidValueError
from shared.domain.schedule import PlanCost, PlanStatus, RelaxedConstraint, Slot
from shared.domain.site import BatterySpec
from shared.domain.time import TimeGrid

MAX_STEPS = 20_000
MIN_RESOLUTION, MAX_RESOLUTION = timedelta(minutes=1), timedelta(days=1)
LARGEST = 1e6
"""Of any number in a problem: a gigawatt, and more than any price. Beyond it arithmetic loses the cents, and overflows in the end."""
SERIES = ("load_kw", "solar_kw", "import_price_per_kwh", "export_price_per_kwh", "carbon_intensity_g_kwh")
Series = float | Annotated[list[float], Field(min_length=1, max_length=MAX_STEPS)]
"""One value for each step, or one number for all steps."""


class ProblemBatteryDocument(BatteryDocument):
    """A battery with its state at the start. `wear_cost_per_kwh` is per kWh of change of stored energy, either way."""

    initial_soc: float | None = Field(default=None, ge=0, le=100, description="percent of capacity; absent: 50 is assumed and said so")

    def to_domain(self) -> BatterySpec:
        return BatteryDocument(**self.model_dump(exclude={"initial_soc"})).to_domain()


class ProblemDocument(Wire):
    """What to plan. Lists have one value for each step, at least one of them is a list, and all lists are equally long.

    Leaving out `wear_cost_per_kwh` or `terminal_value_per_kwh` means our default, 0 means 0.
    """

    start: Instant
    resolution: Duration
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    load_kw: Series
    solar_kw: Series = 0.0
    import_price_per_kwh: Series
    export_price_per_kwh: Series = 0.0
    battery: ProblemBatteryDocument | None = None
    terminal_value_per_kwh: float | None = Field(default=None, description="of energy stored above `min_soc` at the end")
    grid: GridDocument = GridDocument()
    objective: Literal["cost", "self_consumption", "carbon"] = "cost"
    carbon_intensity_g_kwh: Series | None = None
    carbon_price_per_kg: float = Field(default=0.0, ge=0)
    solar_curtailable: bool = True

    def series(self, name: str) -> NDArray[np.float64]:
        """One of the series with a value for each step, shape (steps,)."""
        values = getattr(self, name)
        return np.array(values, dtype=np.float64) if isinstance(values, list) else np.full(self.steps, values, dtype=np.float64)

    @property
    def steps(self) -> int:
        """The number of steps: that of the first list; 0 when every series is one number."""
        return next((len(values) for name in SERIES if isinstance(values := getattr(self, name), list)), 0)


class PlanDocument(Wire):
    """The answer to a problem."""

    status: PlanStatus
    engine: str
    objective: str
    currency: str
    start: Instant
    resolution: Duration
    cost: CostDocument
    baseline_cost: float = Field(description="the same account for the self-consumption rule on the same expectation")
    gap: float
    solve_seconds: float
    degraded: list[str]
    relaxed_constraints: list[RelaxedConstraintDocument]
    slots: list[SlotDocument]

    @classmethod
    def from_domain(
        cls,
        *,
        status: PlanStatus,
        engine: str,
        objective: str,
        currency: str,
        grid: TimeGrid,
        cost: PlanCost,
        baseline_cost: float,
        gap: float,
        solve_seconds: float,
        degraded: Sequence[str],
        relaxed_constraints: Sequence[RelaxedConstraint],
        slots: Sequence[Slot],
    ) -> "PlanDocument":
        return cls(
            status=status,
            engine=engine,
            objective=objective,
            currency=currency,
            start=grid.start,
            resolution=grid.step,
            cost=cost_document(cost),
            baseline_cost=baseline_cost,
            gap=gap,
            solve_seconds=solve_seconds,
            degraded=list(degraded),
            relaxed_constraints=[
                RelaxedConstraintDocument(name=item.name, amount=item.amount, unit=item.unit, at=item.at) for item in relaxed_constraints
            ],
            slots=[slot_document(slot) for slot in slots],
        )


class ProblemError(ValueError):
    """A planning problem that cannot be understood: where (a JSON pointer) and the remedy, in one line."""

    def __init__(self, pointer: str, remedy: str) -> None:
        self.pointer = pointer
        self.remedy = remedy
        super().__init__(f"{pointer or '/'}: {remedy}")


def read_problem(document: Any) -> ProblemDocument:
    """A problem from parsed JSON. Raises `ProblemError` for what the schema, or the sense of it, forbids."""
    if not isinstance(document, dict):
        raise ProblemError("", "a problem is a JSON object with start, resolution, load_kw and import_price_per_kwh")
    try:
        problem = ProblemDocument.model_validate(document)
    except ValidationError as trouble:
        raise _first_error(trouble, document) from None
    if not MIN_RESOLUTION <= problem.resolution <= MAX_RESOLUTION:
        raise ProblemError("/resolution", "must be between PT1M and P1D, for example PT15M")
    if problem.battery is not None:
        try:
            problem.battery.to_domain()
        except InvalidValueError as trouble:
            raise ProblemError(f"/battery/{trouble.name.removesuffix('_percent')}", f"{trouble.value!r} {trouble.remedy}") from None
    _require_sense(problem)
    return problem


def _require_sense(problem: ProblemDocument) -> None:
    """What the schema cannot see of the series."""
    lengths = {name: len(values) for name in SERIES if isinstance(values := getattr(problem, name), list)}
    if not lengths:
        raise ProblemError("/load_kw", "must be a list with one value for each step, when no other series is")
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise ProblemError(f"/{name}", f"has {length} values, but /{first} has {lengths[first]}; give one for each step, or one number")
    for name in ("load_kw", "solar_kw", "carbon_intensity_g_kwh"):
        _require_not_negative(name, getattr(problem, name))
    _require_bounds(problem)
    if problem.carbon_intensity_g_kwh is None and (problem.objective == "carbon" or problem.carbon_price_per_kg):
        raise ProblemError("/carbon_intensity_g_kwh", "must be given when carbon counts")


def _require_bounds(problem: ProblemDocument) -> None:
    """Every number of a size to calculate with, and every step within the calendar."""
    for name in SERIES:
        _require_believable(name, getattr(problem, name))
    limits = {"battery": problem.battery, "grid": problem.grid}
    for part, document in limits.items():
        for name, value in (document.model_dump() if document else {}).items():
            _require_believable(f"{part}/{name}", value)
    for name in ("terminal_value_per_kwh", "carbon_price_per_kg"):
        _require_believable(name, getattr(problem, name))
    try:
        _ = problem.start + (problem.steps + 1) * problem.resolution
    except OverflowError:
        raise ProblemError("/start", "is so late that the steps end after the year 9999; give an earlier one") from None


def _require_not_negative(name: str, values: float | list[float] | None) -> None:
    for index, value in enumerate(values if isinstance(values, list) else [values]):
        if value is not None and value < 0:
            raise ProblemError(f"/{name}/{index}" if isinstance(values, list) else f"/{name}", f"is {value:g}; it must not be negative")


def _require_believable(name: str, values: float | list[float] | None) -> None:
    for index, value in enumerate(values if isinstance(values, list) else [values]):
        if value is not None and abs(value) > LARGEST:
            raise ProblemError(
                f"/{name}/{index}" if isinstance(values, list) else f"/{name}", f"is {value:g}; it must be at most {LARGEST:g} in size"
            )


def _first_error(trouble: ValidationError, document: dict[str, Any]) -> ProblemError:
    """The first complaint about the given kind of value: a list is not told that it is no number."""
    errors = trouble.errors(include_url=False)
    for error in errors:
        is_list = isinstance(document.get(str(error["loc"][0])) if error["loc"] else None, list)
        about_number = len(error["loc"]) > 1 and error["loc"][1] == "float"
        about_list = len(error["loc"]) > 1 and "list" in str(error["loc"][1])
        if (is_list and about_number) or (not is_list and about_list):
            continue
        location = [str(part) for index, part in enumerate(error["loc"]) if not (index == 1 and (about_number or about_list))]
        return ProblemError("".join(f"/{part}" for part in location), _remedy(error["type"], error["msg"]))
    return ProblemError("", errors[0]["msg"])


def _remedy(kind: str, message: str) -> str:
    words = {"missing": "is missing; give it", "extra_forbidden": "is not a field of a problem; remove it or correct its name"}
    plain = message.removeprefix("Value error, ")
    return words.get(kind, plain[0].lower() + plain[1:])
