"""Many forecasts at a time: a process for each core, one thread in each, and nothing forecast twice."""

import hashlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from forecasting.origin import Case, Quantiles
from forecasting.rivals import GROUPS

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Forecasts of rivals in a folder; nowhere without one. What they are made of is in the name of their file."""

    folder: Path | None

    def held(self, name: str, case: Case) -> Quantiles | None:
        file = self._file(name, case)
        return np.load(file, allow_pickle=False) if file is not None and file.is_file() else None

    def keep(self, name: str, case: Case, quantiles: Quantiles) -> None:
        if (file := self._file(name, case)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, quantiles.astype(np.float32), allow_pickle=False)

    def _file(self, name: str, case: Case) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256(name.encode())
        for array in (case.values, case.issues, *case.weather.values()):
            digest.update(array.tobytes())
        digest.update(repr((case.start, case.place, case.hours, [fold.until for fold in case.folds])).encode())
        return self.folder / f"{digest.hexdigest()[:24]}.npy"


def forecasts(cases: Sequence[Case], group: str, names: Sequence[str], *, cache: Cache) -> dict[str, list[Quantiles]]:
    """What rivals of a group forecast for each site; a bar on standard error says how far it is."""
    found: dict[tuple[str, int], Quantiles] = {}
    for name in names:
        for number, case in enumerate(cases):
            if (held := cache.held(f"{group} {name}", case)) is not None:
                found[name, number] = held
    # the dear ones first, so that no core waits for another at the end
    wanted = [(name, number) for name in reversed(names) for number in range(len(cases)) if (name, number) not in found]
    for variable in THREADS:  # for the processes to come
        os.environ[variable] = "1"
    workers = max(1, min(len(os.sched_getaffinity(0)), len(wanted)))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool, Progress(console=Console(file=sys.stderr)) as progress:
        bar = progress.add_task(f"{group}: {len(names)} rivals, {len(cases)} sites", total=len(wanted))
        tasks = {pool.submit(_forecast, group, name, cases[number]): (name, number) for name, number in wanted}
        for task in as_completed(tasks):
            name, number = tasks[task]
            found[name, number] = task.result()
            cache.keep(f"{group} {name}", cases[number], found[name, number])
            progress.advance(bar)
    return {name: [found[name, number] for number in range(len(cases))] for name in names}


def _forecast(group: str, name: str, case: Case) -> Quantiles:
    return GROUPS[group][name].forecast()(case)
