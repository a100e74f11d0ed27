"""Every implementation of every port. A new adapter is one line in the table of its port; its suite runs on it at once.

A store's factory takes a folder (a place of its own) and gives a context manager: entering it twice on one folder is a restart.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr

from shared.adapters.delivery import DeliveryPolicy
from shared.adapters.distributed.influx import InfluxAnnouncements, InfluxEdgeStore, Patience
from shared.adapters.distributed.postgres import PostgresCloudStore
from shared.adapters.distributed.rabbitmq import RabbitBus
from shared.adapters.distributed.supabase import SupabaseCloudStore
from shared.adapters.embedded.bus import InProcessBus
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.adapters.holiday_calendar import HolidayLibrary
from shared.adapters.model_dir import ModelDir
from shared.adapters.prices import price_feed
from shared.adapters.weather import ObservedWeatherHistory, WeatherFile, open_meteo_service
from shared.contracts.topology import API_ANNOUNCE, FEATURES_BUILD, FORECASTER_TRAIN, GATEWAY_SCHEDULE
from shared.ports.bus import MessageBus
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.price_feed import PriceFeed
from shared.ports.weather import WeatherHistory
from tests import supplier_formats, supplier_server
from tests.live import influx_server, servers, supabase_api

Factory = Callable[[Path], AbstractContextManager[Any]]

ATTEMPTS, ATTEMPTS_AFTER_BUG = 4, 2


@contextmanager
def _sqlite_edge(folder: Path) -> Iterator[SqliteEdgeStore]:
    store = SqliteEdgeStore(folder / "edge.sqlite")
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _influx_edge(folder: Path) -> Iterator[InfluxEdgeStore]:
    """On the server in INFLUXDB_TEST_URL, where the folder has a bucket of its own, or on a small one with the folder's data."""
    bucket = _name_in(folder)
    if url := os.environ.get("INFLUXDB_TEST_URL"):
        token, org = os.environ["INFLUXDB_TEST_TOKEN"], os.environ.get("INFLUXDB_TEST_ORG", influx_server.ORG)
        with _opened_influx(url, token, org, bucket) as store:
            yield store
        return
    with (
        influx_server.serving(folder / "influx") as server,
        _opened_influx(server.url, influx_server.TOKEN, influx_server.ORG, bucket) as store,
    ):
        yield store


@contextmanager
def _influx_announcements(folder: Path) -> Iterator[InfluxAnnouncements]:
    with _influx_edge(folder) as store:
        yield store.announcements


def _name_in(folder: Path) -> str:
    """A name that no other folder has, at any time; the same for every process that comes to this folder."""
    mine, name = folder / f".{uuid.uuid4()}", folder / "bucket"
    mine.write_text(f"test-{uuid.uuid4()}")
    with suppress(FileExistsError):
        name.hardlink_to(mine)
    return name.read_text()


@contextmanager
def _opened_influx(url: str, token: str, org: str, bucket: str) -> Iterator[InfluxEdgeStore]:
    store = InfluxEdgeStore(url=url, token=token, org=org, bucket=bucket, retention=None, patience=Patience())
    try:
        store.prepare()
        yield store
    finally:
        store.close()


@contextmanager
def _sqlite_cloud(folder: Path) -> Iterator[SqliteCloudStore]:
    store = SqliteCloudStore(folder / "cloud.sqlite")
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _postgres_cloud(folder: Path) -> Iterator[PostgresCloudStore]:
    """A database for each folder; the one of the folder before is dropped, for its test has ended."""
    address = folder / "postgres"
    if not address.exists():
        server = servers.database()
        while _databases:
            server.drop_database(_databases.pop())
        _databases.append(server.new_store())
        address.write_text(server.url(_databases[0]))
    store = PostgresCloudStore(address.read_text())
    try:
        yield store
    finally:
        store.close()


_databases: list[str] = []


@contextmanager
def _supabase_cloud(folder: Path) -> Iterator[SupabaseCloudStore]:
    """On the one API of this test process, emptied for each new folder."""
    address = folder / "supabase"
    if not address.exists():
        api = servers.supabase()
        api.empty()
        address.write_text(api.url)
    store = SupabaseCloudStore(url=address.read_text(), key=supabase_api.SECRET_KEY)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _model_dir(folder: Path) -> Iterator[ModelDir]:
    yield ModelDir(folder / "models")


def _bus_policy(*, publish_timeout: timedelta) -> DeliveryPolicy:
    return DeliveryPolicy(
        attempts=ATTEMPTS,
        attempts_after_bug=ATTEMPTS_AFTER_BUG,
        first_delay=timedelta(milliseconds=1),
        publish_timeout=publish_timeout,
        drain_timeout=timedelta(milliseconds=300),
        capacity=20,
    )


@contextmanager
def _in_process_bus() -> Iterator[InProcessBus]:
    yield InProcessBus(_bus_policy(publish_timeout=timedelta(milliseconds=100)))


