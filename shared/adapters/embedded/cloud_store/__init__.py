"""The cloud's store as one SQLite file: each port is one small part of it."""

from pathlib import Path

from shared.adapters.embedded.cloud_store.features import SqliteFeatures
from shared.adapters.embedded.cloud_store.forecasts import SqliteForecasts
from shared.adapters.embedded.cloud_store.jobs import FencedFile, SqliteJobs
from shared.adapters.embedded.cloud_store.prices import SqlitePrices
from shared.adapters.embedded.cloud_store.progress import SqliteProgress
from shared.adapters.embedded.cloud_store.quarantine import SqliteQuarantine
from shared.adapters.embedded.cloud_store.readings import SqliteReadings
from shared.adapters.embedded.cloud_store.savings import SqliteSavings
from shared.adapters.embedded.cloud_store.schedules import SqliteSchedules
from shared.adapters.embedded.cloud_store.sites import SqliteSites
from shared.adapters.embedded.cloud_store.tariffs import SqliteTariffs
from shared.adapters.embedded.cloud_store.weather import SqliteWeather
from shared.adapters.embedded.sqlite import Schema

CLOUD_SCHEMA = Schema(application_id=0x44455243, folder="cloud")  # "DERC"


class SqliteCloudStore:
    """All cloud ports on one file, which is made when one of them is first used."""

    def __init__(self, path: Path) -> None:
        self._file = FencedFile(path, CLOUD_SCHEMA)
        self.sites = SqliteSites(self._file)
        self.tariffs = SqliteTariffs(self._file)
        self.readings = SqliteReadings(self._file)
        self.quarantine = SqliteQuarantine(self._file)
        self.prices = SqlitePrices(self._file)
        self.weather = SqliteWeather(self._file)
        self.features = SqliteFeatures(self._file)
        self.forecasts = SqliteForecasts(self._file)
        self.schedules = SqliteSchedules(self._file)
        self.savings = SqliteSavings(self._file)
        self.progress = SqliteProgress(self._file)
        self.jobs = SqliteJobs(self._file)

    def close(self) -> None:
        self._file.close()
