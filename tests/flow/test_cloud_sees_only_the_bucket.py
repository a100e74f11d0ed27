"""A gateway in one place, the cloud in another, and nothing between them but a bucket of InfluxDB."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.domain.time import Interval
from tests.flow.processes import der, living, script
from tests.live.influx_server import READER, TOKEN, InfluxServer, serving

EVER = Interval(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))
PRICE_COLUMNS = ["timestamp", "price_per_kwh"]


def simulate(server: InfluxServer, state: Path, *words: str) -> None:
    place = ["--enable-influxdb", "--influxdb-url", server.url, "--influxdb-token", TOKEN]
    done = der("simulate", *words, *place, state_dir=state)
    assert done.returncode == 0, done.stderr


def synchronise(server: InfluxServer, state: Path) -> str:
    outdated = {"INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": READER[::-1]}
    done = script("run_cloud_sync.py", "--once", "--influxdb-token", TOKEN, state_dir=state, variables=outdated)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(store: SqliteEdgeStore, site_id: str) -> pd.DataFrame:
    return store.read(site_id=site_id, interval=EVER, limit=1_000_000)


def test_the_cloud_has_what_the_gateway_has_readings_site_tariff_and_prices(tmp_path: Path) -> None:
    here, there = tmp_path / "gateway", tmp_path / "cloud"
    with serving(tmp_path / "influx") as server:
        simulate(server, here, "--days", "2")
        table = synchronise(server, there)
        once = script(
            "run_simulator.py", "--once", "--enable-influxdb", "--influxdb-url", server.url, "--influxdb-token", TOKEN, state_dir=here
        )
        assert once.returncode == 0, once.stderr
        again = synchronise(server, there)
    assert not (there / "edge.sqlite").exists()
    with closing(SqliteEdgeStore(here / "edge.sqlite")) as edge, closing(SqliteCloudStore(there / "cloud.sqlite")) as cloud:
        ((site, tariff),) = edge.sites()
        assert cloud.sites.get(site.site_id) == site
        assert cloud.tariffs.get(site.site_id) == tariff
        mine, theirs = rows(edge, site.site_id), cloud.readings.read(site_id=site.site_id, interval=EVER)
        assert len(mine) > 2 * 288
        assert_frame_equal(theirs, mine)
        (series_id,) = tariff.series_ids
        prices = edge.prices(series_id=series_id, interval=EVER)
        recent = prices["timestamp"] > datetime.now(UTC) - timedelta(days=3)
        assert_frame_equal(
            cloud.prices.read(series_id=series_id, interval=EVER)[PRICE_COLUMNS].tail(recent.sum()).reset_index(drop=True),
            prices[recent][PRICE_COLUMNS].reset_index(drop=True),
        )
    assert table.splitlines()[1].split()[:2] == [site.site_id, "576"]
    assert again.splitlines()[1].split()[:2] == [site.site_id, str(len(mine) - 576)]


def test_gateways_of_one_device_id_and_two_sites_do_not_mix(tmp_path: Path) -> None:
    with serving(tmp_path / "influx") as server:
        for name in ("north", "south"):
            (tmp_path / f"{name}.json").write_text(f'{{"site_id": "{name}", "seed": {len(name) + ord(name[0])}}}')
            simulate(server, tmp_path / name, "--days", "0.1", "--config", str(tmp_path / f"{name}.json"))
        synchronise(server, tmp_path / "cloud")
    with closing(SqliteCloudStore(tmp_path / "cloud" / "cloud.sqlite")) as cloud:
        assert [site.site_id for site in cloud.sites.list()] == ["north", "south"]
        for name in ("north", "south"):
            with closing(SqliteEdgeStore(tmp_path / name / "edge.sqlite")) as edge:
                mine = rows(edge, name)
            assert mine["device_id"].unique().tolist() == ["edge-gateway-001"]
            assert_frame_equal(cloud.readings.read(site_id=name, interval=EVER), mine)


def test_sync_waits_for_the_bucket_with_a_line_when_it_is_away_and_one_when_it_is_there(tmp_path: Path) -> None:
    server = InfluxServer(tmp_path / "influx")
    with server:
        simulate(server, tmp_path / "gateway", "--days", "0.1")
    command = ("run_cloud_sync.py", "--continuous", "--interval", "0.3")
    place = {"INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": TOKEN}
    with living(*command, state_dir=tmp_path / "cloud", variables=place) as sync:
        sync.wait_until_it_says("waiting for a server.*does not answer")
        with server:
            sync.wait_until_it_says("(?s)the server is there.*readings copied.*readings copied")  # the newest hour, the rest
            server.stop()
            sync.wait_until_it_says("step failed.*does not answer")
            server.start()
            sync.wait_until_it_says("works again")
            status, _ = sync.stop()
    assert status == 0
    assert sync.said.count("waiting for a server") == sync.said.count("step failed") == 1, sync.said
    assert "Traceback" not in sync.said
    assert TOKEN not in sync.said
