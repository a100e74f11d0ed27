"""How fast homes are simulated and written, against a named reference in the same run.

    python benchmarks/simulator.py
    python benchmarks/simulator.py --quick --json simulator.json

References: random numbers for as many values and nothing else; orjson with the same objects, made beforehand, one by one into a
file; pyarrow's own CSV and Parquet writers with the same rounded or exact columns; one process without a file, for the fleet;
an interpreter that imports numpy and pandas and ends, for `--once`.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from services.gateway_sim.files.reading_file import encoder, reading_file
from services.gateway_sim.files.shown import shown
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.home import pieces, simulate
from services.gateway_sim.settings import GatewayConfiguration
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import TimeGrid

ROOT = Path(__file__).resolve().parents[1]
YEAR = TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC), step=timedelta(minutes=5), count=105_120)
FLEET_DAYS = 30
STEPS_PER_DAY = 288


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. Smaller is better where `unit` is a time, a size or a ratio; larger for rates."""

    work: str
    value: float
    unit: str
    goal: float | None
    reference: float
    """What the reference needs or does, in the same unit."""

    @property
    def ratio(self) -> float:
        return self.value / self.reference

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        measured = self.ratio if self.unit == "s, ratio" else self.value
        return "met" if (measured >= self.goal if self.unit == "readings/s" else measured <= self.goal) else "missed"


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The least time of each, taken in turns so that a busy machine is busy for all."""
    gc.collect()
    taken = [[seconds(work) for work in works] for _ in range(rounds)]
    return [min(times) for times in zip(*taken, strict=True)]


def arrays_line(home: Home, rounds: int) -> Line:
    numbers = np.random.default_rng(0)
    # each round another home, so that nothing is remembered from the last
    names = iter(range(rounds + 1))
    simulate(replace(home, site_id="first"), YEAR)  # compiles the loops
    ours, reference = best(
        rounds,
        lambda: simulate(replace(home, site_id=f"home-{next(names)}"), YEAR),
        lambda: numbers.standard_normal((len(VALUE_COLUMNS), YEAR.count)),
    )
    return Line("a site-year in arrays", YEAR.count / ours, "readings/s", 500_000, YEAR.count / reference)


def file_lines(home: Home, rounds: int) -> list[Line]:
    """A site-year of arrays to bytes on disk, rounding included, in the pieces that the command writes."""
    year = [simulate(home, grid).arrays for grid in pieces(YEAR)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def ours(ending: str) -> Callable[[], object]:
            def write() -> None:
                with reading_file(folder / f"ours{ending}", until=str, interrupted=str) as file:
                    for arrays in year:
                        file.write(encoder(ending)(arrays), len(arrays))

            return write

        ours(".jsonl")()
        objects = [orjson.loads(line) for line in (folder / "ours.jsonl").read_bytes().splitlines()]

        def one_by_one() -> None:
            with (folder / "orjson.jsonl").open("wb") as file:
                for document in objects:
                    file.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))

        rounded, exact = (
            pa.concat_tables(pa.Table.from_pandas(form(arrays).frame(), preserve_index=False) for arrays in year)
            for form in (shown, lambda arrays: arrays)
        )
        references: dict[str, tuple[Callable[[], object], float | None]] = {
            ".jsonl": (one_by_one, 2.0),
            ".csv": (lambda: pyarrow.csv.write_csv(rounded, folder / "arrow.csv"), None),
            ".parquet": (lambda: pyarrow.parquet.write_table(exact, folder / "arrow.parquet"), None),
        }
        lines = []
        for ending, (reference, goal) in references.items():
            measured, bare = best(rounds, ours(ending), reference)
            lines.append(Line(f"a site-year of arrays to {ending}", measured, "s, ratio", goal, bare))
    return lines


def fleet_lines(sites: int, one_core: float) -> list[Line]:
    """One command, and the memory that all its processes share out (proportional set size)."""
    readings = sites * FLEET_DAYS * STEPS_PER_DAY
    with tempfile.TemporaryDirectory() as name:
        end = (YEAR.start + timedelta(days=FLEET_DAYS)).date()
        command = [sys.executable, "-m", "services.embedded.main", "simulate", "--historical", "--sites", str(sites)]
        command += ["--start", str(YEAR.start.date()), "--end", str(end), "--output", f"{name}/fleet.parquet"]
        taken, peak = watched(command, Path(name))
    full = sites == 1000
    return [
        Line(f"{sites:,} sites x {FLEET_DAYS} days to .parquet", taken, "s", 90.0 if full else None, readings / one_core),
        Line("... memory of all processes", peak, "MiB", 1024.0, readings * len(READING_COLUMNS) * 8 / 2**20),
    ]


def watched(command: Sequence[str], state_dir: Path) -> tuple[float, float]:
    """Seconds and the peak of memory in MiB."""
    environment = {**os.environ, "DER_STATE_DIR": str(state_dir / "var")}
    started, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(proportional_mib(number) for number in with_children(process.pid)))
            time.sleep(0.1)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, peak


def with_children(process: int) -> list[int]:
    try:
        children = [int(word) for task in Path(f"/proc/{process}/task").iterdir() for word in (task / "children").read_text().split()]
    except OSError:
        return [process]
    return [process, *(number for child in children for number in with_children(child))]


def proportional_mib(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def once_line(rounds: int) -> Line:
    """The middle of several starts on state folders of their own, with bytecode as the first start of an installation leaves it."""
    with tempfile.TemporaryDirectory() as name:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = f"{name}/bytecode"

        def start(state_dir: str, *words: str) -> float:
            command, settings = [sys.executable, *words], {**environment, "DER_STATE_DIR": state_dir}
            return seconds(lambda: subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, check=True))

        taken = [
            (start(f"{name}/{turn}", "run_simulator.py", "--once"), start(name, "-c", "import numpy, pandas")) for turn in range(rounds + 1)
        ]
    ours, bare = (statistics.median(times) for times in zip(*taken[1:], strict=True))
    return Line("--once, with imports", ours, "s", 1.5, bare)


def measure(*, sites: int, rounds: int) -> list[Line]:
    home = GatewayConfiguration().to_home()
    arrays = arrays_line(home, rounds)
    return [arrays, *file_lines(home, rounds), *fleet_lines(sites, arrays.value), once_line(2 * rounds - 1)]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fleet of 50 sites, one round: for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args(argv)
    sites, rounds = (50, 1) if options.quick else (1000, 3)
    lines = measure(sites=sites, rounds=rounds)
    print(f"{YEAR.count:,} readings a site-year, best of {rounds}, {len(os.sched_getaffinity(0))} cores")
    print(f"{'':38}{'measured':>14} {'unit':12}{'reference':>14}{'ratio':>8}{'goal':>10}")
    for line in lines:
        goal = "" if line.goal is None else f"{line.goal:10,.6g} {line.verdict}"
        digits = 0 if line.value >= 100 else 2
        print(f"{line.work:38}{line.value:14,.{digits}f} {line.unit:12}{line.reference:14,.{digits}f}{line.ratio:8.2f}{goal}")
    if options.json:
        figures = {line.work: asdict(line) | {"ratio": line.ratio, "verdict": line.verdict} for line in lines}
        options.json.write_text(json.dumps({"sites": sites, "rounds": rounds, "figures": figures}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
