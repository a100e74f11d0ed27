"""`plan` answers problems from files line by line, prints a site's plan, and refuses with one line."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from services.optimizer.main import cli, table
from shared.domain.forecast import Target
from shared.domain.time import zone
from tests.factories import NOON, a_site
from tests.unit.optimizer.stores import a_forecast, a_planner, store_readings

PROBLEM = {
    "start": "2024-06-15T00:00:00+00:00",
    "resolution": "PT1H",
    "load_kw": [1.0, 2.0],
    "import_price_per_kwh": 0.3,
    "battery": {"capacity_kwh": 10.0, "max_charge_rate_kw": 5.0, "max_discharge_rate_kw": 5.0, "initial_soc": 50.0},
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder that commands find in their environment."""
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_problem_in_a_file_is_answered_without_touching_any_state(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(PROBLEM))
    assert cli(["--problem", str(file)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "optimal"
    assert answer["cost"].keys() == {"energy", "demand", "wear", "terminal", "total"}
    assert len(answer["slots"]) == 2
    assert not state.exists()


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), (json.dumps(PROBLEM | {"load_kw": ["x"]}), "/load_kw/0")])
def test_a_wrong_problem_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    file = tmp_path / "problem.json"
    file.write_text(text)
    assert cli(["--problem", str(file)]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_many_problems_are_answered_in_order_and_a_bad_line_keeps_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("\n".join([json.dumps(PROBLEM), "nonsense", json.dumps({"start": 1}), json.dumps(PROBLEM | {"currency": "CHF"})]))
    assert cli(["--problems", str(file)]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.get("currency") for answer in answers] == ["EUR", None, None, "CHF"]
    assert answers[1]["error"]["detail"].startswith("is not JSON")
    assert answers[2]["error"]["pointer"].startswith("/")


def test_without_a_site_the_command_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli([]) == 2
    assert "der import" in capsys.readouterr().err


def test_a_sites_plan_is_printed_in_local_time_grouped_by_action(tmp_path: Path) -> None:
    with a_planner(tmp_path, a_site(resolution=timedelta(hours=1))) as (planner, cloud):
        store_readings(cloud, until=NOON, days=1)
        cloud.forecasts.put([a_forecast(target, issued_at=NOON) for target in (Target.LOAD, Target.SOLAR)])
        schedule = planner.plan(site_id="home", now=NOON)
        text = table(schedule, zone("Europe/Berlin"))
        assert "Sat 14:00" in text
        assert "Europe/Berlin" in text
        runs = 1 + sum(a.action is not b.action for a, b in zip(schedule.slots, schedule.slots[1:], strict=False))
        assert len(text.splitlines()) == 4 + runs
