"""What a policy would have cost on what really happened, and what share of the possible saving it caught."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.time import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyBill:
    """One policy replayed. Money in the report's currency; the end state of charge is valued, so bills compare."""

    policy: str
    """`no_battery`, `self_consumption`, `time_of_use_timer`, `planned`, `perfect_foresight`."""
    energy_cost: float
    demand_cost: float
    wear_cost: float
    stored_value: float
    """Value of the energy left at the end, less that at the start."""
    import_kwh: float
    export_kwh: float
    throughput_kwh: float
    """Change of stored energy, both ways."""

    @property
    def bill(self) -> float:
        """Real money: energy + demand, less the value of what is left in the battery."""
        return self.energy_cost + self.demand_cost - self.stored_value

    @property
    def total(self) -> float:
        """The bill and the wear: what a plan minimises."""
        return self.bill + self.wear_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsReport:
    """A replay of several policies over one interval of one site."""

    site_id: str
    made_at: datetime
    interval: Interval
    currency: str
    bills: tuple[PolicyBill, ...]
    coverage: float
    """Share of steps with measured load (and solar where there is an array)."""
    notes: tuple[str, ...] = ()

    def bill_of(self, policy: str) -> PolicyBill:
        """The bill of that policy. Raises `KeyError`."""
        for bill in self.bills:
            if bill.policy == policy:
                return bill
        raise KeyError(policy)

    def captured_share(self, policy: str) -> float | None:
        """Saving of the policy over no battery as a share of perfect foresight's; None when nothing can be saved."""
        none = self.bill_of("no_battery").total
        possible = none - self.bill_of("perfect_foresight").total
        return (none - self.bill_of(policy).total) / possible if possible > 1e-9 else None
