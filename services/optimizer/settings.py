"""Settings of the optimizer."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OptimizerSettings(BaseSettings):
    """How often plans are checked for age, and how long a plan may be computed."""

    model_config = SettingsConfigDict(env_prefix="OPTIMIZER_", extra="ignore", frozen=True)

    interval_seconds: float = Field(default=300.0, gt=0, le=86_400)
    time_limit_seconds: float = Field(default=5.0, gt=0, le=600)

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self.interval_seconds)
