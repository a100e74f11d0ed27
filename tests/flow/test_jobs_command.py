"""`der jobs`: what workers did and have to do, and another try."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.domain.job import Job, JobKind, JobState
from tests.flow.processes import der

NOW = datetime.now(UTC)


def test_a_job_that_was_given_up_is_found_with_its_reason_and_tried_again(tmp_path: Path) -> None:
    store = SqliteCloudStore(tmp_path / "cloud.sqlite")
    good, bad = (Job(kind=JobKind.SCHEDULE, site_id=site_id, slot="20240615T120000Z") for site_id in ("good", "bad"))
    store.jobs.request([good, bad], now=NOW)
    first, second = store.jobs.claim(JobKind.SCHEDULE, owner="cloud-1:42", now=NOW, lease=timedelta(minutes=1), limit=2)
    store.jobs.fail(first, now=NOW, error="site 'bad' has no tariff", retry_at=None)
    store.jobs.finish(second, now=NOW, result={"status": "optimal"})

    shown = der("jobs", "--state", "given_up", state_dir=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    heading, line = shown.stdout.splitlines()
    assert heading.split() == ["job", "state", "attempts", "owner", "age", "error"]
    assert all(word in line for word in (bad.job_id, "given_up", "1", "cloud-1:42", "no tariff"))
    assert json.loads(der("jobs", "--site", "good", "--json", state_dir=tmp_path).stdout)[0]["result"] == {"status": "optimal"}
    assert "given_up" in der("jobs", "--counts", state_dir=tmp_path).stdout

    again = der("jobs", "retry", bad.job_id, state_dir=tmp_path)
    assert (again.returncode, again.stdout) == (0, f"{bad.job_id} is queued again\n")
    found = store.jobs.get(bad.job_id)
    assert found is not None
    assert (found.state, found.attempts) == (JobState.QUEUED, 0)
    refused = der("jobs", "retry", good.job_id, state_dir=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert "is done" in refused.stderr
    store.close()
