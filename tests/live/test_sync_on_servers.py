"""The edge on InfluxDB, the cloud on PostgreSQL: what the embedded stores promise of sync holds on servers."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from shared.ports.progress_store import Progress
from tests.contract.implementations import CLOUD_STORES, EDGE_STORES
from tests.factories import a_site, a_tariff
from tests.unit.sync.test_convergence import ROWS, SITES, Mortal, Stage, days

EVERY = list(range(ROWS))
STORIES: dict[str, list[tuple[Any, ...]]] = {
    "late, repeated and shuffled": [
        ("carried", "east", EVERY[::-3]),
        ("sweep", None),
        ("recorded", "west", EVERY[10:40]),
        ("carried", "west", EVERY[30:45]),
        ("sweep", None),
        ("recorded", "east", EVERY[5:20]),
        ("carried", "west", EVERY[30:45]),
        ("recorded", "west", EVERY),
    ],
    "killed at every other write": [
        ("recorded", "east", EVERY),
        ("recorded", "west", EVERY[::2]),
        *(("sweep", Mortal(left=left, after=after)) for left in range(1, 30, 6) for after in (False, True)),
        ("carried", "west", EVERY[1::2]),
    ],
}


@pytest.mark.parametrize("cloud_name", ["postgres", "supabase"])
@pytest.mark.parametrize("story", STORIES)
def test_sync_ends_equal_to_the_ordered_run(story: str, cloud_name: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        edge = stack.enter_context(EDGE_STORES["influx"](tmp_path))
        cloud = stack.enter_context(CLOUD_STORES[cloud_name](tmp_path))
        for site_id in SITES:
            edge.announcements.announce_site(a_site(site_id), a_tariff())
        stage = Stage(edge, edge.announcements, cloud, days())
        for act, *words in STORIES[story]:
            getattr(stage, act)(*words)
        stage.now += timedelta(days=1)
        stage.sweep()
        for site_id in SITES:
            assert_frame_equal(stage.in_cloud(site_id), stage.at_edge(site_id))
            state = cloud.progress.get(step="sync", site_id=site_id)
            assert isinstance(state, Progress)
            assert state.last_error is None
            (status,) = [one for one in stage.service.status(now=stage.now) if one.site_id == site_id]
            assert (status.backlog_rows, status.cloud_rows, status.rejected) == (0, len(stage.at_edge(site_id)), 0)
