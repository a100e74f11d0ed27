"""A cloud and the service on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.features.service import FeatureService
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.holiday_calendar import HolidayLibrary


@dataclass(frozen=True, kw_only=True)
class World:
    cloud: SqliteCloudStore

    def service(self, *, lookback: timedelta | None = None, window_days: int = 7) -> FeatureService:
        return FeatureService(
            sites=self.cloud.sites,
            tariffs=self.cloud.tariffs,
            readings=self.cloud.readings,
            prices=self.cloud.prices,
            weather=self.cloud.weather,
            features=self.cloud.features,
            holidays=HolidayLibrary(),
            progress=self.cloud.progress,
            window_days=window_days,
            lookback=lookback,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    cloud = SqliteCloudStore(tmp_path / "cloud.sqlite")
    yield World(cloud=cloud)
    cloud.close()
