"""Replays of policies on what really happened."""

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.embedded.columns import micros
from shared.contracts.savings import SavingsDocument
from shared.domain.savings import SavingsReport


class SupabaseSavings:
    """`SavingsStore`. The latest report is the one made last; of several made at once the one that reaches furthest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, report: SavingsReport) -> None:
        head = {
            "site_id": report.site_id,
            "made_at": micros(report.made_at),
            "start": micros(report.interval.start),
            "end": micros(report.interval.end),
            "document": SavingsDocument.from_domain(report).model_dump_json(),
        }
        self._rest.write("savings", head)

    def latest(self, *, site_id: str) -> SavingsReport | None:
        document = self._rest.read("savings", {"site_id": site_id})
        return SavingsDocument.model_validate_json(document).to_domain() if document else None
