"""Open-Meteo over the network: what is asked, what is believed, and from when a row was known."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from shared.adapters.feeds.asking import Asking
from shared.adapters.weather import OpenMeteo, open_meteo_service
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.errors import SupplierError, UnavailableError
from shared.ports.origin import Freshness
from shared.ports.weather import WEATHER_FORECAST_COLUMNS
from tests.supplier_formats import UNITS, open_meteo
from tests.supplier_server import Reply, Supplier, as_json, hasty, supplying, without_sleep

START = datetime(2026, 3, 10, tzinfo=UTC)
NOON = START + timedelta(hours=12, minutes=7)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = {"latitude": 52.52, "longitude": 13.41}


def rows(days: int = 7, start: datetime = START) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=24 * days, freq="h").as_unit("us")
    hours = np.arange(len(stamps)) % 24
    return pd.DataFrame({"timestamp": stamps, "temperature_celsius": 10.0, "ghi_w_m2": np.maximum(0.0, 400.0 - 50.0 * abs(hours - 12.0))})


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    with supplying(open_meteo(rows())) as running:
        yield running


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    with hasty() as client:
        yield client


@pytest.fixture
def opened(asking: Asking, supplier: Supplier, tmp_path: Path) -> Callable[..., OpenMeteo]:
    """A service on the test's folder: opened again it is a restart."""

    def service(key: str | None = None) -> OpenMeteo:
        secret = SecretStr(key) if key else None
        return open_meteo_service(asking, folder=tmp_path, urls={"open-meteo": supplier.url}, key=secret, sleep=without_sleep)

    return service


def test_a_forecast_has_every_column_and_is_known_since_it_was_heard(opened):
    answer = opened().forecast(**BERLIN, now=NOON)
    assert tuple(answer.rows.columns) == WEATHER_FORECAST_COLUMNS
    assert str(answer.rows["issued_at"].dtype) == "datetime64[us, UTC]"
    assert (answer.rows["issued_at"] == NOON).all()
    noon = answer.rows.set_index("timestamp").loc[START + 12 * HOUR]
    assert (noon["ghi_w_m2"], noon["temperature_celsius"]) == (400.0, 10.0)
    assert np.isnan(noon["wind_speed_m_s"])
    assert answer.origin.attribution == "Weather data by Open-Meteo.com (CC BY 4.0)"
    assert (answer.origin.resolution, answer.origin.freshness) == (HOUR, Freshness.FRESH)


def test_a_forecast_is_asked_for_once_an_hour(opened, supplier):
    for minutes in range(0, 121, 10):
        opened().forecast(**BERLIN, now=NOON + timedelta(minutes=minutes))
    assert len(supplier.asked) == 3


def test_what_is_asked_for_is_metric_and_of_utc(opened, supplier):
    opened().forecast(**BERLIN, now=NOON)
    query = supplier.asked[0].query
    assert set(query["hourly"].split(",")) == set(UNITS)
    assert {name: query[name] for name in ("latitude", "longitude", "timezone", "timeformat", "wind_speed_unit")} == {
        "latitude": "52.5200", "longitude": "13.4100", "timezone": "GMT", "timeformat": "unixtime", "wind_speed_unit": "ms",
    }  # fmt: skip
    assert "apikey" not in query


def test_a_key_is_sent_and_never_told(opened, supplier):
    supplier.answer = lambda _question: Reply(status=400, body=b'{"error":true,"reason":"Invalid API key"}')
    with pytest.raises(SupplierError, match="Invalid API key") as raised:
        opened("geheim").forecast(**BERLIN, now=NOON)
    assert supplier.asked[0].query["apikey"] == "geheim"
    assert "geheim" not in str(raised.value)


def test_an_outage_serves_the_last_forecast_as_it_was_issued(opened, supplier):
    opened().forecast(**BERLIN, now=NOON)
    supplier.answer = lambda _question: Reply(status=502)
    answer = opened().forecast(**BERLIN, now=NOON + 5 * HOUR)
    assert answer.origin.freshness is Freshness.LAST_KNOWN
    assert "answered 502" in answer.origin.problem
    assert (answer.rows["issued_at"] == NOON).all()


def test_places_do_not_mix(opened, supplier):
    opened().forecast(**BERLIN, now=NOON)
    supplier.answer = lambda _question: Reply(status=502)
    with pytest.raises(UnavailableError, match="502"):
        opened().forecast(latitude=48.0, longitude=9.0, now=NOON)


