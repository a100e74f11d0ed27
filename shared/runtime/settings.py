"""Settings that every process shares, and how any settings are loaded: command line beats environment beats default."""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.cli import UsageError


class RuntimeSettings(BaseSettings):
    """Where things are. The schemes of the addresses pick the adapters."""

    model_config = SettingsConfigDict(env_prefix="DER_", extra="ignore", populate_by_name=True, frozen=True)

    state_dir: Path = Path("var")
    edge_store_url: str | None = None
    """Default: `sqlite:` file `edge.sqlite` in the state folder."""
    cloud_store_url: str | None = None
    """Default: `sqlite:` file `cloud.sqlite` in the state folder."""
    bus_url: str = "memory:"
    model_dir: Path | None = Field(default=None, validation_alias="FORECAST_MODEL_DIR")
    """Default: `models` in the state folder."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


Settings = TypeVar("Settings", bound=BaseSettings)


def load(kind: type[Settings], **given: Any) -> Settings:
    """Settings of that kind; `given` are command-line values (None: not given). Raises `UsageError` naming the variable."""
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as problem:
        first = problem.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        variable = name if name.isupper() else f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        raise UsageError(f"{variable} is {first['input']!r}: {first['msg']}; correct it or unset it") from None
