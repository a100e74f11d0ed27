"""This program's settings."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class FeatureSettings(BaseSettings):
    """From the environment: `FE_SITE_ID`, `FE_BATCH_SIZE`, `FE_ROLLING_WINDOW_DAYS`, `FE_LOOKBACK_DAYS`."""

    model_config = SettingsConfigDict(env_prefix="FE_", extra="ignore", frozen=True)

    site_id: str | None = Field(default=None, min_length=1)
    """The only site to work for; all of them without it."""
    batch_size: int = Field(default=1000, gt=0, le=1_000_000)
    """Rows written in one transaction."""
    rolling_window_days: int = Field(default=7, gt=0, le=60)
    lookback_days: float = Field(default=30.0, gt=0, le=36_500)
    """How far back a table reaches when it is first made."""
