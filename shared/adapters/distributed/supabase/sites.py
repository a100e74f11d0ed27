"""Sites by id, their tariffs, and their removal with all that belongs to them."""

from shared.adapters.distributed.supabase.rest import Rest
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.ports.errors import NotFoundError

_PAGE = 500


class SupabaseSites:
    """`SiteStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, site: Site) -> bool:
        document = SiteDocument.from_domain(site).model_dump_json()
        return bool(self._rest.write("site", {"site_id": site.site_id, "document": document}))

    def get(self, site_id: str) -> Site | None:
        document = self._rest.read("site", {"site_id": site_id})
        return SiteDocument.model_validate_json(document).to_domain() if document else None

    def list(self) -> list[Site]:
        pages = self._rest.pages("sites", {"after": ""}, limit=None, size=_PAGE, after={"after": "site_id"})
        return [SiteDocument.model_validate_json(document).to_domain() for page in pages for document in page["document"]]

    def delete(self, site_id: str) -> bool:
        return bool(self._rest.write("site_away", {"site_id": site_id}))


class SupabaseTariffs:
    """`TariffStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, site_id: str, tariff: Tariff) -> bool:
        document = TariffDocument.from_domain(tariff).model_dump_json()
        changed = self._rest.write("tariff", {"site_id": site_id, "document": document})["changed"]
        if changed is None:
            raise NotFoundError(f"no site {site_id!r} in the store; create the site before its tariff")
        return bool(changed)

    def get(self, site_id: str) -> Tariff | None:
        document = self._rest.read("tariff", {"site_id": site_id})
        return TariffDocument.model_validate_json(document).to_domain() if document else None
