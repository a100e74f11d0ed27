"""This program's settings, under the customer's names. `FORECAST_MODEL_DIR` belongs to the resources."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ForecasterSettings(BaseSettings):
    """From the environment: `FORECAST_TEST_SIZE`."""

    model_config = SettingsConfigDict(env_prefix="FORECAST_", extra="ignore", frozen=True)

    test_size: float = Field(default=0.25, gt=0, lt=1)
    """Share of the history, at its end, on which a model is tested; at least 2 and at most 60 days."""