def test_what_was_forecast_then_was_known_then_and_not_before_its_run_was_out(opened, supplier):
    answer = opened().forecast_then(**BERLIN, interval=Interval(start=START, end=START + DAY), lead_days=2, now=START + 30 * DAY)
    assert all(name.endswith("_previous_day2") for name in supplier.asked[0].query["hourly"].split(","))
    known_before = answer.rows["timestamp"] - answer.rows["issued_at"]
    assert (known_before == 2 * DAY - 9 * HOUR).all()
    assert len(answer.rows) == 24


@pytest.mark.parametrize("lead_days", [0, 8])
def test_other_lead_times_are_refused(opened, lead_days):
    with pytest.raises(InvalidValueError, match="lead_days"):
        opened().forecast_then(**BERLIN, interval=Interval(start=START, end=START + DAY), lead_days=lead_days, now=NOON)


def test_the_past_is_one_question_and_then_kept(opened, supplier):
    span = Interval(start=START, end=START + 7 * DAY)
    first = opened().observed(**BERLIN, interval=span, now=START + 60 * DAY)
    again = opened().observed(**BERLIN, interval=Interval(start=START + DAY, end=START + 2 * DAY), now=START + 90 * DAY)
    assert len(supplier.asked) == 1
    assert len(first.rows) == 168
    assert (again.origin.freshness, len(again.rows)) == (Freshness.CACHED, 24)
    pd.testing.assert_frame_equal(again.rows, first.rows.iloc[24:48].reset_index(drop=True))


def test_days_that_were_young_when_they_were_read_are_read_again(opened, supplier):
    span = Interval(start=START, end=START + DAY)
    opened().observed(**BERLIN, interval=span, now=START + 2 * DAY)
    opened().observed(**BERLIN, interval=span, now=START + 2 * DAY + HOUR)
    assert len(supplier.asked) == 1
    opened().observed(**BERLIN, interval=span, now=START + 9 * DAY)
    assert len(supplier.asked) == 2


def test_nothing_is_asked_of_the_future(opened, supplier):
    opened().observed(**BERLIN, interval=Interval(start=START, end=START + 30 * DAY), now=NOON)
    assert supplier.asked[0].query["end_date"] == "2026-03-10"
    with pytest.raises(InvalidValueError, match="must have a part from 1940 to now"):
        opened().observed(**BERLIN, interval=Interval(start=NOON + DAY, end=NOON + 2 * DAY), now=NOON)


def test_winter_and_summer_time_change_nothing(opened, supplier):
    spring = datetime(2026, 3, 28, tzinfo=UTC)
    supplier.answer = open_meteo(rows(3, start=spring))
    answer = opened().observed(**BERLIN, interval=Interval(start=spring, end=spring + 3 * DAY), now=spring + 90 * DAY)
    assert answer.rows["timestamp"].diff().dropna().unique().tolist() == [HOUR]
    assert len(answer.rows) == 72


def hourly(**changes: object) -> Reply:
    """A well-formed answer of two hours with some of it changed."""
    stamps = [int(START.timestamp()), int(START.timestamp()) + 3600]
    document: dict[str, object] = {
        "hourly_units": {"time": "unixtime", **UNITS},
        "hourly": {"time": stamps, **{name: [1.0, 2.0] for name in UNITS}},
    }
    for section, values in changes.items():
        document[section] = document.get(section, {}) | values if isinstance(values, dict) else values
    return as_json(document)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (hourly(hourly_units={"temperature_2m": "°F"}), "temperature_2m in '°F' instead of °C"),
        (hourly(hourly_units={"wind_speed_10m": "km/h"}), "instead of m/s"),
        (hourly(hourly={"temperature_2m": [1.0]}), "not one for each time"),
        (hourly(hourly={"temperature_2m": [1.0, "warm"]}), "no numbers"),
        (hourly(hourly={"temperature_2m": [1.0, 300.0]}), "temperature_2m beyond"),
        (hourly(hourly={"time": ["2026-03-10T00:00", "2026-03-10T01:00"]}), "no numbers"),
        (hourly(hourly={"time": [7200, 3600]}), "in order"),
        (hourly(hourly={"time": None}), "without hourly values"),
        (hourly(hourly=None), "without hourly values"),
        (hourly(error=True, reason="Daily API request limit exceeded"), "Daily API request limit"),
        (Reply(body=b"<html>busy</html>"), "an HTML page"),
    ],
)
def test_what_cannot_be_weather_is_an_outage(opened, supplier, reply, words):
    supplier.answer = lambda _question: reply
    with pytest.raises(UnavailableError, match=words):
        opened().forecast(**BERLIN, now=NOON)


def test_a_variable_that_the_supplier_left_out_is_missing(opened, supplier):
    supplier.answer = lambda _question: hourly(hourly={"precipitation": None})
    assert opened().forecast(**BERLIN, now=NOON).rows["precipitation_mm"].isna().all()
