"""One command is a root script of its own and a subcommand."""

import argparse
import sys

import pytest

from shared.runtime.cli import UsageError, positive
from shared.runtime.command import Command, execute, script
from shared.runtime.resources import Resources


def nothing(_options: argparse.Namespace, _resources: Resources) -> None:
    """A command that does nothing."""


def a_command(body=nothing, **changes) -> Command:
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--interval", type=positive(float), default=60.0, help="seconds between two sweeps")

    return Command(
        name="sync", summary="Copy readings from the edge to the cloud.", examples="  run_cloud_sync.py --interval 60     every minute",
        add_arguments=add_arguments, execute=body, **changes,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def root_script(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["/somewhere/run_cloud_sync.py"])
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "state"))


def test_help_names_the_script_its_purpose_its_options_and_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        script(a_command(), ["--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    for part in (
        "usage: run_cloud_sync.py",
        "Copy readings from the edge to the cloud.",
        "--interval",
        "seconds between two sweeps",
        "examples:\n  run_cloud_sync.py --interval 60     every minute",
    ):
        assert part in printed


def test_a_script_hands_over_its_options_and_the_resources(tmp_path):
    def body(options: argparse.Namespace, resources: Resources) -> int:
        assert options.interval == 5.0
        assert resources.state_dir == tmp_path / "state"
        return 3

    assert script(a_command(body), ["--interval", "5"]) == 3


def test_a_wrong_option_is_one_line_and_status_2(capsys):
    with pytest.raises(SystemExit) as stop:
        script(a_command(), ["--interval", "soon"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "run_cloud_sync.py: argument --interval: 'soon' is not a number (see run_cloud_sync.py --help)\n"


def test_a_wrong_environment_is_one_line_and_status_2(capsys, monkeypatch):
    monkeypatch.setenv("DER_LOG_FORMAT", "xml")
    assert script(a_command(), []) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("run_cloud_sync.py: DER_LOG_FORMAT is 'xml': ")
    assert printed.count("\n") == 1


def test_a_subcommand_is_named_in_full_and_may_name_its_folder(capsys, tmp_path):
    def body(_options: argparse.Namespace, resources: Resources) -> None:
        raise UsageError(f"nothing in {resources.state_dir}; import a home first")

    assert execute(a_command(body), argparse.Namespace(), program="der sync", state_dir=tmp_path) == 2
    assert capsys.readouterr().err == f"der sync: nothing in {tmp_path}; import a home first\n"


def test_the_resources_are_closed_whatever_happens(tmp_path):
    def body(_options: argparse.Namespace, resources: Resources) -> None:
        assert resources.sites.list() == []
        assert list(tmp_path.glob("*-wal"))
        raise UsageError("stop")

    assert execute(a_command(body), argparse.Namespace(), program="der sync", state_dir=tmp_path) == 2
    # SQLite folds its log into the file when the last connection is closed
    assert list(tmp_path.glob("*-wal")) == []
