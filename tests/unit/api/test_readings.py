"""Readings over HTTP: a verdict for each row, pages, series."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.routes import examples
from services.api.routes.strict import parse_json
from services.api.service import row_faults
from shared.contracts.readings import ReadingDocument
from shared.domain.reading import Quality
from shared.domain.site import Site
from shared.runtime.resources import Resources
from tests.unit.api.conftest import Client

PATH = "/v1/sites/home/readings"


@pytest.fixture(autouse=True)
def _site(client: Client) -> None:
    client.put("/v1/sites/home", json=examples.SITE)


def row(minute: int = 0, **changes: Any) -> dict[str, Any]:
    return examples.READING | {"timestamp": f"2024-06-15T14:{minute:02d}:00+00:00"} | changes


def send(client: Client, *rows: Any) -> Any:
    # as text, so that NaN and infinities go out as they are
    return client.post(PATH, content=json.dumps({"readings": rows}), headers={"Content-Type": "application/json"})


def test_a_batch_is_stored_and_read_back(client: Client):
    verdict = send(client, row(0), row(5)).json()
    assert (verdict["accepted"], verdict["inserted"], verdict["rejected"]) == (2, 2, 0)
    stored = client.get(PATH, params={"start": "2024-06-15T14:00:00Z", "end": "2024-06-15T15:00:00Z"}).json()["items"]
    assert stored == [row(0) | {"quality": []}, row(5) | {"quality": []}]


def test_sending_a_batch_again_changes_nothing(client: Client):
    send(client, row(0), row(5))
    assert send(client, row(0), row(5)).json() | {"refused_rows": None} == {
        "site_id": "home", "accepted": 2, "inserted": 0, "updated": 0, "unchanged": 2, "rejected": 0, "refused_rows": None,
    }  # fmt: skip


def test_the_later_of_two_rows_with_one_key_wins(client: Client):
    send(client, row(0, net_grid_flow_kw=1.0), row(0, net_grid_flow_kw=2.0))
    assert [item["net_grid_flow_kw"] for item in client.get(f"{PATH}/latest").json()["items"]] == [2.0]


BAD_ROWS: dict[str, tuple[Any, str]] = {
    "a time without an offset": (row(timestamp="2024-06-15T14:30:00"), "/timestamp"),
    "milliseconds for a time": (row(timestamp=1718461800000), "/timestamp"),
    "no time": ({"device_id": "a"}, "/timestamp"),
    "a time that UTC does not have": (row(timestamp="0001-01-01T00:00:00+23:00"), "/timestamp"),
    "a clock that was never set": (row(timestamp="1970-01-01T00:00:00Z"), "/timestamp"),
    "a time tomorrow": (row(timestamp=(datetime.now(UTC) + timedelta(days=1)).isoformat()), "/timestamp"),
    "NaN": (row(net_grid_flow_kw=float("nan")), "/net_grid_flow_kw"),
    "infinity": (row(solar={"generation_kw": float("inf")}), "/solar/generation_kw"),
    "1e308": (row(home_load={"total_load_kw": 1e308}), "/home_load/total_load_kw"),
    "a boolean for a number": (row(battery={"soc_percent": True}), "/battery/soc_percent"),
    "a text for a number": (row(battery={"soc_percent": "65"}), "/battery/soc_percent"),
    "negative solar": (row(solar={"generation_kw": -1}), "/solar/generation_kw"),
    "a state of charge of 130": (row(battery={"soc_percent": 130}), "/battery/soc_percent"),
    "an unknown period": (row(grid_price={"time_of_use_period": "lunch"}), "/grid_price/time_of_use_period"),
    "an unknown field": (row(colour="red"), "/colour"),
    "a device with a slash": (row(device_id="a/b"), "/device_id"),
    "no object": (7, ""),
    "null": (None, ""),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_with_a_pointer_and_does_not_block_the_others(client: Client, resources: Resources, name: str):
    bad, pointer = BAD_ROWS[name]
    answer = send(client, row(0), bad, row(5))
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    assert (verdict["accepted"], verdict["rejected"], verdict["refused_rows"][0]["index"]) == (2, 1, 1)
    assert pointer in [error["pointer"] for error in verdict["refused_rows"][0]["errors"]]
    assert resources.quarantine.count(site_id="home") == 1


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_batch_of_bad_rows_alone_is_422_with_a_pointer_into_the_body(client: Client, name: str):
    bad, pointer = BAD_ROWS[name]
    answer = send(client, bad)
    assert (answer.status_code, answer.json()["code"]) == (422, "all_rows_refused")
    assert f"/readings/0{pointer}" in [error["pointer"] for error in answer.json()["errors"]]


def test_what_was_refused_is_kept_as_it_was_sent(client: Client, resources: Resources):
    send(client, row(0), row(5, colour="red"))
    kept = resources.quarantine.read(site_id="home").iloc[0]
    assert json.loads(kept["document"])["colour"] == "red"
    assert kept["device_id"] == "edge-gateway-001"
    assert "/colour" in kept["reason"]


def test_a_reading_stamped_a_minute_ahead_is_stored_and_flagged(client: Client):
    send(client, row(timestamp=(datetime.now(UTC) + timedelta(minutes=1)).isoformat()))
    assert client.get(f"{PATH}/latest").json()["items"][0]["quality"] == ["clock_ahead"]


def test_a_value_that_was_not_measured_stays_null(client: Client):
    send(client, {"timestamp": "2024-06-15T14:00:00Z", "device_id": "a", "battery": {"soc_percent": None}})
    stored = client.get(f"{PATH}/latest").json()["items"][0]
    assert stored["battery"]["soc_percent"] is None
    assert stored["solar"]["generation_kw"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b'{"readings": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "malformed_json"),
        (b'{"readings": [], "readings": []}', 400, "duplicate_key"),
        (b'{"readings": []}', 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b'{"readings": 3}', 422, "invalid_request"),
        (b'{"readings": [1], "more": 1}', 422, "invalid_request"),
        (b'{"readings": [' + b"1," * 10_000 + b"1]}", 413, "batch_too_large"),
        (b'{"readings": "' + b"x" * 1_000_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_is_no_batch_gets_the_right_status(client: Client, body: bytes, status: int, code: str):
    answer = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_without_a_length_is_cut_off_when_it_is_too_long(client: Client):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    answer = client.post(PATH, content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("headers", [{"Content-Type": "text/csv"}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}])
def test_another_kind_of_body_is_415(client: Client, headers: dict[str, str]):
    assert client.post(PATH, content=b"{}", headers=headers).status_code == 415


def test_readings_of_an_unknown_site_are_404_and_not_stored(client: Client, resources: Resources):
    assert client.post("/v1/sites/nobody/readings", json={"readings": [row()]}).json()["code"] == "unknown_site"
    assert resources.readings.extent(site_id="nobody") is None


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_pages_hold_every_reading_once_and_in_order(client: Client, limit: int):
    send(client, *(row(minute, device_id=device) for minute in (0, 5, 10) for device in ("a", "b", "c")))
    query = {"start": "2024-06-15T14:00:00Z", "end": "2024-06-15T15:00:00Z", "limit": limit}
    keys: list[tuple[str, str]] = []
    while True:
        page = client.get(PATH, params=query).json()
        assert len(page["items"]) <= limit
        keys += [(item["timestamp"], item["device_id"]) for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(keys) == 9
    assert keys == sorted(set(keys))


def test_a_series_is_the_mean_of_each_step_and_null_in_a_gap(client: Client):
    send(client, row(0, net_grid_flow_kw=1.0), row(5, net_grid_flow_kw=2.0), row(35, net_grid_flow_kw=4.0))
    query = {"start": "2024-06-15T14:00:00Z", "end": "2024-06-15T14:45:00Z", "resolution": "PT15M", "columns": "net_grid_flow_kw"}
    series = client.get(f"{PATH}/series", params=query).json()
    assert series["values"] == {"net_grid_flow_kw": [1.5, None, 4.0]}
    assert (series["start"], series["resolution"]) == ("2024-06-15T14:00:00+00:00", "PT15M")


def test_a_series_comes_in_the_steps_of_its_site_unless_asked_otherwise(client: Client):
    client.patch("/v1/sites/home", json={"resolution": "PT30M"})
    send(client, row(0, net_grid_flow_kw=1.0), row(15, net_grid_flow_kw=3.0), row(30, net_grid_flow_kw=4.0))
    query = {"start": "2024-06-15T14:00:00Z", "end": "2024-06-15T15:00:00Z", "columns": "net_grid_flow_kw"}
    series = client.get(f"{PATH}/series", params=query).json()
    assert series["resolution"] == "PT30M"
    assert series["values"] == {"net_grid_flow_kw": [2.0, 4.0]}


@pytest.mark.parametrize(
    "query",
    [
        {"resolution": "PT0S"},
        {"resolution": "soon"},
        {"columns": "colour"},
        {"start": "2024-06-15T14:00:00"},
        {"start": "2024-06-15T14:00:00Z", "end": "2024-06-14T14:00:00Z"},
        {"start": "2000-01-01T00:00:00Z", "end": "2024-01-01T00:00:00Z"},
        {"colour": "red"},
    ],
)
def test_a_wrong_question_for_a_series_is_422(client: Client, query: dict[str, str]):
    answer = client.get(f"{PATH}/series", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"]


def test_an_unescaped_plus_in_a_query_is_understood(client: Client):
    assert client.get(f"{PATH}/series?start=2024-06-15T14:00:00+00:00&end=2024-06-15T15:00:00+00:00").status_code == 200


def test_stored_values_that_a_flag_doubts_are_shown(client: Client, home: Site, resources: Resources):
    frame = resources.readings.latest(site_id="home")
    doubtful = frame.assign(solar_generation_kw=-0.4, quality=int(Quality.OUT_OF_RANGE | Quality.SPIKE))
    resources.readings.upsert(doubtful, stored_at=datetime.now(UTC))
    shown = client.get(f"{PATH}/latest").json()["items"][0]
    assert shown["solar"]["generation_kw"] == -0.4
    assert shown["quality"] == ["out_of_range", "spike"]


@given(st.floats(allow_nan=False, allow_infinity=False), st.timedeltas(min_value=timedelta(days=-3000), max_value=timedelta(days=3000)))
def test_a_row_is_sound_exactly_within_bounds_and_clock(flow: float, ahead: timedelta):
    now = datetime(2024, 6, 15, tzinfo=UTC)
    document = ReadingDocument(timestamp=now + ahead, device_id="a", net_grid_flow_kw=flow)
    assert (row_faults(document, now=now) == ()) == (abs(flow) <= 1e5 and ahead <= timedelta(minutes=5))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_strict_json_reads_what_json_is(value: Any):
    assert parse_json(json.dumps(value).encode()) == value
