"""Supabase's REST API for tests: a private process of `@supabase/lite` (PostgREST's and GoTrue's behaviour) on the PostgreSQL of the tests.

Its npm packages are installed once, into a cache folder of this user, with the versions and checksums of `supabase_lite/`.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psycopg
from filelock import FileLock

from shared.adapters.distributed.postgres.address import Address, Patience
from shared.adapters.distributed.postgres.migrations import migrate
from tests.live.database import Database
from tests.live.private_process import Missing, free_port, start, stop, wait_until

REMEDY = "no Supabase API can be started: needs node 20, npm and once its registry; on Debian: apt-get install nodejs npm"
PACKAGES = Path(__file__).with_name("supabase_lite")
SECRET_KEY = "sb_secret_of_a_private_test_server"  # noqa: S105  # on this machine's loopback
PUBLISHABLE_KEY = "sb_publishable_of_a_private_test_server"
ROW_CAP = 1_000

_ROLES = """
DO $$ BEGIN
  CREATE ROLE anon NOLOGIN;
  CREATE ROLE authenticated NOLOGIN;
  CREATE ROLE service_role NOLOGIN BYPASSRLS;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$
"""
_EMPTY = """
DO $$
DECLARE part text;
BEGIN
  FOR part IN
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace IN ('public'::regnamespace, 'der'::regnamespace) AND relkind IN ('r', 'p') AND NOT relispartition
      AND oid NOT IN ('der.migrations'::regclass, 'public.tenants'::regclass)
    ORDER BY relname = 'sites', relname = 'feature_catalogs'
  LOOP
    EXECUTE 'DELETE FROM ' || part;
  END LOOP;
END $$
"""


@dataclass(slots=True)
class SupabaseApi:
    """A running API on a database of its own. Tests that need an empty one empty it first."""

    database: Database
    name: str
    folder: Path
    url: str
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the process; it knows the tables and functions that are there then."""
        log = self.folder / "server.log"
        lite = packages() / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
        # a group of its own begins in the folder of its configuration
        self.process = start(
            ["sh", "-c", 'cd "$0" && exec "$@"', self.folder, "node", lite, "--no-telemetry", "start", "--no-admin"],
            log=log,
            environment={"DO_NOT_TRACK": "1"},
        )
        wait_until(self.answers, self.process, log=log)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/rest/v1/", headers={"apikey": SECRET_KEY}, timeout=2.0).status_code < 500
        except httpx.HTTPError:
            return False

    def empty(self) -> None:
        self.execute(_EMPTY)

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Past the API, as the superuser."""
        with psycopg.connect(self.database.url(self.name), autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def end(self) -> None:
        if self.process is not None:
            stop(self.process)
        self.database.drop_database(self.name)
        shutil.rmtree(self.folder, ignore_errors=True)


def open_supabase(database: Database, *, migrated: bool = True) -> SupabaseApi:
    """Raises `Missing`."""
    packages()
    name, port = database.new_database(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="der-supabase-"))
    api = SupabaseApi(database, name, folder, f"http://127.0.0.1:{port}")
    api.execute(_ROLES)
    if migrated:
        address = Address(database.url(name), Patience())
        with psycopg.connect(address.conninfo, autocommit=True) as connection:
            list(migrate(connection, address))
    (folder / "supabase").mkdir()
    (folder / "supabase" / "config.toml").write_text(
        f'[api]\nport = {port}\nschemas = ["public"]\nmax_rows = {ROW_CAP}\n'
        f'[db]\ndriver = "postgres"\nurl = "{database.url(name)}"\n'
        f'[auth]\nenabled = true\njwt_secret = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
        f'publishable_key = "{PUBLISHABLE_KEY}"\nsecret_key = "{SECRET_KEY}"\n'
    )
    api.begin()
    return api


def packages() -> Path:
    """The folder of the installed packages. Raises `Missing`, without asking the registry again in this process."""
    found = _installed()
    if isinstance(found, str):
        raise Missing(found)
    return found


@cache
def _installed() -> Path | str:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return REMEDY
    lock = (PACKAGES / "package-lock.json").read_bytes()
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "der-tests"
    folder = cache_folder / f"supabase-lite-{hashlib.sha256(lock).hexdigest()[:12]}"
    cache_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if folder.exists():
            return folder
        fresh = folder.with_suffix(".new")
        shutil.copytree(PACKAGES, fresh, dirs_exist_ok=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            return f"{REMEDY} ({' '.join(done.stderr.split())[-200:]})"
        fresh.rename(folder)
    return folder
