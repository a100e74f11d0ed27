"""This program's settings. `INFLUXDB_*` and `SUPABASE_*` name servers, which the embedded stores do without."""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SyncSettings(BaseSettings):
    """From the environment: `SYNC_BATCH_SIZE`, `SYNC_INTERVAL_SECONDS`, `SYNC_WEATHER`."""

    model_config = SettingsConfigDict(env_prefix="SYNC_", extra="ignore", frozen=True)

    batch_size: int = Field(default=5000, gt=0, le=1_000_000)
    """Readings copied in one transaction."""
    interval_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """Between two sweeps."""
    weather: Literal["open-meteo"] | None = None
    """Whom to ask for the weather of sites; nobody unless it is said, for who asks without a key must not be in business."""

    @field_validator("weather", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: object) -> object:
        return None if value == "" else value
