"""Where InfluxDB is: command line beats environment beats default."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class InfluxSettings(BaseSettings):
    """From the environment: `INFLUXDB_URL`, `INFLUXDB_TOKEN`, `INFLUXDB_ORG`, `INFLUXDB_BUCKET`, `INFLUXDB_RETENTION_DAYS`."""

    model_config = SettingsConfigDict(env_prefix="INFLUXDB_", extra="ignore", frozen=True)

    url: str = "http://localhost:8086"
    token: SecretStr = SecretStr("")
    org: str = "edge-gateway"
    bucket: str = "der-data"
    retention_days: int = 7
