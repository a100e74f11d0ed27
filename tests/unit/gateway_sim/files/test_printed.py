"""Lines to where somebody follows along: whole, or not at all."""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from services.gateway_sim.files.printed import appended_file, printer, write_lines
from shared.ports.errors import UnavailableError
from shared.runtime.cli import UsageError

LINE = b"x" * 699 + b"\n"


def test_a_pipe_gets_whole_lines_as_long_as_it_has_room():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    filled = 0
    with suppress(BlockingIOError):
        while True:
            filled += os.write(writing, LINE)
    assert filled % len(LINE) == 0, "the system takes a short line as a whole"
    os.set_blocking(writing, True)
    os.read(reading, 10 * len(LINE))
    with os.fdopen(writing, "wb", buffering=0) as file:
        write_lines(file, 3 * LINE)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == (filled // len(LINE) - 10 + 3) * LINE


def test_a_pipe_that_was_told_not_to_wait_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as file:
            write_lines(file, 200 * LINE)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == 200 * LINE
    assert os.waitpid(child, 0)[1] == 0


def test_a_line_that_found_no_room_is_taken_back(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    append = appended_file(path)
    append(2 * LINE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * len(LINE) + 100, hard))
    try:
        with pytest.raises(UnavailableError, match=r"output_file .*free space"):
            append(5 * LINE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == 4 * LINE
    append(LINE)
    assert path.read_bytes() == 5 * LINE


def test_a_closed_standard_output_is_told_before_anything_is_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", None)  # as Python has it when a program is started without one
    with pytest.raises(UsageError, match="standard output is closed; send it"):
        printer(copy=None)


def test_a_full_device_is_told():
    append = appended_file(Path("/dev/full"))
    with pytest.raises(UnavailableError, match="No space left"):
        append(LINE)


def test_a_file_that_was_moved_away_begins_anew(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    append = appended_file(path)
    append(LINE)
    path.rename(tmp_path / "yesterday.jsonl")
    append(2 * LINE)
    assert path.read_bytes() == 2 * LINE


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path):
    with pytest.raises(UsageError, match="correct it in the configuration"):
        appended_file(tmp_path / "no" / "out.jsonl")
