"""Logs: one event per line on standard error, the correlation id in every line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from shared.runtime import logging


@pytest.fixture(autouse=True)
def default_logging():
    yield
    structlog.reset_defaults()


def test_a_line_is_json_with_part_level_time_and_correlation_id(capsys):
    logging.configure(level="info", form="json")
    with logging.correlation("request-7"):
        logging.logger("sync").info("window copied", rows=4)
    printed = capsys.readouterr()
    line = json.loads(printed.err)
    assert {name: line[name] for name in ("event", "part", "level", "rows", "correlation_id")} == {
        "event": "window copied", "part": "sync", "level": "info", "rows": 4, "correlation_id": "request-7",
    }  # fmt: skip
    assert line["timestamp"].endswith("Z")
    assert printed.out == ""


def test_a_bug_is_one_line_of_json_with_its_traceback(capsys):
    logging.configure(level="info", form="json")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.logger("sync").exception("step failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_lines_below_the_level_are_left_out(capsys):
    logging.configure(level="warning", form="text")
    logging.logger("sync").info("quiet")
    logging.logger("sync").warning("loud")
    printed = capsys.readouterr().err
    assert "loud" in printed
    assert "quiet" not in printed


def test_the_correlation_id_ends_with_its_work():
    with logging.correlation("outer"):
        with logging.correlation("inner"):
            assert logging.current_correlation() == "inner"
        assert logging.current_correlation() == "outer"
    assert logging.current_correlation() is None


def test_the_first_line_of_a_program_may_be_the_buss_and_is_on_standard_error(tmp_path: Path):
    program = """
import sys
from pathlib import Path
from shared.runtime import logging
from shared.runtime.resources import open_resources
from shared.runtime.settings import RuntimeSettings
logging.configure(level="info", form="json")
with open_resources(RuntimeSettings(state_dir=Path(sys.argv[1]))) as resources:
    resources.bus
    from shared.adapters.embedded import bus
    bus.log.warning("given up")
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "given up"
