"""`der prices`, `der weather`, and a simulation in the weather that a place had."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.embedded.main import cli
from tests.supplier_formats import energy_charts, open_meteo
from tests.supplier_server import Reply, Supplier, supplying

NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
PLACE = ("--latitude", "37.7749", "--longitude", "-122.4194")


def hours(days: int, start: datetime) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=24 * days, freq="h").as_unit("us")


@pytest.fixture
def supplier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supplier]:
    stamps = hours(50, MIDNIGHT - timedelta(days=47))
    prices = pd.DataFrame({"timestamp": stamps, "price_per_kwh": np.round(0.1 + 0.001 * (np.arange(len(stamps)) % 24), 4)})
    weather = pd.DataFrame({"timestamp": stamps, "temperature_celsius": 33.5, "ghi_w_m2": 0.0})
    by_path = {"/price": energy_charts(prices), "/": open_meteo(weather)}
    with supplying(lambda question: by_path[question.path](question)) as running:
        monkeypatch.setenv("DER_FEED_URLS", json.dumps({"energy-charts": running.url, "open-meteo": running.url}))
        monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "state"))
        yield running


def test_prices_are_shown_with_their_attribution_and_age(supplier, capsys):
    assert cli(["prices", "--series", "energy-charts:DE-LU"]) == 0
    said = capsys.readouterr().out
    assert f"{MIDNIGHT:%Y-%m-%d} 12:00:00  0.112" in said
    assert "Prices: Energy-Charts.info (Fraunhofer ISE); CC BY 4.0" in said
    assert "EUR per kWh: the exchange's price alone" in said
    assert "energy-charts, PT1H: fresh, 0:00:0" in said


def test_many_prices_are_shown_by_days(supplier, capsys):
    assert cli(["prices", "--series", "energy-charts:DE-LU", "--days", "20"]) == 0
    said = capsys.readouterr().out
    assert f"{MIDNIGHT - timedelta(days=10):%Y-%m-%d}  24    0.1     0.1115  0.123" in said


def test_prices_go_into_a_file_that_the_feed_reads_again(supplier, tmp_path, capsys):
    output = tmp_path / "prices.csv"
    assert cli(["prices", "--series", "energy-charts:DE-LU", "--days", "3", "--output", str(output)]) == 0
    capsys.readouterr()
    assert cli(["prices", "--series", f"file:{output}", "--days", "1"]) == 0
    assert f"{MIDNIGHT:%Y-%m-%d} 00:00:00  0.1\n" in capsys.readouterr().out
    assert cli(["prices", "--series", "energy-charts:DE-LU", "--output", str(output)]) == 2
    assert "there already" in capsys.readouterr().err


def test_an_outage_is_told_beside_what_is_known(supplier, capsys):
    assert cli(["prices", "--series", "energy-charts:DE-LU"]) == 0
    supplier.answer = lambda _question: Reply(status=500)
    assert cli(["prices", "--series", "energy-charts:DE-LU", "--days", "2"]) == 0
    said = capsys.readouterr().out
    assert "the last known, because there is nothing newer" in said
    assert "problem: energy-charts at 127.0.0.1 answered 500" in said


def test_an_outage_with_nothing_known_is_one_line(supplier, capsys):
    supplier.answer = lambda _question: Reply(status=403)
    assert cli(["prices", "--series", "energy-charts:DE-LU"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert not said.out


@pytest.mark.parametrize(
    ("words", "rows"), [(("--forecast",), "33.5"), (("--past", "--days", "2"), "33.5"), (("--past", "--lead-days", "1"), "33.5")]
)
def test_the_weather_is_shown_with_its_attribution(supplier, capsys, words, rows):
    assert cli(["weather", *PLACE, *words]) == 0
    said = capsys.readouterr().out
    assert rows in said
    assert "Weather data by Open-Meteo.com (CC BY 4.0) (https://open-meteo.com/en/licence)" in said


@pytest.mark.parametrize(
    "words", [("--latitude", "95", "--longitude", "0"), (*PLACE, "--past", "--forecast"), (*PLACE, "--past", "--lead-days", "8"), PLACE[:2]]
)
def test_wrong_options_are_one_line(supplier, capsys, words):
    with pytest.raises(SystemExit) as ended:
        cli(["weather", *words])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_lead_days_of_a_forecast_are_refused(supplier, capsys):
    assert cli(["weather", *PLACE, "--lead-days", "1"]) == 2
    assert "go with --past" in capsys.readouterr().err


def test_a_home_is_simulated_in_the_weather_that_its_place_had(supplier, tmp_path, capsys):
    start = MIDNIGHT - timedelta(days=10)
    output = tmp_path / "history.csv"
    words = ["--historical", "--start", f"{start:%Y-%m-%d}", "--end", f"{start + timedelta(days=1):%Y-%m-%d}", "--output", str(output)]
    assert cli(["simulate", "--weather", "open-meteo", *words]) == 0
    history = pd.read_csv(output)
    assert len(history) == 288
    assert (history.filter(like="irradiance").to_numpy() == 0.0).all(), "the supplier's sun never shone"
    asked = supplier.asked[0].query
    assert (asked["latitude"], asked["start_date"]) == ("37.7749", f"{start - timedelta(days=30):%Y-%m-%d}")
