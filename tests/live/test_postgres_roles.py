"""Who may do what in the cloud store on PostgreSQL: a matrix made from the catalog, and tenants that cannot see each other."""

from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from shared.adapters.distributed.postgres import PostgresCloudStore
from tests.contract.test_announcements import prices
from tests.contract.test_reading_store import DAY
from tests.contract.test_site_store import fill
from tests.factories import NOON, readings
from tests.live import servers

SEE, ADD, ALL = {"SELECT"}, {"INSERT"}, {"SELECT", "INSERT", "UPDATE", "DELETE"}
VERBS = (*sorted(ALL), "TRUNCATE", "REFERENCES", "TRIGGER")
ROLES = ("der_service", "der_sync", "der_reader", "der_test_stranger")

# verbs of der_sync and of der_reader; der_service may do all four everywhere, strangers nothing
MATRIX = {
    "public.tenants": (set(), SEE),
    "public.sites": (SEE, SEE),
    "public.tariffs": (SEE, SEE),
    "public.readings": (SEE | ADD, SEE),
    "public.devices": (SEE, SEE),
    "public.quarantine": (SEE | ADD, SEE),
    "public.prices": (SEE, SEE),
    "public.weather": (SEE, set()),
    "public.feature_catalogs": (set(), SEE),
    "public.features": (set(), SEE),
    "public.forecasts": (set(), SEE),
    "public.schedules": (set(), SEE),
    "public.savings": (set(), SEE),
    "public.progress": (SEE, SEE),
    "public.jobs": (set(), SEE),
    "der.reading_writes": (SEE, SEE),
    "der.site_writes": (set(), set()),
    "der.rest_calls": (set(), set()),
    "der.rest_parts": (set(), set()),
}
SHARED = {"public.prices"}
"""Tables that hold nothing of a tenant."""

# run with the rights of the owner, so each is listed with those who may
DEFINERS = {
    "der.own_sites": {"der_service", "der_sync", "der_reader"},
    "der.make_readings_partition": set(),
    **{
        name: {"der_service", "der_sync"}
        for name in (
            "der.begin_readings", "der.stage_readings", "der.merge_readings", "der.put_site", "der.put_tariff", "der.put_prices",
            "der.put_progress", "der.put_weather", "der.forget_weather", "der.begin_call", "der.end_call", "der.parts_of",
            "public.der_stage",
        )
    },
}  # fmt: skip
FOR_READERS = {"der.tenant", "der.own_sites", "der.readings_changed"}
FOR_OWNERS = {"der.guard", "der.let_sync", "der.make_readings_partition", "der.drop_readings_before"}


@pytest.fixture(scope="module")
def url():
    """A store with two tenants, one site and everything that belongs to it each, and a role that nobody granted anything."""
    with servers.database().store_url() as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("INSERT INTO public.tenants VALUES ('ours', 'Ours'), ('theirs', 'Theirs')")
            connection.execute("DROP ROLE IF EXISTS der_test_stranger")
            connection.execute("CREATE ROLE der_test_stranger")
        for tenant in ("ours", "theirs"):
            store = PostgresCloudStore(f"{address}?options=-c%20der.tenant%3D{tenant}")
            fill(store, f"home-{tenant}")
            store.prices.put("epex", prices([0.1]))
            store.close()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("INSERT INTO public.jobs (job_id, kind, site_id, fence, requested_at, due_at)"
                               " SELECT 'job-' || site_id, 'plan', site_id, 0, now(), now() FROM public.sites")  # fmt: skip
        yield address


@contextmanager
def acting(url, role, **settings):
    """A transaction of that role, undone at its end."""
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name.replace("__", "."), value))
        try:
            yield connection
        finally:
            connection.rollback()


def tables(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relnamespace::regnamespace || '.' || relname, relispartition, relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace IN ('public'::regnamespace, 'der'::regnamespace)"
        ).fetchall()
    return {name: (part, guarded) for name, part, guarded in rows}


def test_every_role_has_exactly_the_verbs_of_the_matrix_on_every_table(url):
    expected = {}
    for name, (part, _) in tables(url).items():
        if part:  # whoever may add copies into them; everything else goes through the whole table
            rights = (ADD, ADD, set(), set())
        elif name == "der.migrations":
            rights = (SEE, SEE, SEE, set())
        else:
            assert name in MATRIX, f"{name} is new: say in MATRIX who may do what with it"
            rights = (ALL, *MATRIX[name], set())
        expected[name] = dict(zip(ROLES, rights, strict=True))
    assert set(MATRIX) <= set(expected)
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT t, r, coalesce(array_agg(v) FILTER (WHERE has_table_privilege(r, t, v)), '{}')"
            " FROM unnest(%s::text[]) AS t, unnest(%s::text[]) AS r, unnest(%s::text[]) AS v GROUP BY t, r",
            (list(expected), list(ROLES), list(VERBS)),
        ).fetchall()
    assert {(name, role): set(verbs) for name, role, verbs in found} == {
        (name, role): verbs for name, rights in expected.items() for role, verbs in rights.items()
    }


def test_every_table_is_guarded_by_row_also_against_its_owner(url):
    unguarded = {name for name, (_, guarded) in tables(url).items() if not guarded}
    assert unguarded == {"der.migrations"} | {name for name, (part, _) in tables(url).items() if part}


