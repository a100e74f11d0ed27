"""Stores shared by processes: all that was acknowledged is there, whatever happened to who wrote it."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.time import Interval
from tests.contract.implementations import CLOUD_STORES, EDGE_STORES
from tests.contract.writer import ROWS, START, writing
from tests.factories import NOON, readings

STORES = [("edge", name) for name in EDGE_STORES] + [("cloud", name) for name in CLOUD_STORES]
EVER = Interval(start=START - timedelta(days=1), end=START + timedelta(days=3650))


@pytest.fixture(params=STORES, ids=["-".join(store) for store in STORES])
def implementation(request, tmp_path):
    kind, name = request.param
    if kind == "cloud":
        with CLOUD_STORES[name](tmp_path):
            pass  # nothing is opened before it is used; a server that there must be is started by this process
    return request.param


def stored(implementation, folder: Path):
    kind, name = implementation
    with {"edge": EDGE_STORES, "cloud": CLOUD_STORES}[kind][name](folder) as store:
        if kind == "edge":
            return store.read(site_id="home", interval=EVER, limit=1_000_000)
        return store.readings.read(site_id="home", interval=EVER)


def test_processes_that_start_together_on_nothing_all_write(implementation, tmp_path):
    with ExitStack() as stack:
        writers = [stack.enter_context(writing(*implementation, tmp_path, f"device-{number}", 25)) for number in range(3)]
        assert [writer.acknowledged(26) for writer in writers] == [list(range(25))] * 3
    assert stored(implementation, tmp_path).groupby("device_id").size().to_dict() == {f"device-{number}": 25 * ROWS for number in range(3)}


@pytest.mark.parametrize("batches", [1, 20])
def test_what_a_killed_writer_was_told_is_there_and_every_batch_is_whole(implementation, tmp_path, batches):
    with writing(*implementation, tmp_path, "device", 100_000) as writer:
        acknowledged = writer.acknowledged(batches)
        writer.process.kill()
        acknowledged += writer.acknowledged(100_000)
    found = ((stored(implementation, tmp_path)["timestamp"] - START) // timedelta(hours=1)).value_counts()
    assert len(acknowledged) >= batches
    assert set(acknowledged) <= set(found.index)
    assert set(found) == {ROWS}
    assert len(found) <= len(acknowledged) + 1


def test_a_store_goes_on_after_a_writer_was_killed(implementation, tmp_path):
    with writing(*implementation, tmp_path, "device", 100_000) as writer:
        writer.acknowledged(1)
    with writing(*implementation, tmp_path, "another", 5) as writer:
        assert writer.acknowledged(6) == [0, 1, 2, 3, 4]


def test_a_reader_sees_the_writes_of_another_process_while_it_lives(tmp_path):
    with EDGE_STORES["sqlite"](tmp_path) as store:
        store.write(readings(start=NOON, hours=1, device_id="ours"))
        with writing("edge", "sqlite", tmp_path, "theirs", 3) as writer:
            writer.acknowledged(4)
        assert [(extent.device_id, extent.rows) for extent in store.extents()] == [("ours", 4), ("theirs", 3 * ROWS)]
