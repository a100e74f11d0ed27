"""An edge, a cloud and the service between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.sync.service import SyncService
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.ports.edge_store import EdgeStore
from shared.ports.reading_store import ReadingStore


@dataclass(frozen=True, kw_only=True)
class World:
    edge: SqliteEdgeStore
    cloud: SqliteCloudStore

    def service(self, *, batch_size: int = 50, edge: EdgeStore | None = None, readings: ReadingStore | None = None) -> SyncService:
        return SyncService(
            edge=edge or self.edge,
            announcements=self.edge,
            sites=self.cloud.sites,
            tariffs=self.cloud.tariffs,
            prices=self.cloud.prices,
            readings=readings or self.cloud.readings,
            quarantine=self.cloud.quarantine,
            progress=self.cloud.progress,
            batch_size=batch_size,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    edge, cloud = SqliteEdgeStore(tmp_path / "edge.sqlite"), SqliteCloudStore(tmp_path / "cloud.sqlite")
    yield World(edge=edge, cloud=cloud)
    edge.close()
    cloud.close()
