"""What the cloud store on PostgreSQL says, and keeps, when the server is away, refuses, is killed, or answers too late."""

import multiprocessing
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest

from shared.adapters.distributed.postgres import Patience, PostgresCloudStore
from shared.domain.errors import InvalidValueError
from shared.ports.errors import RefusedRowsError, SupplierError, UnavailableError
from tests.contract.test_reading_store import EVER
from tests.factories import NOON, a_site, readings
from tests.live.database import open_database
from tests.live.private_process import Missing, free_port, left_out

SECRET = "correct horse battery staple"  # noqa: S105  # of a private server


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, which it crashes, and where one login needs a password."""
    try:
        database = open_database()
    except Missing as problem:
        left_out(str(problem))
        raise
    if database.folder is None:
        pytest.skip("these tests crash their server: they need a private one")
    rules = database.folder / "data" / "pg_hba.conf"
    rules.write_text(f"host all careful all scram-sha-256\n{rules.read_text()}")
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE careful LOGIN PASSWORD '{SECRET}'")
        connection.execute("SELECT pg_reload_conf()")
    yield database
    database.end()


@pytest.fixture
def url(server):
    with server.store_url() as address:
        yield address


@pytest.fixture
def store(url):
    opened = PostgresCloudStore(url, patience=Patience(lock=timedelta(milliseconds=200), borrow=timedelta(milliseconds=200)))
    yield opened
    opened.close()


def end_backends(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'der'")


def said(store, kind):
    with pytest.raises(kind) as caught:
        store.sites.list()
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    assert "wrong password" not in text
    return text


@pytest.mark.parametrize(
    ("address", "kind", "named"),
    [
        ("postgresql://careful:wrong password@{place}/{name}", SupplierError, "user 'careful'"),
        ("postgresql://careful:" + SECRET + "@{place}/{name}", SupplierError, "der_service, der_sync or der_reader"),
        ("postgresql://nobody@{place}/{name}", SupplierError, "user 'nobody'"),
        ("postgresql://postgres@{place}/nowhere", SupplierError, "'nowhere'"),
        ("postgresql://postgres@{place}/postgres", SupplierError, "run: der migrate"),
        ("postgresql://postgres:" + SECRET + "@127.0.0.1:{free}/{name}", UnavailableError, "cannot be reached"),
        ("postgresql://postgres:" + SECRET + "@host.invalid/{name}", UnavailableError, "cannot be reached"),
    ],
    ids=["wrong password", "no member", "no such user", "no such database", "no tables", "nobody listens", "no such host"],
)
def test_an_address_that_does_not_work_is_one_line_with_the_remedy(url, address, kind, named):
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port}"
    store = PostgresCloudStore(address.format(place=place, name=parts.path[1:], free=free_port()).replace(" ", "%20"))
    assert named in said(store, kind)


@pytest.mark.parametrize("url", ["postgresql://u:geheim@host:1/%zz", "postgresql://u:x@geheim@host/x", "postgresql://u:x/geheim@host/x"])
def test_a_text_that_is_no_address_is_refused_at_once_without_repeating_it(url):
    with pytest.raises(InvalidValueError, match="postgresql://USER") as caught:
        PostgresCloudStore(url)
    assert "geheim" not in str(caught.value)


def test_connections_that_were_ended_while_idle_are_replaced_unseen(url, store):
    store.readings.upsert(readings(), stored_at=NOON)
    assert len(store.readings.read(site_id="home", interval=EVER)) == 96
    end_backends(url)
    assert store.readings.upsert(readings(), stored_at=NOON).unchanged == 96
    assert len(store.readings.read(site_id="home", interval=EVER)) == 96


def test_a_server_that_crashed_is_unavailable_and_then_has_all_that_was_acknowledged(server, store):
    store.readings.upsert(readings(), stored_at=NOON)
    server.kill()
    for attempt in (
        lambda: store.readings.upsert(readings(seed=1), stored_at=NOON),
        lambda: store.readings.read(site_id="home", interval=EVER),
    ):
        with pytest.raises(UnavailableError, match="cannot be reached"):
            attempt()
    server.begin()
    assert len(store.readings.read(site_id="home", interval=EVER)) == 96
    assert store.readings.upsert(readings(), stored_at=NOON).unchanged == 96


def test_a_lock_that_another_holds_too_long_is_unavailable_and_nothing_is_half_written(url, store):
    store.readings.upsert(readings(), stored_at=NOON)
    with psycopg.connect(url) as other:
        other.execute("SELECT FROM der.site_writes FOR UPDATE")
        with pytest.raises(UnavailableError, match="try again later"):
            store.readings.upsert(readings(device_id="another"), stored_at=NOON)
    assert set(store.readings.read(site_id="home", interval=EVER)["device_id"]) == {"edge-gateway-001"}
    assert store.readings.upsert(readings(device_id="another"), stored_at=NOON).inserted == 96


def test_a_write_that_was_cut_can_be_repeated_whatever_became_of_it(url):
    store = PostgresCloudStore(url)
    store.readings.upsert(readings(site_id="cut"), stored_at=NOON)
    frame = readings(site_id="cut", hours=24 * 60)
    for pause in (0.0, 0.01, 0.03, 0.06, 0.1):
        cutting = threading.Thread(target=lambda wait: (time.sleep(wait), end_backends(url)), args=(pause,))
        cutting.start()
        try:
            store.readings.upsert(frame.assign(total_load_kw=pause), stored_at=NOON)
        except UnavailableError:
            store.readings.upsert(frame.assign(total_load_kw=pause), stored_at=NOON)
        cutting.join()
    found = store.readings.read(site_id="cut", interval=EVER)
    assert len(found) == store.readings.extent(site_id="cut")[1] == len(frame)
    assert set(found["total_load_kw"]) == {0.1}
    store.close()


def test_a_program_uses_a_bounded_number_of_connections_and_says_when_all_are_busy(url, store):
    store.sites.put(a_site())
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE public.sites")
        patient = PostgresCloudStore(url, patience=Patience(borrow=timedelta(milliseconds=300), lock=timedelta(seconds=20)))
        waiting = [threading.Thread(target=patient.sites.list) for _ in range(8)]
        for thread in waiting:
            thread.start()
        used = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'der' AND wait_event_type = 'Lock'"
        while other.execute(used).fetchone()[0] < 8:
            time.sleep(0.01)
            other.execute("SELECT pg_stat_clear_snapshot()")
        with pytest.raises(UnavailableError, match="all 8 connections"):
            patient.progress.list(step="sync")
    for thread in waiting:
        thread.join()
    patient.close()


def test_a_forked_program_gets_connections_of_its_own(store):
    store.readings.upsert(readings(), stored_at=NOON)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=lambda: store.readings.upsert(readings(device_id="child"), stored_at=NOON))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert len(store.readings.read(site_id="home", interval=EVER)) == 192


def test_what_no_text_of_the_server_can_hold_is_refused_as_rows(store):
    with pytest.raises(RefusedRowsError):
        store.sites.put(a_site(name="a\0b"))
    with pytest.raises(RefusedRowsError):
        store.readings.upsert(readings(device_id="a\0b"), stored_at=NOON)
    with pytest.raises(RefusedRowsError, match="index row"):
        store.readings.upsert(readings(device_id="".join(map(chr, range(0x4E00, 0x9000)))), stored_at=NOON)


@pytest.mark.parametrize("year", [1970, 1999, 3000, 9999])
def test_a_time_that_no_partition_can_hold_is_named_and_makes_none(url, store, year):
    frame = readings(start=datetime(year, 6, 15, tzinfo=UTC))
    with pytest.raises(InvalidValueError, match=str(year)):
        store.readings.upsert(frame, stored_at=NOON)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.readings'::regclass").fetchone() == (0,)
