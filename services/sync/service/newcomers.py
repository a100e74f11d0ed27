"""Sites first heard of by message. Their gateway announces them at the edge store, in its own time."""

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.sync.service.results import SiteSync

PATIENCE = timedelta(seconds=10)
"""How long an announcement is waited for; a gateway that is seen at the edge makes its own within a second or two."""


class Newcomers:
    """Holds back what is new of such a site until it is more than a name, so that nobody forecasts and plans for a name."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, tuple[datetime, SiteSync]] = {}

    @property
    def awaited(self) -> bool:
        """Whether any site still waits for its announcement."""
        return bool(self._held)

    def hold(self, results: Iterable[SiteSync], *, now: datetime) -> list[SiteSync]:
        """Of what came by message, all but what belongs to a newcomer."""
        with self._guard:
            told = []
            for result in results:
                if result.site_id in self._held:
                    since, before = self._held[result.site_id]
                    self._held[result.site_id] = (since, before.and_then(result))
                elif result.registered:
                    self._held[result.site_id] = (now, result)
                else:
                    told.append(result)
            return told

    def joined(self, results: Sequence[SiteSync]) -> list[SiteSync]:
        """What a sweep did, and with it what was held back of sites that it found announced."""
        with self._guard:
            return [
                self._held.pop(result.site_id)[1].and_then(result) if result.registered and result.site_id in self._held else result
                for result in results
            ]

    def given_up(self, *, now: datetime) -> list[SiteSync]:
        """What was held back long enough."""
        with self._guard:
            late = [site_id for site_id, (since, _) in self._held.items() if not timedelta(0) <= now - since < PATIENCE]
            return [self._held.pop(site_id)[1] for site_id in late]
