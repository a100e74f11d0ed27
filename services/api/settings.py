"""Settings of the api, read in its composition root alone."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Where the api listens. There is no sign-in yet, so it listens on this machine alone."""

    model_config = SettingsConfigDict(env_prefix="API_", extra="ignore", populate_by_name=True, frozen=True)

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="PORT")
    """0: any free port."""
    planner_timeout_seconds: float = Field(default=8.0, gt=0, le=60)
    """How long a request to plan now waits for the plan before it is answered with 202."""
