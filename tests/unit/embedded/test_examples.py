"""The example files of the documentation are what our programs read."""

import json
from pathlib import Path

import pytest

from services.embedded.home_import import read_tariff
from services.embedded.main import cli

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("tariff-*.json")), ids=lambda path: path.stem)
def test_an_example_tariff_is_read(path: Path) -> None:
    assert read_tariff(path).currency in {"EUR", "USD"}


def test_the_example_problem_gets_an_optimal_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["plan", "--problem", str(EXAMPLES / "problem.json")]) == 0
    answer = json.loads(capsys.readouterr().out)
    cost = answer["cost"]
    assert answer["status"] == "optimal"
    assert cost["total"] == pytest.approx(cost["energy"] + cost["demand"] + cost["wear"] - cost["terminal"])
    assert len(answer["slots"]) == 8
