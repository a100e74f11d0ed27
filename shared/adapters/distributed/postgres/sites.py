"""Sites, their tariffs, and their removal with all that belongs to them."""

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.ports.errors import NotFoundError


class PostgresSites:
    """`SiteStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, site: Site) -> bool:
        document = SiteDocument.from_domain(site).model_dump_json()
        with self._database.write() as connection:
            row = connection.execute("SELECT der.put_site(%s, %s::jsonb)", (site.site_id, document)).fetchone()
        return row == (True,)

    def get(self, site_id: str) -> Site | None:
        with self._database.read() as connection:
            row = connection.execute("SELECT document::text FROM public.sites WHERE site_id = %s", (site_id,)).fetchone()
        return _site(row) if row else None

    def list(self) -> list[Site]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT document::text FROM public.sites ORDER BY site_id").fetchall()
        return [_site(row) for row in rows]

    def delete(self, site_id: str) -> bool:
        with self._database.write() as connection:
            row = connection.execute("SELECT der.remove_site(%s)", (site_id,)).fetchone()
        return row == (True,)


class PostgresTariffs:
    """`TariffStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, site_id: str, tariff: Tariff) -> bool:
        document = TariffDocument.from_domain(tariff).model_dump_json()
        with self._database.write() as connection:
            row = connection.execute("SELECT der.put_tariff(%s, %s::jsonb)", (site_id, document)).fetchone()
        if row == (None,):
            raise NotFoundError(f"no site {site_id!r} in the store; create the site before its tariff")
        return row == (True,)

    def get(self, site_id: str) -> Tariff | None:
        with self._database.read() as connection:
            row = connection.execute("SELECT document::text FROM public.tariffs WHERE site_id = %s", (site_id,)).fetchone()
        return TariffDocument.model_validate_json(str(row[0])).to_domain() if row else None


def _site(row: tuple[object, ...]) -> Site:
    return SiteDocument.model_validate_json(str(row[0])).to_domain()
