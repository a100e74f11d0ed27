"""The tariff in force at a site."""

from shared.adapters.embedded.sqlite import SqliteFile
from shared.contracts.sites import TariffDocument
from shared.domain.tariff import Tariff
from shared.ports.errors import NotFoundError


class SqliteTariffs:
    """`TariffStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, site_id: str, tariff: Tariff) -> bool:
        document = TariffDocument.from_domain(tariff).model_dump_json()
        with self._file.write() as connection:
            if connection.execute("SELECT 1 FROM sites WHERE site_id = ?", (site_id,)).fetchone() is None:
                raise NotFoundError(f"no site {site_id!r} in the store; create the site before its tariff")
            cursor = connection.execute(
                "INSERT INTO tariffs (site_id, document) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET document = excluded.document WHERE document <> excluded.document",
                (site_id, document),
            )
            return cursor.rowcount > 0

    def get(self, site_id: str) -> Tariff | None:
        with self._file.read() as connection:
            row = connection.execute("SELECT document FROM tariffs WHERE site_id = ?", (site_id,)).fetchone()
        return TariffDocument.model_validate_json(row[0]).to_domain() if row else None
