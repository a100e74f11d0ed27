"""Supabase as the cloud store through its REST API, for who has its address and key and no connection to its database."""

from shared.adapters.distributed.supabase.features import SupabaseFeatures
from shared.adapters.distributed.supabase.forecasts import SupabaseForecasts
from shared.adapters.distributed.supabase.jobs import SupabaseJobs
from shared.adapters.distributed.supabase.prices import SupabasePrices
from shared.adapters.distributed.supabase.progress import SupabaseProgress
from shared.adapters.distributed.supabase.quarantine import SupabaseQuarantine
from shared.adapters.distributed.supabase.readings import SupabaseReadings
from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.savings import SupabaseSavings
from shared.adapters.distributed.supabase.schedules import SupabaseSchedules
from shared.adapters.distributed.supabase.sites import SupabaseSites, SupabaseTariffs
from shared.adapters.distributed.supabase.transport import Patience
from shared.adapters.distributed.supabase.weather import SupabaseWeather

__all__ = ["Patience", "SupabaseCloudStore"]


class SupabaseCloudStore:
    """All cloud ports on one project. `key` is its secret key; the schema must be there (`der migrate`)."""

    def __init__(self, *, url: str, key: str, patience: Patience | None = None) -> None:
        self._rest = Rest(url=url, key=key, patience=patience)
        self.sites = SupabaseSites(self._rest)
        self.tariffs = SupabaseTariffs(self._rest)
        self.readings = SupabaseReadings(self._rest)
        self.quarantine = SupabaseQuarantine(self._rest)
        self.prices = SupabasePrices(self._rest)
        self.weather = SupabaseWeather(self._rest)
        self.features = SupabaseFeatures(self._rest)
        self.forecasts = SupabaseForecasts(self._rest)
        self.schedules = SupabaseSchedules(self._rest)
        self.savings = SupabaseSavings(self._rest)
        self.progress = SupabaseProgress(self._rest)
        self.jobs = SupabaseJobs(self._rest)

    def close(self) -> None:
        self._rest.close()
