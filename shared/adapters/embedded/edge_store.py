"""The gateway's own store and outbox as one SQLite file."""

import sqlite3
from datetime import datetime
from pathlib import Path

import pandas as pd

from shared.adapters.embedded import price_table, reading_table
from shared.adapters.embedded.columns import micros, moment
from shared.adapters.embedded.sqlite import Schema, SqliteFile
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval
from shared.ports.edge_store import EdgeExtent

EDGE_SCHEMA = Schema(application_id=0x44455245, folder="edge")  # "DERE"


class SqliteEdgeStore:
    """`EdgeStore` and `EdgeAnnouncements`. The file is made when it is first used."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, EDGE_SCHEMA)

    def close(self) -> None:
        self._file.close()

    def write(self, readings: pd.DataFrame) -> int:
        groups = list(reading_table.device_rows(readings))
        if not groups:
            return 0
        with self._file.write() as connection:
            for group in groups:
                if reading_table.insert_new(connection, group, stored_at=None) < len(group.rows):
                    reading_table.update_changed(connection, group, stored_at=None)
        return sum(len(group.rows) for group in groups)

    def read(self, *, site_id: str, interval: Interval, limit: int) -> pd.DataFrame:
        with self._file.read() as connection:
            return reading_table.select(connection, site_id=site_id, interval=interval, limit=limit)

    def count(self, *, site_id: str, interval: Interval) -> int:
        with self._file.read() as connection:
            return reading_table.count(connection, site_id=site_id, interval=interval)

    def latest(self, *, site_id: str) -> pd.DataFrame:
        with self._file.read() as connection:
            return reading_table.select_latest(connection, site_id=site_id)

    def extents(self) -> list[EdgeExtent]:
        with self._file.read() as connection:
            rows = connection.execute("SELECT site_id, device_id, first, last, rows FROM devices ORDER BY site_id, device_id").fetchall()
        return [
            EdgeExtent(site_id=site_id, device_id=device_id, first=moment(first), last=moment(last), rows=count)
            for site_id, device_id, first, last, count in rows
        ]

    def prune(self, *, before: datetime) -> int:
        limit = micros(before)
        with self._file.write() as connection:
            touched = connection.execute("SELECT DISTINCT site_id FROM devices WHERE first < ?", (limit,)).fetchall()
            return sum(_prune_site(connection, site_id, limit) for (site_id,) in touched)

    def announce_site(self, site: Site, tariff: Tariff) -> None:
        documents = (SiteDocument.from_domain(site).model_dump_json(), TariffDocument.from_domain(tariff).model_dump_json())
        with self._file.write() as connection:
            connection.execute("INSERT OR REPLACE INTO sites (site_id, site, tariff) VALUES (?, ?, ?)", (site.site_id, *documents))

    def sites(self) -> list[tuple[Site, Tariff]]:
        with self._file.read() as connection:
            rows = connection.execute("SELECT site, tariff FROM sites ORDER BY site_id").fetchall()
        return [
            (SiteDocument.model_validate_json(site).to_domain(), TariffDocument.model_validate_json(tariff).to_domain())
            for site, tariff in rows
        ]

    def announce_prices(self, series_id: str, prices: pd.DataFrame) -> int:
        rows = price_table.rows(prices)
        with self._file.write() as connection:
            price_table.upsert(connection, series_id, rows)
        return len(rows)

    def prices(self, *, series_id: str, interval: Interval) -> pd.DataFrame:
        """Every publication of each timestamp, sorted by timestamp then publication: what the cloud needs to know what was known when."""
        with self._file.read() as connection:
            return price_table.select_all(connection, series_id=series_id, interval=interval)


def _prune_site(connection: sqlite3.Connection, site_id: str, limit: int) -> int:
    gone = connection.execute(
        "SELECT device_id, count(*) FROM readings WHERE site_id = ? AND timestamp < ? GROUP BY device_id", (site_id, limit)
    ).fetchall()
    connection.execute("DELETE FROM readings WHERE site_id = ? AND timestamp < ?", (site_id, limit))
    for device_id, count in gone:
        connection.execute("DELETE FROM devices WHERE site_id = ? AND device_id = ? AND rows <= ?", (site_id, device_id, count))
        connection.execute(
            "UPDATE devices SET rows = rows - ?3, first = (SELECT timestamp FROM readings WHERE site_id = ?1 AND device_id = ?2"
            " ORDER BY timestamp LIMIT 1) WHERE site_id = ?1 AND device_id = ?2",
            (site_id, device_id, count),
        )
    return sum(count for _, count in gone)