@contextmanager
def _rabbit_bus() -> Iterator[RabbitBus]:
    with servers.broker().vhost() as url:
        yield RabbitBus(
            url,
            _bus_policy(publish_timeout=timedelta(seconds=3)),
            queues=(FEATURES_BUILD, FORECASTER_TRAIN, API_ANNOUNCE, GATEWAY_SCHEDULE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPrices:
    """A supplier of prices in a place of the test's, and the step of its prices."""

    step: timedelta
    opened: Callable[[Path, pd.DataFrame], AbstractContextManager[tuple[PriceFeed, str]]]
    """Gives the feed and the name of the series that holds these rows of `timestamp`, `price_per_kwh`."""


@contextmanager
def _price_supplier(name: str, folder: Path, rows: pd.DataFrame) -> Iterator[tuple[PriceFeed, str]]:
    form = supplier_formats.PRICE_FORMATS[name]
    with supplier_server.supplying(form.answering(rows)) as supplier, supplier_server.hasty() as asking:
        token = SecretStr(supplier_formats.TOKEN)
        urls, sleep = {name: supplier.url}, supplier_server.without_sleep
        yield price_feed(asking, folder=folder, urls=urls, entsoe_token=token, files=None, sleep=sleep), form.series_id


@contextmanager
def _price_file(folder: Path, rows: pd.DataFrame) -> Iterator[tuple[PriceFeed, str]]:
    folder.mkdir(parents=True)
    with supplier_server.hasty() as asking:
        yield price_feed(asking, folder=folder / "feeds", urls={}, entsoe_token=None, files=None), supplier_formats.price_file(folder, rows)


@contextmanager
def _weather_file_of(write: Callable[[Path, pd.DataFrame], WeatherHistory], folder: Path, rows: pd.DataFrame) -> Iterator[WeatherHistory]:
    yield write(folder, rows)


@contextmanager
def _weather_online(folder: Path, rows: pd.DataFrame) -> Iterator[WeatherHistory]:
    """Open-Meteo's archive, years later."""
    with supplier_server.supplying(supplier_formats.open_meteo(rows)) as supplier, supplier_server.hasty() as asking:
        service = open_meteo_service(asking, folder=folder, urls={"open-meteo": supplier.url}, key=None)
        yield ObservedWeatherHistory(service, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def _weather_csv(folder: Path, rows: pd.DataFrame) -> WeatherHistory:
    rows.assign(timestamp=[moment.isoformat() for moment in rows["timestamp"]]).to_csv(folder / "weather.csv", index=False)
    return WeatherFile(folder / "weather.csv")


def _weather_parquet(folder: Path, rows: pd.DataFrame) -> WeatherHistory:
    rows.to_parquet(folder / "weather.parquet")
    return WeatherFile(folder / "weather.parquet")


EDGE_STORES: dict[str, Factory] = {"sqlite": _sqlite_edge, "influx": _influx_edge}
ANNOUNCEMENTS: dict[str, Factory] = {"sqlite": _sqlite_edge, "influx": _influx_announcements}
CLOUD_STORES: dict[str, Factory] = {"sqlite": _sqlite_cloud, "postgres": _postgres_cloud, "supabase": _supabase_cloud}
"""Attributes named after the ports: sites, tariffs, readings, quarantine, prices, features, forecasts, schedules, savings, progress."""
MODEL_STORES: dict[str, Factory] = {"folder": _model_dir}
BUSES: dict[str, Callable[[], AbstractContextManager[MessageBus]]] = {"in-process": _in_process_bus, "rabbitmq": _rabbit_bus}
"""With `ATTEMPTS` and `ATTEMPTS_AFTER_BUG` deliveries, room for about 20 messages in a queue, and delays of milliseconds; the
shared queues of the features' builder and of the trainer are known, and the ones per instance."""
BETWEEN_PROCESSES = {"rabbitmq"}
"""Buses that keep what they are given for a consumer that is late."""
HOLIDAY_CALENDARS: dict[str, Callable[[], HolidayCalendar]] = {"library": HolidayLibrary}
WEATHER_HISTORIES: dict[str, Callable[[Path, pd.DataFrame], AbstractContextManager[WeatherHistory]]] = {
    "csv": partial(_weather_file_of, _weather_csv),
    "parquet": partial(_weather_file_of, _weather_parquet),
    "open-meteo": _weather_online,
}
"""Each holds the rows that it is given, of Berlin."""

PRICE_FEEDS: dict[str, HeldPrices] = {
    **{name: HeldPrices(step=form.step, opened=partial(_price_supplier, name)) for name, form in supplier_formats.PRICE_FORMATS.items()},
    "file": HeldPrices(step=timedelta(hours=1), opened=_price_file),
}


def fixtures_of(implementations: dict[str, Factory]) -> tuple[Any, Any]:
    """Two fixtures for a suite: `opened()` opens the implementation on the test's own folder, `store` is it, open."""

    @pytest.fixture(params=sorted(implementations), name="opened")
    def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AbstractContextManager[Any]]:
        return partial(implementations[request.param], tmp_path)

    @pytest.fixture(name="store")
    def store(opened: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
        with opened() as entered:
            yield entered

    return opened, store
