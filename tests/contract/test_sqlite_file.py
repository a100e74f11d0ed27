"""The file under the embedded stores: transactions, waiting, and schemas that grow."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.adapters.embedded.cloud_store import CLOUD_SCHEMA
from shared.adapters.embedded.edge_store import EDGE_SCHEMA
from shared.adapters.embedded.sqlite import SqliteFile
from shared.ports.errors import SchemaTooNewError, UnavailableError


@dataclass
class Scripts:
    """A schema of these scripts."""

    steps: tuple[str, ...]
    application_id: int = 7
    folder: str = "notes"

    def scripts(self) -> tuple[str, ...]:
        return self.steps


FIRST = "CREATE TABLE notes (text TEXT NOT NULL) STRICT"
SECOND = "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'unknown'; UPDATE notes SET text = upper(text)"


def note(file: SqliteFile, text: str = "hello") -> None:
    with file.write() as connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))


def notes(file: SqliteFile) -> list[tuple]:
    with file.read() as connection:
        return connection.execute("SELECT * FROM notes").fetchall()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "notes.sqlite"


@pytest.fixture
def file(path):
    file = SqliteFile(path, Scripts((FIRST,)), busy_seconds=0.05)
    yield file
    file.close()


@pytest.mark.parametrize("schema", [EDGE_SCHEMA, CLOUD_SCHEMA], ids=["edge", "cloud"])
def test_a_commit_waits_for_the_disk(tmp_path, schema):
    file = SqliteFile(tmp_path / "x.sqlite", schema)
    with file.write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    file.close()


def test_a_block_that_raises_leaves_nothing(file):
    def interrupted() -> None:
        with file.write() as connection:
            connection.execute("INSERT INTO notes (text) VALUES ('half')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert notes(file) == []
    note(file)
    assert notes(file) == [("hello",)]


def test_a_bug_in_a_statement_stays_a_bug(file):
    with pytest.raises(sqlite3.OperationalError, match="no such table"), file.read() as connection:
        connection.execute("SELECT * FROM nowhere")
    with pytest.raises(sqlite3.IntegrityError), file.write() as connection:
        connection.execute("INSERT INTO notes (text) VALUES (NULL)")


def test_a_reader_is_not_held_up_by_a_writer_and_sees_whole_states(file):
    note(file)
    with file.write() as connection:
        connection.execute("INSERT INTO notes (text) VALUES ('under way')")
        assert notes(file) == [("hello",)]
    assert len(notes(file)) == 2


def test_a_file_locked_by_another_process_is_one_line_with_a_remedy(file, path):
    note(file)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked by another process") as caught:
            note(file)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    note(file)
    assert len(notes(file)) == 2


def test_a_long_write_of_this_program_is_waited_for_and_then_reported(file):
    with file.write() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute("INSERT INTO notes (text) VALUES ('long')")
        with pytest.raises(UnavailableError, match="busy"):
            pool.submit(note, file).result()


def test_an_older_file_grows_into_the_new_schema_with_its_rows(path):
    old = SqliteFile(path, Scripts((FIRST,)))
    note(old)
    old.close()
    new = SqliteFile(path, Scripts((FIRST, SECOND)))
    assert notes(new) == [("HELLO", "unknown")]
    new.close()
    with pytest.raises(SchemaTooNewError, match=r"schema 2, this one knows 1"):
        notes(old)


def test_a_step_that_fails_leaves_the_older_file_as_it_was(path):
    old = SqliteFile(path, Scripts((FIRST,)))
    note(old)
    old.close()
    with pytest.raises(sqlite3.OperationalError):
        notes(SqliteFile(path, Scripts((FIRST, f"{SECOND}; DROP TABLE nowhere"))))
    assert notes(old) == [("hello",)]
    old.close()


def test_many_that_open_an_older_file_at_once_grow_it_once(path):
    old = SqliteFile(path, Scripts((FIRST,)))
    note(old)
    old.close()
    together = threading.Barrier(6)

    def open_and_read(_number: int) -> list[tuple]:
        file = SqliteFile(path, Scripts((FIRST, SECOND)))
        together.wait()
        try:
            return notes(file)
        finally:
            file.close()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_and_read, range(6))) == [[("HELLO", "unknown")]] * 6


def test_threads_share_one_file_and_lose_nothing(path):
    file = SqliteFile(path, Scripts((FIRST,)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: note(file, str(number)), range(100)))
    assert sorted(int(text) for (text,) in notes(file)) == list(range(100))
    file.close()


def test_closing_leaves_one_file_without_a_log(file, path):
    note(file)
    file.close()
    with suppress(FileNotFoundError):
        path.with_name(path.name + ".lock").unlink()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
