"""`der run`: from nothing to a page with a plan, and on."""

import itertools
import socket
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.flow.processes import der, living

RUN = ("-m", "services.embedded.main", "run", "--port", "0", "--days", "12")


def get(url: str) -> dict:
    answer = httpx.get(url, timeout=20)
    answer.raise_for_status()
    return answer.json()


def test_an_empty_folder_becomes_a_living_home_that_continues_where_it_was(tmp_path: Path) -> None:
    with living(*RUN, state_dir=tmp_path) as first:
        url = first.wait_until_it_says(r"ready in .*?(http://\S+/) ").group(1)
        schedule = get(f"{url}v1/sites/home/schedules/latest")
        assert {slot["action"] for slot in schedule["slots"]} <= {"buy", "sell", "store", "use", "hold"}
        assert all(slot["reason"]["text"] for slot in schedule["slots"])
        forecast = get(f"{url}v1/sites/home/forecasts/latest?target=load")
        assert len(forecast["quantiles"]["0.5"]) == 192
        assert "text/html" in httpx.get(url, timeout=20).headers["content-type"]

        again = der("run", "--port", "0", state_dir=tmp_path)
        assert again.returncode == 2
        assert str(tmp_path) in again.stderr
        assert "Traceback" not in again.stderr

        beside = der("sync", "--status", state_dir=tmp_path)
        assert beside.returncode == 0
        assert "home" in beside.stdout

        code, seconds = first.stop()
        assert (code, "Traceback" in first.said) == (0, False), first.said
        assert seconds < 8

    with living(*RUN, state_dir=tmp_path) as second:
        second.wait_until_it_says(r"ready in ")
        assert "training" not in second.said
        second.stop()
    with sqlite3.connect(tmp_path / "edge.sqlite") as edge:
        stamps = [row[0] for row in edge.execute("SELECT timestamp FROM readings WHERE site_id = 'home' ORDER BY timestamp")]
    edge.close()
    steps = {later - earlier for earlier, later in itertools.pairwise(stamps)}
    assert steps == {300_000_000}, "a restart must leave no gap and no double"
    assert datetime.fromtimestamp(stamps[-1] / 1e6, UTC) > datetime.now(UTC) - timedelta(minutes=10)


def test_a_file_of_measurements_is_run_at_the_end_of_its_data(tmp_path: Path) -> None:
    data = tmp_path / "measured.csv"
    start = datetime(2024, 5, 1, tzinfo=UTC)
    with data.open("w") as lines:
        lines.write("time,load_w,pv_w,price_per_kwh\n")
        for hour in range(24 * 20):
            moment = start + timedelta(hours=hour)
            sun = max(0, 4000 - 900 * abs(moment.hour - 12))
            lines.write(f"{moment.isoformat()},{300 + 400 * (moment.hour in (7, 18, 19, 20))},{sun},{0.2 + 0.1 * (moment.hour > 16)}\n")
    state = tmp_path / "state"
    with living(*RUN, "--data", str(data), state_dir=state) as program:
        url = program.wait_until_it_says(r"ready in .*?(http://\S+/) ").group(1)
        assert "load_w" in program.said
        sites = get(f"{url}v1/sites")
        assert [site["site_id"] for site in sites["items"]] == ["measured"]
        schedule = get(f"{url}v1/sites/measured/schedules/latest")
        assert schedule["start"] == "2024-05-21T00:00:00+00:00"
        deadline = time.monotonic() + 120
        while "savings replayed" not in program.said:
            assert time.monotonic() < deadline, program.said
            time.sleep(0.2)
        bills = {bill["policy"]: bill["total"] for bill in get(f"{url}v1/sites/measured/savings")["bills"]}
        assert bills["perfect_foresight"] <= bills["planned"] + 1e-6 <= bills["no_battery"] + 2e-6
        program.stop()


def test_a_port_in_use_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = der("run", "--port", str(port), state_dir=tmp_path)
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "edge.sqlite").exists()
