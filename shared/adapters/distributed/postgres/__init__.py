"""The cloud's store on PostgreSQL, spoken to directly: each port is one small part of it."""

from shared.adapters.distributed.postgres.address import Patience
from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.adapters.distributed.postgres.features import PostgresFeatures
from shared.adapters.distributed.postgres.forecasts import PostgresForecasts
from shared.adapters.distributed.postgres.jobs import PostgresJobs
from shared.adapters.distributed.postgres.prices import PostgresPrices
from shared.adapters.distributed.postgres.progress import PostgresProgress
from shared.adapters.distributed.postgres.quarantine import PostgresQuarantine
from shared.adapters.distributed.postgres.readings import PostgresReadings
from shared.adapters.distributed.postgres.savings import PostgresSavings
from shared.adapters.distributed.postgres.schedules import PostgresSchedules
from shared.adapters.distributed.postgres.sites import PostgresSites, PostgresTariffs
from shared.adapters.distributed.postgres.weather import PostgresWeather

__all__ = ["Patience", "PostgresCloudStore"]


class PostgresCloudStore:
    """All cloud ports on one database, to which the first use of one of them connects.

    Raises `InvalidValueError` for an address that is none; see `PostgresDatabase` for the errors of its use.
    """

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        self._database = PostgresDatabase(url, patience=patience)
        self.sites = PostgresSites(self._database)
        self.tariffs = PostgresTariffs(self._database)
        self.readings = PostgresReadings(self._database)
        self.quarantine = PostgresQuarantine(self._database)
        self.prices = PostgresPrices(self._database)
        self.weather = PostgresWeather(self._database)
        self.features = PostgresFeatures(self._database)
        self.forecasts = PostgresForecasts(self._database)
        self.schedules = PostgresSchedules(self._database)
        self.savings = PostgresSavings(self._database)
        self.progress = PostgresProgress(self._database)
        self.jobs = PostgresJobs(self._database)

    def close(self) -> None:
        """Let go of the connections."""
        self._database.close()
