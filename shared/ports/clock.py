"""The time of the platform: real, or where a site's data ends."""

from datetime import datetime
from typing import Protocol

from shared.domain.site import Site


class Clock(Protocol):
    """The only source of "now"; read at the outermost layer and passed on as a value."""

    def now(self) -> datetime:
        """An aware UTC moment that never goes back."""
        ...

    def now_at(self, site: Site) -> datetime:
        """`now` for a live site; for imported history the end of its newest reading (`now` when it has none)."""
        ...
