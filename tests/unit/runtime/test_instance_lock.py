"""One process of a kind on a state folder."""

import os
import signal
import subprocess
import sys

import pytest

from shared.runtime.cli import UsageError
from shared.runtime.instance_lock import hold

HOLDER = """
import sys, time
from pathlib import Path
from shared.runtime.instance_lock import hold
with hold(Path(sys.argv[1]), "der run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_process(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_process_is_told_the_folder_the_first_and_the_remedy(tmp_path, other_process):
    with pytest.raises(UsageError) as problem, hold(tmp_path, "der run"):
        pass
    text = str(problem.value)
    assert text.startswith("another der run lives on the state folder")
    assert repr(str(tmp_path)) in text
    assert f"(process {other_process.pid})" in text
    assert text.endswith("stop it, or name another folder with --state-dir or DER_STATE_DIR")
    assert "\n" not in text


def test_a_killed_process_blocks_nobody(tmp_path, other_process):
    os.kill(other_process.pid, signal.SIGKILL)
    other_process.wait()
    with hold(tmp_path, "der run"), pytest.raises(UsageError, match=rf"process {os.getpid()}\)"), hold(tmp_path, "der run"):
        pass


def test_the_folder_is_free_again_afterwards_also_after_a_failure(tmp_path):
    with pytest.raises(KeyError), hold(tmp_path, "der run"):
        raise KeyError
    with hold(tmp_path, "der run"):
        pass
    assert not (tmp_path / "der-run.pid").exists()


def test_other_kinds_and_other_folders_are_free(tmp_path):
    (tmp_path / "other").mkdir()
    with hold(tmp_path, "der run"), hold(tmp_path, "der import"), hold(tmp_path / "other", "der run"):
        pass


@pytest.mark.parametrize("trace", ["", "no number", "\xff"])
def test_a_holder_that_has_not_said_who_it_is_is_still_reported(tmp_path, trace):
    with hold(tmp_path, "der run"):
        (tmp_path / "der-run.pid").write_text(trace, "latin-1")
        with pytest.raises(UsageError, match=r"another der run lives on the state folder '[^']*'; stop it"), hold(tmp_path, "der run"):
            pass


def test_a_folder_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be locked"), hold(tmp_path / "file", "der run"):
        pass


def test_a_folder_that_takes_no_more_files_is_named_and_left_unlocked(tmp_path):
    (tmp_path / "der-run.pid").mkdir()
    with (
        pytest.raises(UsageError, match=r"der-run\.pid' cannot be written \(Is a directory\); free space, or name another folder"),
        hold(tmp_path, "der run"),
    ):
        pytest.fail("held")
    (tmp_path / "der-run.pid").rmdir()
    with hold(tmp_path, "der run"):
        pass
