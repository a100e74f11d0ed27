"""One switch: settings in, adapters out, by the scheme of each address. Each adapter is opened when it is first used."""

from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit

from shared.domain.errors import InvalidValueError
from shared.ports.bus import MessageBus
from shared.ports.clock import Clock
from shared.ports.edge_store import EdgeAnnouncements, EdgeMirror, EdgeStore
from shared.ports.feature_store import FeatureStore
from shared.ports.forecast_store import ForecastStore
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.home_file import HomeFileReader
from shared.ports.job_store import JobRegister
from shared.ports.model_store import ModelStore
from shared.ports.price_feed import PriceFeed
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import ProgressStore
from shared.ports.quarantine_store import QuarantineStore
from shared.ports.reading_store import ReadingStore
from shared.ports.savings_store import SavingsStore
from shared.ports.schedule_store import ScheduleStore
from shared.ports.site_store import SiteStore, TariffStore
from shared.ports.store_schema import StoreSchema
from shared.ports.weather import WeatherFeed, WeatherHistory
from shared.ports.weather_store import WeatherStore
from shared.runtime.arrival import Supplier, aside
from shared.runtime.cli import UsageError
from shared.runtime.logging import set_up
from shared.runtime.settings import InfluxSettings, RuntimeSettings

if TYPE_CHECKING:
    from shared.adapters.distributed.influx import InfluxEdgeStore
    from shared.adapters.embedded.edge_store import SqliteEdgeStore
    from shared.adapters.feeds.asking import Asking
    from shared.adapters.weather import OpenMeteo

POSTGRES = ("postgresql", "postgres")
AMQP = ("amqp", "amqps")


