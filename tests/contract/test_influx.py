"""What InfluxDB adds to an edge store: a bucket with its retention, patience, and errors that a person can act on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from shared.adapters.distributed.influx import InfluxEdgeStore, Patience
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.errors import SupplierError, UnavailableError
from tests.factories import readings
from tests.live.influx_server import ORG, READER, TOKEN, InfluxServer, Refusal, serving

WEEK = timedelta(days=7)
EVER = Interval(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))
QUICK = Patience(first_wait=timedelta(milliseconds=1), longest_wait=timedelta(seconds=1), read=timedelta(seconds=5))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[InfluxServer]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def opened(server: InfluxServer) -> Iterator:
    stores = []

    def open_one(**changes) -> InfluxEdgeStore:
        values = {"url": server.url, "token": TOKEN, "org": ORG, "bucket": "der-data", "retention": WEEK, "patience": QUICK}
        stores.append(InfluxEdgeStore(**(values | changes)))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def count(server: InfluxServer, path: str) -> int:
    return [asked for _, asked in server.requests].count(path)


def recent(**changes):
    now = datetime.now(UTC).replace(microsecond=0)
    return readings(start=now - timedelta(hours=1), hours=1, **changes)


def test_a_missing_bucket_is_made_with_its_retention_once(server, opened):
    assert opened().prepare() == WEEK
    assert opened(retention=timedelta(days=30)).prepare() == WEEK
    assert server.requests.count(("POST", "/api/v2/buckets")) == 1


def test_a_bucket_that_keeps_for_ever_says_so(opened):
    opened(bucket="for-ever", retention=None).prepare()
    assert opened(bucket="for-ever").prepare() is None


def test_two_that_make_the_same_bucket_at_once_both_have_it(server, opened):
    opened().prepare()
    # the second one looks before the first has made it, and is told that it exists when it makes it
    server.refusals = [Refusal(404, 'bucket "der-data" not found')]
    assert opened().prepare() == WEEK


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"token": "canary-token"}, r"refuses the token .*INFLUXDB_TOKEN"),
        ({"org": "nobody"}, r"no organization 'nobody'; correct INFLUXDB_ORG"),
        ({"token": READER}, r"no bucket 'der-data' .* for this token, and none can be made .*; make the bucket there"),
    ],
)
def test_what_a_person_must_mend_is_one_line_with_the_remedy(opened, changes, told):
    with pytest.raises(SupplierError, match=told) as caught:
        opened(**changes).prepare()
    assert not isinstance(caught.value, UnavailableError)
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_token_that_may_only_read_is_told_so_when_it_writes(opened):
    opened().prepare()
    with pytest.raises(SupplierError, match="forbids this token"):
        opened(token=READER).write(recent())


@pytest.mark.parametrize(
    "values", [{"token": " "}, {"token": "a\nb"}, {"token": "tökën"}, {"org": ""}, {"bucket": ""}, {"retention": timedelta(0)}]
)
def test_an_impossible_setting_is_refused_without_repeating_a_secret(opened, values):
    with pytest.raises(InvalidValueError) as caught:
        opened(**values)
    assert "tök" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_refuses_for_a_moment_is_asked_again(server, opened, status):
    store = opened()
    store.prepare()
    server.refusals = [Refusal(status, "not now"), Refusal(status, "not now")]
    assert store.write(recent()) == 4
    assert count(server, "/api/v2/write") == 3
    assert store.extents()[0].rows == 4


def test_patience_ends(server, opened):
    store = opened()
    store.prepare()
    server.refusals = [Refusal(503, "not now")] * 3
    with pytest.raises(UnavailableError, match="503: not now"):
        store.write(recent())
    assert count(server, "/api/v2/write") == 3


def test_a_server_that_asks_for_time_gets_it_or_is_left_alone(server, opened):
    store = opened()
    store.prepare()
    server.refusals = [Refusal(429, "later", Retry_After="0")]
    assert store.write(recent()) == 4
    server.refusals = [Refusal(429, "much later", Retry_After="3600")]
    with pytest.raises(UnavailableError, match="much later"):
        store.write(recent())
    assert count(server, "/api/v2/write") == 3


@pytest.mark.parametrize("status", [400, 401, 403, 413, 422])
def test_a_request_that_is_wrong_is_not_made_again(server, opened, status):
    store = opened()
    store.prepare()
    server.refusals = [Refusal(status, "wrong")]
    with pytest.raises(SupplierError, match="wrong") as caught:
        store.write(recent())
    assert not isinstance(caught.value, UnavailableError)
    assert count(server, "/api/v2/write") == 1


@pytest.mark.parametrize("status", [422, 500])
def test_readings_beyond_the_retention_are_refused_for_good(server, opened, status):
    store = opened()
    store.prepare()
    if status == 500:  # as servers before 2.1 answered
        server.refusals = [
            Refusal(500, "unexpected error writing points to database: partial write: points beyond retention policy dropped=4")
        ]
    with pytest.raises(SupplierError, match="partial write") as caught:
        store.write(readings(hours=1))
    assert not isinstance(caught.value, UnavailableError)


def test_a_server_that_is_away_is_unavailable_and_works_again_when_it_is_back(server, opened):
    store = opened()
    store.prepare()
    server.stop()
    with pytest.raises(UnavailableError, match=r"does not answer \(.+\); start it, or correct INFLUXDB_URL"):
        store.write(recent())
    server.start()
    assert store.write(recent()) == 4


def test_a_bucket_that_was_deleted_is_made_again(server, opened):
    store = opened()
    with pytest.raises(UnavailableError, match=r"no bucket 'der-data' .*correct INFLUXDB_BUCKET"):
        store.write(recent())
    store.prepare()
    assert store.write(recent()) == 4


def test_an_address_of_something_else_is_told_so(server, opened):
    server.refusals = [Refusal(404, "404 page not found")]
    with pytest.raises(SupplierError, match="is no InfluxDB 2"):
        opened().prepare()


def test_a_value_that_became_missing_does_not_come_back_from_the_older_point(opened):
    store = opened(retention=None, bucket="for-ever")
    store.prepare()
    store.write(readings().assign(time_of_use_period="peak"))
    store.write(readings().assign(total_load_kw=np.nan))
    found = store.read(site_id="home", interval=EVER, limit=1000)
    assert found["total_load_kw"].isna().all()
    assert found["time_of_use_period"].isna().all()
    assert found["solar_generation_kw"].tolist() == readings()["solar_generation_kw"].tolist()


def test_more_readings_than_a_request_holds_go_in_several_and_come_back_in_pages(server, opened):
    store = opened(retention=None, bucket="for-ever")
    store.prepare()
    whole = readings(step=timedelta(seconds=10), hours=16)
    assert store.write(whole) == 5760
    assert count(server, "/api/v2/write") == 2
    found = store.read(site_id="home", interval=EVER, limit=5500)
    assert found["timestamp"].tolist() == whole["timestamp"].tolist()[:5500]


def test_no_reading_gets_lost_between_full_pages(opened):
    store = opened(retention=None, bucket="for-ever", page_rows=10)
    store.prepare()
    for device in ("a", "b", "c"):
        store.write(readings(device_id=device, hours=8))
    found = store.read(site_id="home", interval=EVER, limit=1000)
    assert found.groupby("device_id").size().to_dict() == {"a": 32, "b": 32, "c": 32}
    assert not found.duplicated(["device_id", "timestamp"]).any()
