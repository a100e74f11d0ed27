"""The cloud store over Supabase's REST API when something is wrong: with the API, the network, the key, the schema or a row."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import psycopg
import pytest
from pandas.testing import assert_frame_equal

from shared.adapters.distributed.postgres.migrations import migrations
from shared.adapters.distributed.supabase import Patience, SupabaseCloudStore
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.errors import RefusedRowsError, SchemaTooNewError, SupplierError, UnavailableError
from shared.ports.reading_store import UpsertCounts
from tests.factories import NOON, a_site, readings
from tests.live import servers
from tests.live.faulty_api import Fault, Rule, failing
from tests.live.private_process import free_port
from tests.live.supabase_api import PUBLISHABLE_KEY, ROW_CAP, SECRET_KEY, SupabaseApi, open_supabase

HASTY = Patience(attempts=12, first_wait=timedelta(milliseconds=2), longest_wait=timedelta(milliseconds=20), answer=timedelta(seconds=2))
EVER = Interval(start=NOON - timedelta(days=3650), end=NOON + timedelta(days=3650))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def api() -> SupabaseApi:
    running = servers.supabase()
    running.empty()
    return running


@contextmanager
def opened(url: str, *, key: str = SECRET_KEY, patience: Patience = HASTY) -> Iterator[SupabaseCloudStore]:
    store = SupabaseCloudStore(url=url, key=key, patience=patience)
    try:
        yield store
    finally:
        store.close()


def first_write(fault: Fault) -> Rule:
    """The fault for the first call that writes, nothing for all others."""
    struck: list[str] = []

    def rule(_: int, path: str) -> Fault | None:
        if not path.endswith("/der_write") or struck:
            return None
        struck.append(path)
        return fault

    return rule


CUT = Fault()
CUT_AFTER_COMMIT = Fault(passed_on=True)
SILENT_AFTER_COMMIT = Fault(passed_on=True, silence=30.0)
BUSY = Fault(status=429, headers={"Retry-After": "0"})


def test_every_row_is_stored_once_behind_an_api_that_fails_in_every_way(api, capsys):
    chance = random.Random(8)  # noqa: S311  # the same faults in every run
    faults = [BUSY, Fault(status=500), Fault(status=503), Fault(status=522, body="<html>"), CUT, CUT_AFTER_COMMIT, None, None, None, None]
    frame = readings(hours=20_000 / 60, step=MINUTE)
    with failing(api.url, lambda _number, _path: chance.choice(faults)) as gateway, opened(gateway.url) as store:
        counts = [store.readings.upsert(frame[start : start + 500], stored_at=NOON) for start in range(0, 10_000, 500)]
        counts.append(store.readings.upsert(frame[10_000:], stored_at=NOON))  # in parts, all or none
        found = store.readings.read(site_id="home", interval=EVER)
    failed, twice = gateway.count(lambda _: True), api.execute("SELECT count(*) FROM readings")[0][0] - len(frame)
    with capsys.disabled():
        print(
            f"\n20,000 rows in batches of 500: {len(gateway.seen)} requests, {failed} failed"
            f" ({gateway.count(lambda fault: fault.passed_on)} after the commit),"
            f" {len(frame) - len(found)} rows lost, {twice} twice"
        )
    assert failed > 20
    assert_frame_equal(found, frame)
    assert sum(count.inserted for count in counts) == len(frame)
    assert all(count.updated == count.unchanged == 0 for count in counts)
    assert api.execute("SELECT count(*) FROM der.rest_parts") == [(0,)]


@pytest.mark.parametrize("fault", [CUT, CUT_AFTER_COMMIT, SILENT_AFTER_COMMIT, Fault(status=500), BUSY])
def test_a_write_whose_answer_was_lost_is_counted_as_what_it_did(api, fault):
    hasty = Patience(first_wait=timedelta(milliseconds=2), answer=timedelta(seconds=1))
    with failing(api.url, first_write(fault)) as gateway, opened(gateway.url, patience=hasty) as store:
        assert store.readings.upsert(readings(), stored_at=NOON) == UpsertCounts(inserted=96, updated=0, unchanged=0)
        assert gateway.count(lambda _: True) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 540])
def test_what_a_person_must_mend_is_asked_once_and_told_in_one_line_without_the_key(api, status):
    fault = Fault(status=status, body=f'{{"message": "the key {SECRET_KEY}\\nis not\\nright"}}')
    with failing(api.url, first_write(fault)) as gateway, opened(gateway.url) as store:
        with pytest.raises(SupplierError, match=f"^Supabase at {gateway.url} ") as problem:
            store.sites.put(a_site())
        assert sum(path.endswith("/der_write") for path, _, _ in gateway.seen) == 1
    assert "\n" not in str(problem.value)
    assert SECRET_KEY not in str(problem.value)


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        (Fault(status=413), SupplierError, "too large .*; let its gateway accept"),
        (Fault(status=540), UnavailableError, "is paused; restore the project"),
        (Fault(status=308, headers={"Location": "https://elsewhere.example"}), SupplierError, "another address .*SUPABASE_URL"),
        (Fault(status=404, body="<html>no page</html>"), SupplierError, "no REST API there .*SUPABASE_URL"),
        (Fault(status=200, body="<html>welcome</html>"), SupplierError, "does not answer as Supabase does; correct SUPABASE_URL"),
        (Fault(status=503), UnavailableError, "cannot serve now .*503.*; try again later"),
        (Fault(status=429, headers={"Retry-After": "3600"}), UnavailableError, "cannot serve now .*429"),
        (CUT, UnavailableError, "does not answer .*; start it or check SUPABASE_URL"),
        (Fault(silence=9.0), UnavailableError, "no answer in time"),
    ],
)
def test_each_trouble_names_its_remedy(api, fault, kind, told):
    patience = Patience(attempts=2, first_wait=timedelta(milliseconds=2), answer=timedelta(milliseconds=300))
    with (
        failing(api.url, lambda _number, _path: fault) as gateway,
        opened(gateway.url, patience=patience) as store,
        pytest.raises(kind, match=told) as problem,
    ):
        store.sites.list()
    assert isinstance(problem.value, UnavailableError) == (kind is UnavailableError)


def test_the_server_is_given_the_time_that_it_asks_for(api):
    fault = Fault(status=429, headers={"Retry-After": "1"})
    with failing(api.url, first_write(fault)) as gateway, opened(gateway.url) as store:
        store.sites.put(a_site())
    refused, again = (at for path, _, at in gateway.seen if path.endswith("/der_write"))
    assert again - refused >= 1.0


def test_a_batch_in_parts_of_which_one_is_refused_leaves_nothing(api):
    def rule(number: int, path: str) -> Fault | None:
        return Fault(status=413) if path.endswith("/der_stage") and number > 3 else None

    with failing(api.url, rule) as gateway, opened(gateway.url) as store:
        with pytest.raises(SupplierError, match="too large"):
            store.readings.upsert(readings(hours=2_000 / 60, step=MINUTE), stored_at=NOON)
        assert store.readings.extent(site_id="home") is None


def test_parts_and_calls_that_nobody_came_back_for_are_forgotten(api):
    api.execute("INSERT INTO der.rest_parts SELECT gen_random_uuid(), 0, '{}', now() - interval '2 days' FROM generate_series(1, 5)")
    api.execute("INSERT INTO der.rest_calls SELECT gen_random_uuid(), '1', now() - interval '2 days' FROM generate_series(1, 5)")
    with opened(api.url) as store:
        store.sites.put(a_site())
    assert api.execute("SELECT count(*) FROM der.rest_parts UNION ALL SELECT count(*) FROM der.rest_calls") == [(0,), (1,)]


def test_more_rows_come_back_than_the_api_gives_of_a_table(api):
    frame = readings(hours=1_500 / 60, step=MINUTE)
    with opened(api.url) as store:
        store.readings.upsert(frame, stored_at=NOON)
        assert len(store.readings.read(site_id="home", interval=EVER)) == 1_500
    table = httpx.get(f"{api.url}/rest/v1/readings?select=site_id", headers={"apikey": SECRET_KEY})
    assert (table.status_code, len(table.json())) == (200, ROW_CAP)


@pytest.mark.parametrize("key", [PUBLISHABLE_KEY, "sb_secret_of_somebody_else"])
def test_a_key_without_the_right_is_told_so(api, key):
    with opened(api.url, key=key) as store, pytest.raises(SupplierError, match="give the project's secret key in SUPABASE_KEY") as problem:
        store.sites.list()
    assert key not in str(problem.value)


def test_a_project_without_the_schema_is_told_to_migrate():
    servers.supabase()
    empty = open_supabase(servers.database(), migrated=False)
    try:
        with opened(empty.url) as store, pytest.raises(SupplierError, match=r"lacks functions or tables .*run: der migrate"):
            store.sites.list()
    finally:
        empty.end()


def test_an_older_and_a_newer_schema_are_told_apart(api):
    newest = migrations()[-1]
    with opened(api.url) as store:
        api.execute("UPDATE der.migrations SET version = 9999 WHERE version = %s", newest.version)
        try:
            with pytest.raises(SchemaTooNewError, match=r"schema 9999.*upgrade this program"):
                store.sites.list()
            api.execute("UPDATE der.migrations SET version = -1 WHERE version = 9999")
            with pytest.raises(SupplierError, match=f"no {newest.name} yet; run: der migrate"):
                store.sites.list()
        finally:
            api.execute("UPDATE der.migrations SET version = %s WHERE version IN (-1, 9999)", newest.version)
        assert store.sites.list() == []


def test_a_project_that_cannot_be_reached_may_be_there_later():
    patience = Patience(attempts=2, first_wait=timedelta(milliseconds=2))
    with opened(f"http://127.0.0.1:{free_port()}", patience=patience) as store, pytest.raises(UnavailableError, match="SUPABASE_URL"):
        store.sites.list()


@pytest.mark.parametrize(
    "url", ["", "ftp://h", "postgresql://me:hush@h/db", "https://", "https://me:hush@h", "http://h:0", "https://h/?a=b", "http://h h"]
)
def test_an_address_that_is_none_is_named_without_its_password(url):
    with pytest.raises(InvalidValueError, match="SUPABASE_URL") as problem:
        SupabaseCloudStore(url=url, key=SECRET_KEY)
    assert "hush" not in str(problem.value)


@pytest.mark.parametrize("key", ["", " ", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_is_none_is_not_repeated(key):
    with pytest.raises(InvalidValueError, match="SUPABASE_KEY") as problem:
        SupabaseCloudStore(url="https://project.example", key=key)
    assert key.strip() == "" or key not in str(problem.value)


@pytest.mark.parametrize("device_id", ["nul\0", "half \ud800 a character"])
def test_a_row_that_can_never_be_kept_is_told_apart_and_nothing_of_its_batch_is_stored(api, device_id):
    frame = readings().astype({"device_id": object})
    frame.loc[5, "device_id"] = device_id
    with opened(api.url) as store:
        with pytest.raises(RefusedRowsError):
            store.readings.upsert(frame, stored_at=NOON)
        assert store.readings.extent(site_id="home") is None


def test_endless_values_are_kept_as_they_are(api):
    frame = readings(hours=0.5).assign(net_grid_flow_kw=[float("inf"), float("-inf")])
    with opened(api.url) as store:
        store.readings.upsert(frame, stored_at=NOON)
        assert_frame_equal(store.readings.read(site_id="home", interval=EVER), frame)


def test_the_role_of_sync_adds_readings_and_nothing_else(api):
    with psycopg.connect(api.database.url(api.name)) as connection:
        connection.execute("SET ROLE der_sync")
        write = "SELECT der_write(%s, gen_random_uuid(), %s, 0, NULL)"
        connection.execute(write, ("progress", '[{"step": "sync", "site_id": "home", "updated_at": 0, "rows": 1, "rejected": 0}]'))
        for operation in ("schedule", "site_away", "savings"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(write, (operation, '[{"site_id": "home", "document": "{}"}]'))


def test_only_the_services_may_call_the_functions(api):
    for role in ("anon", "authenticated", "der_reader"):
        with psycopg.connect(api.database.url(api.name)) as connection:
            connection.execute(f"SET ROLE {role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT der_read('sites', '{}')")


def test_a_closed_store_leaves_no_thread_and_opens_again(api):
    before = set(threading.enumerate())
    with opened(api.url) as store:
        for _ in range(2):
            store.sites.list()
            assert set(threading.enumerate()) > before
            store.close()
            assert set(threading.enumerate()) <= before