class CloudStore(Protocol):
    """The ports of one cloud store, on one file, database or server."""

    @property
    def sites(self) -> SiteStore: ...
    @property
    def tariffs(self) -> TariffStore: ...
    @property
    def readings(self) -> ReadingStore: ...
    @property
    def quarantine(self) -> QuarantineStore: ...
    @property
    def prices(self) -> PriceStore: ...
    @property
    def weather(self) -> WeatherStore: ...
    @property
    def features(self) -> FeatureStore: ...
    @property
    def forecasts(self) -> ForecastStore: ...
    @property
    def schedules(self) -> ScheduleStore: ...
    @property
    def savings(self) -> SavingsStore: ...
    @property
    def progress(self) -> ProgressStore: ...
    @property
    def jobs(self) -> JobRegister: ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Resources:
    """What the world gives our services. Imports happen on first use, so a command pays for what it needs alone."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._influx: list[InfluxEdgeStore] = []

    @cached_property
    def _edge(self) -> "SqliteEdgeStore":
        from shared.adapters.embedded.edge_store import SqliteEdgeStore

        return SqliteEdgeStore(self._sqlite("DER_EDGE_STORE_URL", self._settings.edge_store_url, "edge.sqlite"))

    @cached_property
    def _cloud(self) -> "CloudStore":
        url = self._settings.cloud_store_url
        if url is not None and urlsplit(url).scheme in POSTGRES:
            from shared.adapters.distributed.postgres import PostgresCloudStore

            return PostgresCloudStore(url)
        if url is None and self._settings.supabase_url is not None:
            from shared.adapters.distributed.supabase import SupabaseCloudStore

            key = self._settings.supabase_key
            assert key is not None  # noqa: S101  # `require_known_addresses` has asked for it
            return SupabaseCloudStore(url=self._settings.supabase_url, key=key.get_secret_value())
        from shared.adapters.embedded.cloud_store import SqliteCloudStore

        return SqliteCloudStore(self._sqlite("DER_CLOUD_STORE_URL", url, "cloud.sqlite"))

    def require_known_addresses(self) -> None:
        """Raise `UsageError` for an address that has no adapter, also for one that this command would never use."""
        settings = self._settings
        if settings.edge_store_url is not None:
            self._sqlite("DER_EDGE_STORE_URL", settings.edge_store_url, "edge.sqlite")
        if settings.cloud_store_url is not None and urlsplit(settings.cloud_store_url).scheme not in POSTGRES:
            self._sqlite("DER_CLOUD_STORE_URL", settings.cloud_store_url, "cloud.sqlite")
        if settings.cloud_store_url is None and settings.supabase_url is not None and settings.supabase_key is None:
            raise UsageError("SUPABASE_KEY is not set: SUPABASE_URL names a server that asks for it; set both or neither")
        if urlsplit(settings.bus_url).scheme not in ("memory", *AMQP):
            raise UsageError(
                f"DER_BUS_URL is {_without_user(settings.bus_url)!r}: its scheme must be memory, amqp or amqps, "
                "for example amqp://USER:PASSWORD@localhost:5672/"
            )

    def _sqlite(self, variable: str, url: str | None, default: str) -> Path:
        """The file of an embedded store. Raises `UsageError` for a scheme that has no adapter."""
        if url is None:
            return self.state_dir / default
        parts = urlsplit(url)
        if parts.scheme != "sqlite":
            others = " or postgresql" if variable == "DER_CLOUD_STORE_URL" else ""
            raise UsageError(f"{variable} is {_without_user(url)!r}: its scheme must be sqlite{others}, for example sqlite:var/{default}")
        if parts.netloc:
            raise UsageError(
                f"{variable} is {url!r}: {parts.netloc!r} would be a host; write one slash or three, for example sqlite:var/{default}"
            )
        if not parts.path:
            raise UsageError(f"{variable} is {url!r}: names no file, for example sqlite:var/{default}")
        return Path(parts.path)

    @cached_property
    def state_dir(self) -> Path:
        """The folder of all state, made when it is missing. Raises `UsageError` when it cannot be written."""
        folder = self._settings.state_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):  # a name of its own: several programs begin on one folder at once
                pass
        except OSError as problem:
            raise UsageError(
                f"state folder {str(folder)!r} cannot be written ({problem.strerror}); name another with --state-dir or DER_STATE_DIR"
            ) from None
        return folder

    @cached_property
    def bus(self) -> MessageBus:
        set_up()
        if urlsplit(self._settings.bus_url).scheme in AMQP:
            from shared.adapters.distributed.rabbitmq import RabbitBus

            return RabbitBus(self._settings.bus_url)
        from shared.adapters.embedded.bus import InProcessBus

        return InProcessBus()

    @property
    def shared_bus(self) -> MessageBus:
        """The bus between processes. Raises `UsageError` where there is only that within a process."""
        if urlsplit(self._settings.bus_url).scheme not in AMQP:
            raise UsageError(
                f"DER_BUS_URL is {self._settings.bus_url!r}: what such a bus gave up is known to its process alone, which logs each as "
                "'message given up' and counts them on its health page (DER_HEALTH_PORT); set DER_BUS_URL to amqp://... for a broker's"
            )
        return self.bus

    @cached_property
    def clock(self) -> Clock:
        from shared.adapters.clock import PlatformClock

        return PlatformClock(lambda: self.readings)

    @property
    def edge(self) -> EdgeStore:
        return self._edge

    @property
    def announcements(self) -> EdgeAnnouncements:
        return self._edge

    def influx_edge(self, settings: InfluxSettings) -> EdgeMirror:
        """A bucket of InfluxDB; nothing is asked of the server yet. Raises `UsageError` for settings that cannot be of one."""
        url, token = settings.url, settings.token.get_secret_value()
        if not token.strip():
            raise UsageError(f"InfluxDB at {_without_user(url)} needs a token: set INFLUXDB_TOKEN, or give --influxdb-token TOKEN")
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isascii() and url.isprintable()
        except ValueError:
            known = False
        if not known or " " in url or parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError(
                f"INFLUXDB_URL is {_without_user(url)!r}: must be http://HOST:PORT or https://HOST:PORT, for example http://localhost:8086"
            )
        from shared.adapters.distributed.influx import InfluxEdgeStore

        try:
            retention = timedelta(days=settings.retention_days)
            store = InfluxEdgeStore(url=url, token=token, org=settings.org, bucket=settings.bucket, retention=retention)
        except InvalidValueError as problem:
            raise UsageError(str(problem)) from None
        self._influx.append(store)
        return store

    @property
    def sites(self) -> SiteStore:
        return self._cloud.sites

    @property
    def tariffs(self) -> TariffStore:
        return self._cloud.tariffs

    @property
    def readings(self) -> ReadingStore:
        return self._cloud.readings

    @property
    def quarantine(self) -> QuarantineStore:
        return self._cloud.quarantine

    @property
    def prices(self) -> PriceStore:
        return self._cloud.prices

    @property
    def weather(self) -> WeatherStore:
        return self._cloud.weather

    @property
    def features(self) -> FeatureStore:
        return self._cloud.features

    @property
    def forecasts(self) -> ForecastStore:
        return self._cloud.forecasts

    @property
    def schedules(self) -> ScheduleStore:
        return self._cloud.schedules

    @property
    def savings(self) -> SavingsStore:
        return self._cloud.savings

    @property
    def progress(self) -> ProgressStore:
        return self._cloud.progress

    @property
    def jobs(self) -> JobRegister:
        return self._cloud.jobs

    def stores(self) -> list[Supplier]:
        """The stores on servers that were asked for until now. A look-up of nothing tells whether one answers, and as what."""
        if "_cloud" not in self.__dict__:
            return []
        progress = self._cloud.progress
        return [Supplier(name="cloud store", ready=partial(aside, partial(progress.get, step="ready", site_id="-")))]

    @property
    def health_address(self) -> tuple[str, int] | None:
        port = self._settings.health_port
        return None if port is None else (self._settings.health_host, port)

    @property
    def job_lease(self) -> timedelta:
        return timedelta(seconds=self._settings.job_lease_seconds)

    @property
    def store_schema(self) -> StoreSchema:
        """The tables of the cloud store on a server. Raises `UsageError` where no such store is named."""
        url = self._settings.cloud_store_url
        if url is None or urlsplit(url).scheme not in POSTGRES:
            raise UsageError(
                "DER_CLOUD_STORE_URL names no PostgreSQL: set it to postgresql://OWNER:PASSWORD@HOST:PORT/DATABASE "
                "(embedded stores need no migration: they keep their own tables in step)"
            )
        from shared.adapters.distributed.postgres.schema_keeper import PostgresSchema

        return PostgresSchema(url)

    def store_script(self) -> str:
        """The tables of a cloud store on PostgreSQL as SQL."""
        from shared.adapters.distributed.postgres.schema_keeper import script

        return script()

    @cached_property
    def models(self) -> ModelStore:
        from shared.adapters.model_dir import ModelDir

        return ModelDir(self._settings.model_dir or self.state_dir / "models")

    def models_in(self, folder: Path) -> ModelStore:
        """Models in another folder than the settings name: where a command line beats the environment."""
        from shared.adapters.model_dir import ModelDir

        return ModelDir(folder)

    @cached_property
    def holidays(self) -> HolidayCalendar:
        from shared.adapters.holiday_calendar import HolidayLibrary

        return HolidayLibrary()

    @cached_property
    def home_files(self) -> HomeFileReader:
        from shared.adapters.home_file import HomeFiles

        return HomeFiles()

    def weather_file(self, path: Path) -> WeatherHistory:
        """Weather from a file. A relative path is relative to the current folder."""
        from shared.adapters.weather import WeatherFile

        return WeatherFile(path)

    @cached_property
    def price_feed(self) -> PriceFeed:
        """Of public suppliers, and of files in the folder `prices` of the state folder: series ids come with tariffs, from anybody."""
        return self._price_feed(self.state_dir / "prices")

    @cached_property
    def price_feed_of_any_file(self) -> PriceFeed:
        """The same for whoever may read every file anyway: paths are relative to the current folder."""
        return self._price_feed(None)

    def _price_feed(self, files: Path | None) -> PriceFeed:
        from shared.adapters.prices import price_feed

        return price_feed(
            self._asking,
            folder=self.state_dir / "feeds",
            urls=self._settings.feed_urls,
            entsoe_token=self._settings.entsoe_token,
            files=files,
        )

    @property
    def weather_feed(self) -> WeatherFeed:
        return self._open_meteo

    @cached_property
    def weather_history(self) -> WeatherHistory:
        """Observed weather of anywhere, over the network."""
        from shared.adapters.weather import ObservedWeatherHistory

        return ObservedWeatherHistory(self._open_meteo, self.clock.now)

    @cached_property
    def _open_meteo(self) -> "OpenMeteo":
        from shared.adapters.weather import open_meteo_service

        settings = self._settings
        return open_meteo_service(self._asking, folder=self.state_dir / "feeds", urls=settings.feed_urls, key=settings.open_meteo_key)

    @cached_property
    def _asking(self) -> "Asking":
        from shared.adapters.feeds.asking import Asking

        return Asking()

    def close(self) -> None:
        """Close what was opened."""
        for name in ("_edge", "_cloud", "_asking"):
            if name in self.__dict__:
                self.__dict__[name].close()
        while self._influx:
            self._influx.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _without_user(url: str) -> str:
    """An address as a message may repeat it."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('//')[0]}//***@{after}" if at else url


def open_resources(settings: RuntimeSettings) -> Resources:
    """The adapters that these settings name. Raises `UsageError` for an address that has none; nothing is opened yet."""
    resources = Resources(settings)
    resources.require_known_addresses()
    return resources
