"""Sites by id, and their removal with all that belongs to them."""

from shared.adapters.embedded.sqlite import SqliteFile
from shared.contracts.sites import SiteDocument
from shared.domain.site import Site

SITE_TABLES = (
    "readings",
    "devices",
    "quarantine",
    "tariffs",
    "feature_catalogs",  # takes its features with it
    "forecasts",
    "schedules",
    "savings",
    "progress",
    "jobs",
    "sites",
)
"""Every table with a `site_id`, in an order that its references allow."""


class SqliteSites:
    """`SiteStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, site: Site) -> bool:
        document = SiteDocument.from_domain(site).model_dump_json()
        with self._file.write() as connection:
            cursor = connection.execute(
                "INSERT INTO sites (site_id, document) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET document = excluded.document WHERE document <> excluded.document",
                (site.site_id, document),
            )
            return cursor.rowcount > 0

    def get(self, site_id: str) -> Site | None:
        with self._file.read() as connection:
            row = connection.execute("SELECT document FROM sites WHERE site_id = ?", (site_id,)).fetchone()
        return SiteDocument.model_validate_json(row[0]).to_domain() if row else None

    def list(self) -> list[Site]:
        with self._file.read() as connection:
            rows = connection.execute("SELECT document FROM sites ORDER BY site_id").fetchall()
        return [SiteDocument.model_validate_json(document).to_domain() for (document,) in rows]

    def delete(self, site_id: str) -> bool:
        with self._file.write() as connection:
            gone = [
                connection.execute(f"DELETE FROM {table} WHERE site_id = ?", (site_id,)).rowcount  # noqa: S608  # constant names
                for table in SITE_TABLES
            ]
            return gone[-1] > 0