def test_no_function_is_for_everybody_and_those_with_the_owners_rights_are_known_and_fixed_in_their_search_path(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT pronamespace::regnamespace || '.' || proname, prosecdef, coalesce(proconfig, '{}'),"
            " array(SELECT r FROM unnest(%s::text[]) AS r WHERE has_function_privilege(r, oid, 'EXECUTE'))"
            " FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'der'::regnamespace)",
            (list(ROLES),),
        ).fetchall()
    assert {name: set(roles) for name, definer, _, roles in rows if definer} == DEFINERS
    assert all(config == ["search_path=pg_catalog, pg_temp"] for _, definer, config, _ in rows if definer)
    assert {name for name, _, _, roles in rows if "der_reader" in roles} == FOR_READERS
    assert {name for name, _, _, roles in rows if not roles} == FOR_OWNERS
    assert not any("der_test_stranger" in roles for *_, roles in rows)


CLAIMS = '{"role": "authenticated", "tenant_id": "ours"}'
TRUSTED = '{"app_metadata": {"tenant_id": "ours"}, "user_metadata": {"tenant_id": "theirs"}}'


@pytest.mark.parametrize(
    "who", [{"der__tenant": "ours"}, {"request__jwt__claims": CLAIMS}, {"request__jwt__claims": TRUSTED}], ids=["setting", "claim", "app"]
)
def test_a_reader_sees_its_own_tenant_in_every_table_and_no_other(url, who):
    for name in (name for name, verbs in MATRIX.items() if "SELECT" in verbs[1]):
        with psycopg.connect(url) as owner, acting(url, "der_reader", **who) as reader:
            table = sql.SQL(name)
            everything = owner.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()[0]
            seen = reader.execute(sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t").format(table)).fetchall()
            assert seen, f"{name} has no row of the tenant: the test would prove nothing"
            if name not in SHARED:
                assert len(seen) < everything
                assert not any("theirs" in text for (text,) in seen)


@pytest.mark.parametrize(
    "who",
    [{}, {"der__tenant": ""}, {"der__tenant": "nobody"}, {"der__tenant": "ours' OR true --"}, {"request__jwt__claims": "{}"},
     {"der__tenant": "ours", "request__jwt__claims": '{"user_metadata": {"tenant_id": "ours"}}'}],
    ids=["nobody", "empty", "unknown", "injection", "no claim", "a claim of the user's own making"],
)  # fmt: skip
def test_who_has_no_tenant_sees_no_row_of_any(url, who):
    with acting(url, "der_reader", **who) as reader:
        for name in (name for name, verbs in MATRIX.items() if "SELECT" in verbs[1] and name not in SHARED):
            assert reader.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(name))).fetchone() == (0,), name


def test_functions_for_readers_tell_nothing_of_another_tenant(url):
    with acting(url, "der_reader", der__tenant="ours") as reader:
        changed = "SELECT first FROM der.readings_changed(%s, '2000-01-01Z')"
        assert reader.execute(changed, ("home-ours",)).fetchone() != (None,)
        assert reader.execute(changed, ("home-theirs",)).fetchone() == (None,)
        assert reader.execute("SELECT der.own_sites()").fetchone() == (["home-ours"],)


def test_a_service_of_one_tenant_cannot_take_the_site_of_another(url):
    with (
        acting(url, "der_service", der__tenant="ours") as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="home-theirs"),
    ):
        service.execute("SELECT der.put_site('home-theirs', '{}')")
    with acting(url, "der_service", der__tenant="ours") as service:
        assert service.execute("SELECT der.put_tariff('home-theirs', '{}')").fetchone() == (None,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE public.readings SET quality = 0",
        "DELETE FROM public.readings",
        "UPDATE public.progress SET rows = 0",
        "SELECT * FROM public.forecasts",
        "SELECT * FROM der.readings_2024_06",
        "CREATE TABLE public.mine (a int)",
        "CREATE FUNCTION der.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT der.drop_readings_before(now())",
    ],
)
def test_sync_can_only_add(url, statement):
    with acting(url, "der_sync") as sync, pytest.raises(psycopg.errors.InsufficientPrivilege):
        sync.execute(statement)


def test_sync_cannot_lend_itself_the_rights_of_the_merging_function(url):
    with acting(url, "der_sync") as sync:
        sync.execute("CREATE TEMPORARY TABLE incoming (LIKE public.readings)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="stage_readings"):
            sync.execute("SELECT der.merge_readings()")


def test_sync_adds_corrects_and_reads_back_readings(url):
    store = PostgresCloudStore(f"{url}?options=-c%20role%3Dder_sync")
    frame = readings(site_id="from sync")
    assert store.readings.upsert(frame, stored_at=NOON).inserted == 96
    frame.loc[3, "total_load_kw"] = 9.0
    assert store.readings.upsert(frame, stored_at=NOON).updated == 1
    assert store.readings.read(site_id="from sync", interval=DAY)["total_load_kw"][3] == 9.0
    store.close()


@pytest.mark.parametrize("name", ['x"; DROP TABLE readings; --', "x'; DROP TABLE readings; --", "%s", "{0}", "\\'"])
def test_no_name_is_ever_taken_for_sql(url, name):
    store = PostgresCloudStore(url)
    frame = readings(site_id=name, device_id=name)
    assert store.readings.upsert(frame, stored_at=NOON).inserted == 96
    assert store.readings.upsert(frame, stored_at=NOON).unchanged == 96
    assert len(store.readings.read(site_id=name, interval=DAY)) == 96
    assert [len(each) for each in store.readings.read_many(site_ids=[name], interval=DAY)] == [96]
    assert store.readings.latest(site_id=name)["device_id"].tolist() == [name]
    store.prices.put(name, prices([0.1]))
    assert len(store.prices.read(series_id=name, interval=DAY)) == 1
    with pytest.raises(KeyError):
        store.readings.read(site_id=name, interval=DAY, columns=[name])
    assert store.quarantine.read(site_id=name).empty
    store.close()
