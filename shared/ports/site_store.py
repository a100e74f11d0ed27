"""Sites and their tariffs."""

from typing import Protocol

from shared.domain.site import Site
from shared.domain.tariff import Tariff


class SiteStore(Protocol):
    """Sites by id."""

    def put(self, site: Site) -> bool:
        """Create or replace; True when something changed."""
        ...

    def get(self, site_id: str) -> Site | None: ...

    def list(self) -> list[Site]:
        """Sorted by id."""
        ...

    def delete(self, site_id: str) -> bool:
        """Remove a site and all that belongs to it; False when there was none."""
        ...


class TariffStore(Protocol):
    """The tariff in force at a site."""

    def put(self, site_id: str, tariff: Tariff) -> bool:
        """Create or replace; True when something changed. Raises `NotFoundError` for an unknown site."""
        ...

    def get(self, site_id: str) -> Tariff | None: ...
