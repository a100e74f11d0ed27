"""The servers of this test process: each is started when a test first asks for it, and ended with the tests."""

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.live.broker import Broker, open_broker
from tests.live.database import Database, open_database
from tests.live.private_process import Missing, left_out
from tests.live.supabase_api import SupabaseApi, open_supabase

_running: list[Broker | Database | SupabaseApi] = []


@cache
def broker() -> Broker:
    """Skips the test where there is no RabbitMQ, or fails it under CI=true."""
    try:
        opened = open_broker(Path(tempfile.mkdtemp(prefix="der-rabbitmq-")))
    except Missing as problem:
        left_out(str(problem))
        raise
    _running.append(opened)
    return opened


@cache
def database() -> Database:
    """Skips the test where there is no PostgreSQL, or fails it under CI=true."""
    try:
        opened = open_database()
    except Missing as problem:
        left_out(str(problem))
        raise
    _running.append(opened)
    return opened


@cache
def supabase() -> SupabaseApi:
    """Skips the test where there is no Supabase API, or fails it under CI=true."""
    try:
        opened = open_supabase(database())
    except Missing as problem:
        left_out(str(problem))
        raise
    _running.append(opened)
    return opened


def end() -> None:
    """End what was started."""
    while _running:
        with suppress(ProcessLookupError):
            _running.pop().end()
