"""Stores that are one file each: what happens when the file, its folder or its disk is not as it should be."""

import os
import resource
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shared.domain.errors import InvalidValueError
from shared.domain.reading import READING_COLUMNS
from shared.ports.errors import CorruptError, SchemaTooNewError, UnavailableError
from tests.contract.implementations import CLOUD_STORES, EDGE_STORES
from tests.contract.test_reading_store import EVER
from tests.factories import NOON, as_nobody, readings

FILES = {
    "edge.sqlite": (
        EDGE_STORES["sqlite"],
        lambda store, frame: store.write(frame),
        lambda store: store.read(site_id="home", interval=EVER, limit=10**6),
    ),
    "cloud.sqlite": (
        CLOUD_STORES["sqlite"],
        lambda store, frame: store.readings.upsert(frame, stored_at=NOON),
        lambda store: store.readings.read(site_id="home", interval=EVER),
    ),
}


@pytest.fixture(params=sorted(FILES))
def name(request):
    return request.param


@contextmanager
def opened(name, folder):
    factory, write, read = FILES[name]
    with factory(folder) as store:
        yield (lambda frame: write(store, frame)), (lambda: read(store))


def filled(name, folder) -> Path:
    with opened(name, folder) as (write, _):
        write(readings(hours=24 * 10))
    return folder / name


def set_aside(folder, name):
    return sorted(path.name for path in folder.glob(f"{name}.corrupt-*") if not path.name.endswith(("-wal", "-shm")))


def test_opening_makes_no_file_before_it_is_used(name, tmp_path):
    with opened(name, tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_no_database_is_named_set_aside_and_kept(name, tmp_path):
    (tmp_path / name).write_bytes(b"my shopping list\n" * 100)
    with opened(name, tmp_path) as (write, _), pytest.raises(CorruptError, match=r"set aside as .* start again") as caught:
        write(readings())
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Path(caught.value.path).read_bytes() == b"my shopping list\n" * 100
    assert not (tmp_path / name).exists()


def test_the_next_start_begins_with_an_empty_store(name, tmp_path):
    (tmp_path / name).write_bytes(b"x" * 5000)
    with opened(name, tmp_path) as (write, _), pytest.raises(CorruptError):
        write(readings())
    with opened(name, tmp_path) as (write, read):
        assert read().empty
        write(readings())
        assert len(read()) == 96
    assert len(set_aside(tmp_path, name)) == 1


def test_a_store_that_met_damage_works_no_further_until_the_next_start(name, tmp_path):
    (tmp_path / name).write_bytes(b"x" * 5000)
    with opened(name, tmp_path) as (write, read):
        for attempt in (lambda: write(readings()), read, lambda: write(readings())):
            with pytest.raises(CorruptError):
                attempt()
    assert not (tmp_path / name).exists()


def test_a_file_cut_short_is_set_aside(name, tmp_path):
    path = filled(name, tmp_path)
    os.truncate(path, path.stat().st_size // 2)
    with opened(name, tmp_path) as (_, read), pytest.raises(CorruptError):
        read()
    assert len(set_aside(tmp_path, name)) == 1


def test_damage_in_the_middle_is_found_when_it_is_read(name, tmp_path):
    path = filled(name, tmp_path)
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(4096 * 16))
    damaged = path.read_bytes()
    with opened(name, tmp_path) as (_, read), pytest.raises(CorruptError) as caught:
        read()
    assert Path(caught.value.path).read_bytes() == damaged


def test_an_empty_file_is_an_empty_store(name, tmp_path):
    (tmp_path / name).touch()
    with opened(name, tmp_path) as (_, read):
        assert read().empty


def test_a_store_of_a_newer_program_is_refused_and_left_alone(name, tmp_path):
    path = filled(name, tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with opened(name, tmp_path) as (write, _), pytest.raises(SchemaTooNewError, match=r"schema 999.*upgrade"):
        write(readings())
    assert set_aside(tmp_path, name) == []
    assert path.exists()


def test_a_database_of_another_kind_is_refused_and_left_alone(name, tmp_path):
    with closing(sqlite3.connect(tmp_path / name)) as connection:
        connection.execute("CREATE TABLE recipes (cake TEXT)")
    with opened(name, tmp_path) as (write, _), pytest.raises(InvalidValueError, match="another kind"):
        write(readings())
    with closing(sqlite3.connect(tmp_path / name)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


def test_a_file_moved_away_while_in_use_is_noticed_before_anything_is_acknowledged(name, tmp_path):
    with opened(name, tmp_path) as (write, _):
        write(readings())
        (tmp_path / name).rename(tmp_path / "elsewhere")
        with pytest.raises(UnavailableError, match="moved or removed"):
            write(readings(seed=1))


def test_a_store_can_be_closed_and_used_again(name, tmp_path):
    factory, write, read = FILES[name]
    with factory(tmp_path) as store:
        write(store, readings())
        store.close()
        assert len(read(store)) == 96


@pytest.mark.parametrize("present", [False, True], ids=["no file yet", "a file"])
def test_a_read_only_folder_is_one_line_with_a_remedy(name, present):
    folder = Path(tempfile.mkdtemp())
    try:
        if present:
            filled(name, folder)
            (folder / f"{name}.lock").chmod(0o444)
            (folder / name).chmod(0o444)
        folder.chmod(0o555)
        with as_nobody(), opened(name, folder) as (write, _), pytest.raises(UnavailableError, match="permission") as caught:
            write(readings())
        assert str(folder / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_made_is_one_line_with_a_remedy(name, tmp_path):
    (tmp_path / "file").touch()
    with opened(name, tmp_path / "file") as (write, _), pytest.raises(UnavailableError, match="choose another state folder"):
        write(readings())


@contextmanager
def disk_with_room_for(size: int):
    """No file may grow beyond `size`: what a full disk does to who writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_partial_batch_and_the_store_recovers_by_itself(name, tmp_path):
    with opened(name, tmp_path) as (write, read):
        write(readings(device_id="first"))
        with disk_with_room_for(400_000), pytest.raises(UnavailableError, match="space"):
            write(readings(device_id="second", hours=24 * 60))
        assert set(read()["device_id"]) == {"first"}
        write(readings(device_id="second", hours=24 * 60))
        assert read().groupby("device_id").size().to_dict() == {"first": 96, "second": 96 * 60}


def test_the_table_has_the_columns_of_a_reading(name, tmp_path):
    with closing(sqlite3.connect(filled(name, tmp_path))) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(readings)")]
    assert set(READING_COLUMNS) <= set(columns)
    assert set(columns) - set(READING_COLUMNS) <= {"stored_at"}


def test_damage_found_by_one_user_of_a_file_stops_the_others_and_spares_the_new_file(name, tmp_path):
    path = filled(name, tmp_path)
    with opened(name, tmp_path) as (_, read), opened(name, tmp_path) as (write_other, read_other):
        assert len(read()) == len(read_other()) == 960
        with path.open("r+b") as file:
            file.seek(8 * 4096)
            file.write(os.urandom(4096 * 16))
        with opened(name, tmp_path) as (_, read_late), pytest.raises(CorruptError):
            read_late()
        with opened(name, tmp_path) as (write_new, read_new):
            write_new(readings())
            for attempt in (read_other, lambda: write_other(readings(seed=1)), read):
                with pytest.raises(UnavailableError, match="moved or removed"):
                    attempt()
            assert len(read_new()) == 96
    assert len(set_aside(tmp_path, name)) == 1
