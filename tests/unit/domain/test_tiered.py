"""A kernel gives the same bits in plain Python and compiled, and compiles only when many steps were lived through."""

import os
import subprocess
import sys
from math import exp, sqrt
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.domain.tiered import COMPILED_FROM_STEPS, tiered

SHARE = 0.3


def _relax(value: float, towards: float) -> float:
    return value + (towards - value) * _share(towards)


def _share(level: float) -> float:
    return SHARE * exp(-sqrt(abs(level)))


def _smooth(values: NDArray[np.float64], state: NDArray[np.float64], out: NDArray[np.float64]) -> float:
    level = state[0]
    for index in range(len(values)):
        out[index] = level
        level = max(-1e6, min(1e6, _relax(level, values[index]))) / 1.1
    state[0] = level
    return level


SMOOTH = tiered(_smooth, helpers=(_relax, _share))


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-1e5, 1e5), max_size=50), start=st.floats(-1e3, 1e3))
def test_both_tiers_give_the_same_bits(values: list[float], start: float):
    given_values = np.array(values, dtype=np.float64)
    tiers = []
    for run in (SMOOTH.plain, SMOOTH.compiled):
        state, out = np.array([start]), np.zeros(len(values))
        last = run(given_values, state, out)
        assert state[0] == last
        tiers.append((out.tobytes(), state.tobytes()))
    assert tiers[0] == tiers[1]


def test_an_input_that_may_not_be_written_is_only_read():
    values, out = np.arange(3.0), np.zeros(3)
    values.flags.writeable = False
    tiered(_smooth, helpers=(_relax, _share))(values, np.zeros(1), out, steps=3)
    assert out[2] > 0.0


def test_short_runs_never_load_the_compiler_and_many_together_do():
    program = f"""
import sys
import numpy as np
from tests.unit.domain.test_tiered import SMOOTH
values = np.ones({COMPILED_FROM_STEPS // 2})
SMOOTH(values, np.zeros(1), np.zeros(len(values)), steps=len(values))
SMOOTH(values, np.zeros(1), np.zeros(len(values)), steps=len(values))
assert "numba" not in sys.modules
SMOOTH(values[:1], np.zeros(1), np.zeros(1), steps=1)
assert "numba" in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_disk_too_full_for_the_compilers_cache_costs_only_time(tmp_path: Path):
    program = """
import resource, signal
import numpy as np
from tests.unit.domain.test_tiered import SMOOTH
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))  # no file may grow beyond ten bytes
plain, machine = np.zeros(5), np.zeros(5)
assert SMOOTH.plain(np.ones(5), np.zeros(1), plain) == SMOOTH.compiled(np.ones(5), np.zeros(1), machine)
assert plain.tobytes() == machine.tobytes() != bytes(40)
"""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", program],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size > 0]
