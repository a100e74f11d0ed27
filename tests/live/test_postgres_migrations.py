"""`der migrate`: the schema of the cloud store on PostgreSQL, from nothing to the newest, by whoever asks and however often."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from services.embedded.main import cli
from shared.adapters.distributed.postgres import PostgresCloudStore
from shared.adapters.distributed.postgres.migrations import migrations
from shared.adapters.distributed.postgres.schema_keeper import ROLES, PostgresSchema, script
from shared.domain.errors import InvalidValueError
from shared.ports.errors import SchemaTooNewError, SupplierError
from tests.factories import a_site
from tests.live import servers
from tests.live.private_process import free_port

PASSWORD = "long enough a password"  # noqa: S105  # of a login that is dropped at once
VERSIONS = [migration.version for migration in migrations()]


@pytest.fixture
def url():
    server = servers.database()
    name = server.new_database()
    yield server.url(name)
    server.drop_database(name)


@contextmanager
def connected(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def schema_of(url):
    """Every column, index, policy and function, as text."""
    with connected(url) as connection:
        return connection.execute(
            "SELECT format('%s.%s.%s %s', table_schema, table_name, column_name, data_type) FROM information_schema.columns"
            "  WHERE table_schema IN ('public', 'der')"
            " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'der')"
            " UNION ALL SELECT format('%s %s %s %s', tablename, policyname, roles, qual) FROM pg_policies"
            " UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'der'::regnamespace ORDER BY 1"
        ).fetchall()


@pytest.fixture
def der(url, monkeypatch, capsys):
    """Runs `der migrate` on the database; gives its status, output and errors."""

    def run(*arguments, **environment):
        for name, value in {"DER_CLOUD_STORE_URL": url, **environment}.items():
            monkeypatch.setenv(name, value)
        status = cli(["migrate", *arguments])
        return status, *capsys.readouterr()

    return run


def test_an_empty_database_gets_every_table_once(url):
    schema = PostgresSchema(url)
    assert [step.applied for step in schema.status()] == [False] * len(VERSIONS)
    assert [step.version for step in schema.migrate()] == VERSIONS
    assert list(schema.migrate()) == []
    assert all(step.applied for step in schema.status())
    store = PostgresCloudStore(url)
    assert store.sites.put(a_site())
    store.close()


def test_of_many_that_migrate_at_once_each_step_is_applied_by_one(url):
    with ThreadPoolExecutor(4) as pool:
        applied = pool.map(lambda _: [step.version for step in PostgresSchema(url).migrate()], range(4))
    assert sorted(version for each in applied for version in each) == VERSIONS


def test_the_printed_script_makes_the_same_database(url):
    with connected(url) as connection:
        connection.execute(script())
    with servers.database().store_url() as migrated:
        assert schema_of(url) == schema_of(migrated)
    assert list(PostgresSchema(url).migrate()) == []


def test_a_step_that_fails_leaves_nothing_of_itself(url):
    with connected(url) as connection:
        connection.execute("CREATE TABLE public.savings (mine text)")
    with pytest.raises(psycopg.errors.DuplicateTable):
        list(PostgresSchema(url).migrate())
    with connected(url) as connection:
        assert connection.execute("SELECT to_regclass('public.readings'), to_regclass('der.migrations')").fetchone() == (None, None)
        connection.execute("DROP TABLE public.savings")
    assert [step.version for step in PostgresSchema(url).migrate()] == VERSIONS


def test_a_database_of_a_newer_program_is_refused_and_left_alone(url):
    list(PostgresSchema(url).migrate())
    with connected(url) as connection:
        connection.execute("INSERT INTO der.migrations VALUES (9999, '9999_future', 'x')")
    for attempt in (lambda: list(PostgresSchema(url).migrate()), PostgresCloudStore(url).sites.list):
        with pytest.raises(SchemaTooNewError, match=r"schema 9999.*upgrade this program"):
            attempt()


def test_a_step_that_was_changed_after_it_was_applied_is_refused(url):
    list(PostgresSchema(url).migrate())
    with connected(url) as connection:
        connection.execute("UPDATE der.migrations SET checksum = 'other' WHERE version = 1")
    for attempt in (lambda: list(PostgresSchema(url).migrate()), PostgresCloudStore(url).sites.list):
        with pytest.raises(SupplierError, match="another 0001_store"):
            attempt()


@pytest.mark.parametrize("half", [False, True], ids=["nothing there", "a step missing"])
def test_a_store_without_its_tables_says_what_to_run(url, half):
    if half:
        list(PostgresSchema(url).migrate())
        with connected(url) as connection:
            connection.execute("DELETE FROM der.migrations WHERE version = (SELECT max(version) FROM der.migrations)")
    with pytest.raises(SupplierError, match=r"run: der migrate$"):
        PostgresCloudStore(url).sites.list()


def test_the_command_applies_tells_and_is_content_with_nothing_to_do(url, der):
    assert der("--status") == (0, "".join(f"{each.name}  missing\n" for each in migrations()), "")
    assert der() == (0, "".join(f"applied {each.name}\n" for each in migrations()), "")
    assert der("--print") == (0, script(), "")
    status, output, _ = der("--login", "der-test-login=der_sync", DER_PASSWORD_DER_TEST_LOGIN=PASSWORD)
    assert status == 0
    assert output.startswith("nothing to apply")
    assert PASSWORD not in output
    with connected(url) as connection:
        verifier, member = connection.execute(
            "SELECT rolpassword, pg_has_role(rolname, 'der_sync', 'USAGE') FROM pg_authid WHERE rolname = 'der-test-login'"
        ).fetchone()
        connection.execute('DROP ROLE "der-test-login"')
    assert verifier.startswith("SCRAM-SHA-256$")
    assert member


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--login", "sync"], {}, "NAME=ROLE"),
        (["--login", "sync=der_sync"], {}, "DER_PASSWORD_SYNC is not set"),
        (["--login", "sync=der_sync"], {"DER_PASSWORD_SYNC": "short"}, "at least 16 characters"),
        (["--login", "sync=postgres"], {"DER_PASSWORD_SYNC": PASSWORD}, "der_service"),
        ([], {"DER_CLOUD_STORE_URL": "sqlite:var/cloud.sqlite"}, "DER_CLOUD_STORE_URL"),
        ([], {"DER_CLOUD_STORE_URL": "postgresql://u:secret@host:port:1/x"}, "postgresql://USER"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(der, arguments, environment, named):
    status, _, errors = der(*arguments, **environment)
    assert status == 2
    assert named in errors
    assert errors.count("\n") == 1
    assert "secret" not in errors


def test_a_server_that_is_starting_is_waited_for_as_long_as_was_asked(der):
    away = f"postgresql://postgres@127.0.0.1:{free_port()}/x"
    status, output, errors = der("--wait", "0.1", DER_CLOUD_STORE_URL=away)
    assert status == 2
    assert output.startswith("waiting up to 0.1 s: ")
    assert "cannot be reached" in errors


def test_a_superuser_is_never_made_a_login_of_ours(url):
    list(PostgresSchema(url).migrate())
    with pytest.raises(InvalidValueError, match="another kind"):
        PostgresSchema(url).allow_login("postgres", role="der_sync", password=PASSWORD)


@pytest.fixture
def role(url):
    """The name of a role that is gone after the test."""
    name = f"der-test-{uuid.uuid4().hex[:8]}"
    yield name
    with connected(url) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


def test_a_login_that_is_given_another_role_loses_the_one_it_had(url, role):
    schema = PostgresSchema(url)
    list(schema.migrate())
    for given in ("der_service", "der_reader", "der_sync"):
        schema.allow_login(role, role=given, password=PASSWORD)
    with connected(url) as connection:
        rows = connection.execute(
            "SELECT r FROM unnest(%s::text[]) AS r WHERE pg_has_role(%s, r, 'MEMBER')", (list(ROLES), role)
        ).fetchall()
    assert rows == [("der_sync",)]


@pytest.mark.parametrize("kind", ["NOLOGIN", "LOGIN BYPASSRLS", "LOGIN CREATEDB"])
def test_a_role_that_is_there_for_something_else_is_never_made_a_login_of_ours(url, role, kind):
    """Such as Supabase's anon, whose visitors would get what the login may."""
    list(PostgresSchema(url).migrate())
    with connected(url) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} " + kind).format(sql.Identifier(role)))
    with pytest.raises(InvalidValueError, match="another kind"):
        PostgresSchema(url).allow_login(role, role="der_sync", password=PASSWORD)
