"""What every engine answers: flows for each step, what a stored kWh is worth at the margin, and how sure the answer is."""

from dataclasses import dataclass

from services.optimizer.planning.problem import Array
from shared.domain.schedule import PlanStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Flows of every step, shape (steps,), and what they are worth at the margin."""

    status: PlanStatus
    engine: str
    charge_kw: Array
    discharge_kw: Array
    import_kw: Array
    export_kw: Array
    curtail_kw: Array
    energy_kwh: Array
    """Stored energy at the end of each step."""
    value_per_kwh: Array
    """What one more stored kWh at the end of each step would save, in steering money."""
    peak_adder_per_kwh: Array
    """What a kWh imported in each step adds to demand charges at the margin."""
    gap: float = 0.0
    seconds: float = 0.0


class SolverError(Exception):
    """An engine ended without a usable answer; the text says how."""
