"""Which defects of measurements are found, and what is taken for one that is none.

    python benchmarks/quality.py --data DIR --json quality.json

Defects are put into the series of real homes at the resolution of their meters, one in twenty days, sized as each line says. Recall is
the share of the steps that can be told from life that bear the right flag; beside it the share of clean steps that are flagged only
because a defect is near, and the home with the least recall. Then the simulator's labelled faults, through sync's verdict and
the feature table. A change of level is no defect: it is noted by the forecaster, so it must not be flagged after its first day.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from defects.injected import DAY, FIRST_DAY, OF_LOAD, OF_SOLAR, UNRATED, Defect, damaged
from defects.labelled import Told, clean_share_and_told
from defects.real import Measured, measured_homes
from likeness.homes import missing_file
from likeness.measures import Values
from services.features.recipe.quality import Flags, load_flags, solar_flags
from shared.domain.reading import Quality

DATA = Path("../shared/data")
SIMULATED = 6
LEAST_RECALL, MOST_FALSE = 0.99, 0.005
LEVELS = (0.4, 2.5)
_MISSING = int(Quality.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One defect at one home."""

    home: str
    told: int
    found: int
    beside: int
    """Clean steps flagged that were not without the defect."""
    clean: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One kind of series of a home, and who looks at it."""

    name: str
    values: Values
    flags: Callable[[Values], Flags]
    defects: Mapping[str, Defect]


def looked_at(home: Measured) -> list[Looked]:
    """Its load, and its generation with and without a rating."""

    def of_load(values: Values) -> Flags:
        return load_flags(values, step=home.step) & ~_MISSING

    def of_solar(rated_kw: float | None) -> Callable[[Values], Flags]:
        return lambda values: solar_flags(values, step=home.step, rated_kw=rated_kw, elevation_deg=home.elevation_deg) & ~_MISSING

    load = Looked(name="load", values=home.load_kw, flags=of_load, defects=OF_LOAD)
    if home.solar_kw is None:
        return [load]
    rated = Looked(name="solar", values=home.solar_kw, flags=of_solar(home.rated_kw), defects=OF_SOLAR)
    return [load, rated, Looked(name="solar, unrated", values=home.solar_kw, flags=of_solar(None), defects=UNRATED)]


def found(looked: Looked, defect: Defect, home: Measured, *, clean: Flags, seed: Sequence[int]) -> Found:
    """Put the defect in and look."""
    series = damaged(looked.values, defect, home, np.random.default_rng(seed))
    flags = looked.flags(series.values)
    untouched = np.isfinite(looked.values) & ~series.touched
    return Found(
        home=home.name,
        told=int(series.told.sum()),
        found=int(((flags & int(defect.flags)) != 0)[series.told].sum()),
        beside=int(((flags != 0) & (clean == 0) & untouched).sum()),
        clean=int(untouched.sum()),
    )


def flagged_after_a_change_of_level(looked: Looked, home: Measured, factor: float) -> float:
    """The share of the month from a day after a change that is flagged."""
    per_day = DAY // home.step
    first = (FIRST_DAY + 15) * per_day
    after = slice(first + per_day, first + 31 * per_day)
    changed = np.where(np.arange(len(looked.values)) >= first, looked.values * factor, looked.values)
    return float((looked.flags(changed)[after] != 0)[np.isfinite(changed[after])].mean())


def of_real_homes(data: Path) -> tuple[dict[str, list[Found]], dict[str, list[float]]]:
    """What was found of each defect, and the shares that are flagged where nothing is wrong."""
    defects, false = defaultdict[str, list[Found]](list), defaultdict[str, list[float]](list)
    for number, home in enumerate(measured_homes(data)):
        for looked in looked_at(home):
            clean = looked.flags(looked.values)
            false[looked.name].append(float((clean[np.isfinite(looked.values)] != 0).mean()))
            for at, (name, defect) in enumerate(looked.defects.items()):
                key = f"{looked.name}: {name} ({defect.words})"
                defects[key].append(found(looked, defect, home, clean=clean, seed=[number, at]))
            if looked.name == "load":
                for factor in LEVELS:
                    false[f"load x {factor:g} from a day on"].append(flagged_after_a_change_of_level(looked, home, factor))
    return defects, false


def of_simulated_homes(count: int) -> tuple[dict[str, Told], list[float]]:
    """Labels found, by kind and quantity, and the shares flagged where nothing is wrong."""
    told: dict[str, Told] = {}
    false = []
    for number in range(count):
        share, of_home = clean_share_and_told(number)
        false.append(share)
        for one in of_home:
            key, before = f"{one.kind}: {one.field}", told.get(f"{one.kind}: {one.field}")
            told[key] = one if before is None else Told(
                kind=one.kind, field=one.field, found=before.found + one.found, labels=before.labels + one.labels
            )  # fmt: skip
    return told, false


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of real homes")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    told, simulated_false = of_simulated_homes(SIMULATED)
    missing = missing_file(options.data)
    if missing:
        print(f"{options.data / missing} is absent: real homes are left out; name their folder with --data", file=sys.stderr)
    defects, false = ({}, {}) if missing else of_real_homes(options.data)
    false["simulated"] = simulated_false
    good = True
    for key, homes in defects.items():
        each = [home for home in homes if home.told]
        recall, worst = (
            sum(home.found for home in each) / sum(home.told for home in each),
            min(each, key=lambda home: home.found / home.told),
        )
        beside = sum(home.beside for home in homes) / sum(home.clean for home in homes)
        good &= recall >= LEAST_RECALL and beside <= MOST_FALSE
        print(f"{recall:8.2%} of {sum(home.told for home in each):7} steps, {beside:.3%} beside, "
              f"least {worst.found / worst.told:.1%} at {worst.home:14} {key}")  # fmt: skip
    for key, one in told.items():
        good &= one.found >= LEAST_RECALL * one.labels
        print(f"{one.found / max(one.labels, 1):8.2%} of {one.labels:7} labels, simulator's {key}")
    for key, shares in false.items():
        good &= float(np.mean(shares)) <= MOST_FALSE
        print(f"{np.mean(shares):8.3%} flagged, {max(shares):.3%} at the worst of {len(shares)} homes: {key}")
    if options.json:
        figures = {"defects": {key: [asdict(home) for home in homes] for key, homes in defects.items()}, "flagged": false}
        options.json.write_text(json.dumps(figures | {"simulator": {key: asdict(one) for key, one in told.items()}}, indent=1))
    print("as it should be" if good else "NOT as it should be")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
