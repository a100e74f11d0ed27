"""Logs: one event per line on standard error, the correlation id in every line."""

import json

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
