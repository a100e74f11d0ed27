"""`ProgressStore`: how far each step has come."""

from datetime import timedelta

from shared.ports.progress_store import Progress
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)


def progress(**changes) -> Progress:
    values = {"step": "sync", "site_id": "home", "watermark": NOON, "updated_at": NOON + timedelta(microseconds=7), "rows": 3}
    return Progress(**(values | changes))


def test_progress_is_read_back_whole(store):
    step = progress(rejected=2, last_error="cloud store is locked", digest="5f1d")
    store.progress.put(step)
    assert store.progress.get(step="sync", site_id="home") == step


def test_a_step_that_has_done_nothing_has_no_watermark(store):
    store.progress.put(progress(watermark=None))
    assert store.progress.get(step="sync", site_id="home") == progress(watermark=None)


def test_the_newest_progress_replaces_the_old_even_backwards(store):
    store.progress.put(progress())
    store.progress.put(progress(watermark=NOON - timedelta(days=1), last_error=None))
    assert store.progress.get(step="sync", site_id="home").watermark == NOON - timedelta(days=1)


def test_steps_and_sites_do_not_mix_and_are_listed_by_site(store):
    for step, site_id in (("sync", "b"), ("features", "a"), ("sync", "a")):
        store.progress.put(progress(step=step, site_id=site_id))
    assert store.progress.list(step="sync") == [progress(site_id="a"), progress(site_id="b")]
    assert store.progress.get(step="features", site_id="b") is None


def test_progress_is_there_after_a_restart(opened):
    with opened() as first:
        first.progress.put(progress())
    with opened() as second:
        assert second.progress.list(step="sync") == [progress()]
