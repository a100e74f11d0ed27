"""The command `der`."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.embedded.main import CATALOG, cli, command_named


@pytest.mark.parametrize("name", CATALOG)
def test_every_command_of_the_catalog_teaches_by_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_named(name).name == name
    with pytest.raises(SystemExit) as ended:
        cli([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert command_named(name).summary.split()[0] in said
    assert f"der {name}" in said.split("examples:")[1]


def test_the_list_of_commands_imports_none_of_them() -> None:
    asked = "import sys\nfrom services.embedded.main import cli\ntry: cli(['--help'])\nexcept SystemExit: pass\n"
    heavy = "print(sorted({'pandas', 'fastapi', 'xgboost', 'highspy', 'pvlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked + heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in CATALOG)


def test_an_unknown_command_is_one_line_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli(["pln"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pln" in said
    assert "--help" in said


@pytest.mark.parametrize("days", ["0", "-1", "1e9", "nan", "many"])
def test_days_that_no_calendar_holds_are_refused_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli(["--state-dir", str(tmp_path / "state"), "run", "--days", days])
    assert ended.value.code == 2
    assert "argument --days: " in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_an_unknown_option_is_answered_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli(["sync", "--once", "--foo"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--foo" in said
    assert "der sync --help" in said
