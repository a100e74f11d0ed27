"""Settings of the api, read in its composition root alone."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

EVERYWHERE = "0.0.0.0"  # noqa: S104  # refused below where it would be what it says


class ApiSettings(BaseSettings):
    """Where the api listens. There is no sign-in yet, so it is reached from this machine alone."""

    model_config = SettingsConfigDict(env_prefix="API_", extra="ignore", populate_by_name=True, frozen=True)

    published_on_loopback: bool = False
    """Promises that this process lives in a container whose port is published on 127.0.0.1 alone: it may listen on 0.0.0.0 there."""
    host: Literal["127.0.0.1", "::1", "localhost", "0.0.0.0"] = "127.0.0.1"  # noqa: S104
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="PORT")
    """0: any free port."""
    planner_timeout_seconds: float = Field(default=8.0, gt=0, le=60)
    """How long a request to plan now waits for the plan before it is answered with 202."""

    @field_validator("host")
    @classmethod
    def _this_machine_alone(cls, host: str, others: ValidationInfo) -> str:
        if host == EVERYWHERE and not others.data.get("published_on_loopback"):
            raise PydanticCustomError(
                "not_this_machine",
                "it is for containers whose port is published on 127.0.0.1 alone, which API_PUBLISHED_ON_LOOPBACK=true promises",
            )
        return host
