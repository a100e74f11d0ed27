"""Replays of policies on what really happened."""

from typing import Protocol

from shared.domain.savings import SavingsReport


class SavingsStore(Protocol):
    """Reports by site, interval and moment."""

    def put(self, report: SavingsReport) -> None: ...

    def latest(self, *, site_id: str) -> SavingsReport | None: ...
