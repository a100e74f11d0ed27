"""A savings report on the wire."""

from pydantic import Field

from shared.contracts.base import Instant, Wire
from shared.domain.savings import PolicyBill, SavingsReport
from shared.domain.time import Interval


class PolicyBillDocument(Wire):
    """One policy replayed on what really happened."""

    policy: str
    energy_cost: float
    demand_cost: float
    wear_cost: float
    stored_value: float
    import_kwh: float
    export_kwh: float
    throughput_kwh: float
    bill: float = Field(description="energy_cost + demand_cost - stored_value")
    total: float = Field(description="bill + wear_cost")
    captured_share: float | None = Field(
        description="share of the perfect-foresight saving; null when nothing can be saved or a bound is missing"
    )


class SavingsDocument(Wire):
    """The bills of several policies over one interval of one site."""

    site_id: str
    made_at: Instant
    start: Instant
    end: Instant
    currency: str
    coverage: float = Field(description="share of steps with real data")
    bills: list[PolicyBillDocument]
    notes: list[str]

    @classmethod
    def from_domain(cls, report: SavingsReport) -> "SavingsDocument":
        return cls(
            site_id=report.site_id,
            made_at=report.made_at,
            start=report.interval.start,
            end=report.interval.end,
            currency=report.currency,
            coverage=report.coverage,
            notes=list(report.notes),
            bills=[
                PolicyBillDocument(
                    **{name: getattr(bill, name) for name in PolicyBillDocument.model_fields if name != "captured_share"},
                    captured_share=_captured_share(report, bill.policy),
                )
                for bill in report.bills
            ],
        )

    def to_domain(self) -> SavingsReport:
        return SavingsReport(
            site_id=self.site_id,
            made_at=self.made_at,
            interval=Interval(start=self.start, end=self.end),
            currency=self.currency,
            coverage=self.coverage,
            notes=tuple(self.notes),
            bills=tuple(PolicyBill(**bill.model_dump(exclude={"bill", "total", "captured_share"})) for bill in self.bills),
        )


def _captured_share(report: SavingsReport, policy: str) -> float | None:
    """None also where the replay left out one of the two policies that the share is measured between."""
    bounds = {"no_battery", "perfect_foresight"}
    return report.captured_share(policy) if bounds <= {bill.policy for bill in report.bills} else None
