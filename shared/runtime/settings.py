"""Settings that every process shares, and how any settings are loaded: command line beats environment beats default."""

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.runtime.cli import UsageError


class RuntimeSettings(BaseSettings):
    """Where things are. The schemes of the addresses pick the adapters."""

    model_config = SettingsConfigDict(env_prefix="DER_", extra="ignore", populate_by_name=True, frozen=True)

    state_dir: Path = Path("var")
    edge_store_url: str | None = None
    """Default: `sqlite:` file `edge.sqlite` in the state folder."""
    cloud_store_url: str | None = None
    """Default: `sqlite:` file `cloud.sqlite` in the state folder."""
    """Or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`. Without it, `SUPABASE_URL` and `SUPABASE_KEY` are used when they are set."""
    bus_url: str = "memory:"
    """Or `amqp://USER:PASSWORD@HOST:PORT/VHOST` (`amqps://` for TLS)."""
    supabase_url: str | None = Field(default=None, validation_alias="SUPABASE_URL")
    supabase_key: SecretStr | None = Field(default=None, validation_alias="SUPABASE_KEY")
    feed_urls: dict[str, str] = Field(default_factory=dict)
    """Where a supplier of prices or weather is asked instead of its public address: `{"entsoe": "https://..."}`."""
    entsoe_token: SecretStr | None = Field(default=None, validation_alias="ENTSOE_TOKEN")
    open_meteo_key: SecretStr | None = Field(default=None, validation_alias="OPEN_METEO_KEY")
    """Of a paid plan; without it the free service is asked, which is for non-commercial use."""
    model_dir: Path | None = Field(default=None, validation_alias="FORECAST_MODEL_DIR")
    """Default: `models` in the state folder."""
    job_lease_seconds: float = Field(default=60.0, ge=1, le=3600)
    """After how long the jobs of a worker that died are done by another."""
    health_port: int | None = Field(default=None, ge=0, le=65535)
    """Where continuous processes serve `/healthz`, `/readyz` and `/metrics` (0: any free port); without it they serve none."""
    health_host: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("edge_store_url", "cloud_store_url", "supabase_url", "supabase_key", "entsoe_token", "open_meteo_key", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: object) -> object:
        # container files can empty a variable and cannot take it away
        return None if value == "" else value

    @field_validator("state_dir", "model_dir", mode="before")
    @classmethod
    def _not_empty(cls, folder: object) -> object:
        # an empty path would be the current folder: `STATE_DIR=$UNSET` must not scatter files there
        if isinstance(folder, str) and not folder.strip():
            raise PydanticCustomError("empty_folder", "is empty; name a folder")
        return folder


class InfluxSettings(BaseSettings):
    """Where InfluxDB is, which a gateway copies its readings to and sync reads them from."""

    model_config = SettingsConfigDict(env_prefix="INFLUXDB_", env_ignore_empty=True, extra="ignore", frozen=True)

    url: str = "http://localhost:8086"
    token: SecretStr = SecretStr("")
    org: str = "edge-gateway"
    bucket: str = "der-data"
    retention_days: int = 7
    """Of a bucket that a gateway makes."""


Settings = TypeVar("Settings", bound=BaseSettings)


def load(kind: type[Settings], **given: Any) -> Settings:
    """Settings of that kind; `given` are command-line values (None: not given). Raises `UsageError` naming the variable."""
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as problem:
        name = next((name for name in kind.model_fields if f'"{name}"' in str(problem)), "settings")
        variable = _variable(kind, name)
        raise UsageError(f"{variable} is {_shown(variable, os.environ.get(variable))}: must be JSON; correct it or unset it") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        variable = _variable(kind, str(first["loc"][0]) if first["loc"] else "settings")
        if first["type"] == "missing":
            raise UsageError(f"{variable} is not set: set it in the environment") from None
        raise UsageError(f"{variable} is {_shown(variable, first['input'])}: {first['msg']}; correct it or unset it") from None


def _variable(kind: type[BaseSettings], name: str) -> str:
    """The environment's name of a field, given by its own name or by its alias."""
    return name if name.isupper() else f"{kind.model_config.get('env_prefix', '')}{name}".upper()


def _shown(variable: str, value: object) -> str:
    """The value as a message may repeat it."""
    return "wrong" if any(word in variable for word in _SECRETS) else repr(value)


_SECRETS = ("TOKEN", "KEY", "SECRET", "PASSWORD")
