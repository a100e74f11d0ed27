"""Real processes and servers that are not there: they wait and say so once, or end with one line that says what to mend."""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.flow.processes import Living, living, until_its_end
from tests.live import influx_server, servers
from tests.live.faults import Wire

pytestmark = pytest.mark.live

SYNC = ("-m", "services.embedded.main", "sync", "--continuous", "--interval", "1")
READY_SECONDS = 10.0


@pytest.fixture
def bus_url() -> Iterator[str]:
    with servers.broker().vhost() as url:
        yield url


@pytest.fixture
def store_url() -> Iterator[str]:
    with servers.database().store_url() as url:
        yield url


def through(wire: Wire, url: str) -> str:
    """The same server, behind the wire."""
    parts = urlsplit(url)
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return parts._replace(netloc=f"{login}127.0.0.1:{wire.port}").geturl()


def wire_to(url: str) -> Wire:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Wire(parts.hostname, parts.port)


def problems(page: str) -> dict[str, str]:
    return httpx.get(f"{page}readyz", timeout=20).json()["problems"]


def soon(condition: Callable[[], bool], program: Living, *, seconds: float = 30.0) -> float:
    """Wait until something is so; returns the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert program.process.poll() is None, program.said
        assert time.monotonic() - started < seconds, program.said
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_process_waits_for_its_servers_and_is_there_soon_after_them(tmp_path, bus_url, store_url):
    with wire_to(bus_url) as bus, wire_to(store_url) as store, influx_server.serving(tmp_path / "influx") as influx:
        bus.refuse()
        store.refuse()
        influx.stop()
        variables = {
            "DER_BUS_URL": through(bus, bus_url), "DER_CLOUD_STORE_URL": through(store, store_url), "DER_HEALTH_PORT": "0",
            "INFLUXDB_URL": influx.url, "INFLUXDB_TOKEN": influx_server.TOKEN, "INFLUXDB_ORG": influx_server.ORG,
        }  # fmt: skip
        with living(*SYNC, state_dir=tmp_path, variables=variables) as program:
            page = program.wait_until_it_says(r"url=(http://\S+/)")[1]
            soon(lambda: problems(page).keys() == {"bus", "cloud store", "edge store"}, program)
            assert httpx.get(f"{page}healthz", timeout=20).json() == {"status": "alive"}
            bus.heal()
            soon(lambda: "bus" not in problems(page), program, seconds=READY_SECONDS)
            store.heal()
            influx.start()
            influx_bucket(influx.url)
            soon(lambda: not problems(page), program, seconds=READY_SECONDS)
            for server in ("bus", "cloud store", "edge store"):
                said = [line for line in program.lines if re.search(rf"server=['\"]?{server}", line)]
                assert [line for line in said if "the server is there" in line] == said[-1:]
                assert len(set(said)) <= 3  # away, perhaps there without our bucket, there
            assert str(bus.port) in program.said
            assert str(store.port) in program.said

            bus.refuse()  # and again while it lives
            soon(lambda: "bus" in problems(page), program)
            bus.heal()
            soon(lambda: not problems(page), program, seconds=READY_SECONDS)
            status, seconds = program.stop(signal.SIGTERM)
            assert (status, program.said.count("Traceback")) == (0, 0)
            assert seconds < 8


def influx_bucket(url: str) -> None:
    headers = {"Authorization": f"Token {influx_server.TOKEN}"}
    organization = httpx.get(f"{url}/api/v2/orgs", params={"org": influx_server.ORG}, headers=headers).json()["orgs"][0]["id"]
    bucket = {"orgID": organization, "name": "der-data", "retentionRules": []}
    httpx.post(f"{url}/api/v2/buckets", json=bucket, headers=headers).raise_for_status()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_waits_on_a_server_that_swallows_everything_ends_at_once_when_it_is_told(tmp_path, bus_url, store_url, number):
    with wire_to(bus_url) as bus, wire_to(store_url) as store:
        bus.swallow()
        store.swallow()
        variables = {"DER_BUS_URL": through(bus, bus_url), "DER_CLOUD_STORE_URL": through(store, store_url), "DER_HEALTH_PORT": "0"}
        with living(*SYNC, state_dir=tmp_path, variables=variables) as program:
            program.wait_until_it_says("health page")
            soon(lambda: bus.accepted > 0 and store.accepted > 0, program)
            status, seconds = program.stop(number)
            assert status == 0, program.said
            assert seconds < 4


@pytest.fixture
def addresses(bus_url: str, store_url: str) -> dict[str, str]:
    return {"DER_BUS_URL": bus_url, "DER_CLOUD_STORE_URL": store_url}


def untouched(_store_url: str) -> None:
    """As it is."""


def newer(store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute("INSERT INTO der.migrations VALUES (9999, '9999_future', 'x')")


def without_tables(store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA der CASCADE")


@pytest.mark.parametrize(
    ("wrong", "prepare", "said"),
    [
        ({"DER_BUS_URL": lambda url: url.replace(":guest@", ":wrong@")}, untouched, r"RabbitMQ at \S+ refuses user 'guest' .*DER_BUS_URL"),
        ({"DER_CLOUD_STORE_URL": lambda url: url.replace("//postgres@", "//nobody@")}, untouched, r"'nobody': correct user and password"),
        ({"DER_CLOUD_STORE_URL": lambda url: f"{url}x"}, untouched, r"does not exist: create it, or correct DER_CLOUD_STORE_URL"),
        ({}, without_tables, r"der migrate"),
        ({}, newer, r"schema 9999.*upgrade this program"),
    ],
    ids=["password of the bus", "user of the store", "database", "no tables", "newer schema"],
)  # fmt: skip
def test_what_waiting_does_not_mend_ends_the_process_with_one_line(tmp_path, addresses, wrong, prepare, said):
    prepare(addresses["DER_CLOUD_STORE_URL"])
    variables = addresses | {name: change(addresses[name]) for name, change in wrong.items()}
    ended = until_its_end([sys.executable, *SYNC], tmp_path, variables)
    assert ended.returncode == 2, ended.stderr
    assert re.search(said, ended.stderr)
    assert ended.stderr.count("\n") == 1
    assert "wrong@" not in ended.stderr


def test_a_wrong_token_of_the_edge_store_ends_the_process_with_one_line(tmp_path: Path):
    with influx_server.serving(tmp_path / "influx") as influx:
        variables = {"INFLUXDB_URL": influx.url, "INFLUXDB_TOKEN": "wrong", "INFLUXDB_ORG": influx_server.ORG}
        ended = until_its_end([sys.executable, *SYNC], tmp_path, variables)
    assert ended.returncode == 2
    assert re.fullmatch(r"der sync: InfluxDB at \S+ refuses the token .*INFLUXDB_TOKEN\n", ended.stderr)


@pytest.mark.parametrize("command", [("features", "--once"), ("dead", "list"), ("jobs",)], ids=" ".join)
def test_a_command_that_answers_and_ends_does_not_wait(tmp_path, command):
    variables = {"DER_BUS_URL": "amqp://guest:secret@127.0.0.1:1/", "DER_CLOUD_STORE_URL": "postgresql://der:secret@127.0.0.1:1/der"}
    ended = until_its_end([sys.executable, "-m", "services.embedded.main", *command], tmp_path, variables)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "127.0.0.1:1" in ended.stderr
    assert "secret" not in ended.stderr
