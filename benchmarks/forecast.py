"""How good our forecasts are beside those of others, on real homes, plants and prices, by rolling origin.

    python benchmarks/forecast.py --data DIR --json forecast.json --cache DIR
    python benchmarks/forecast.py --quick

Every load and array of the folder is forecast at each local midnight of its last 63 days, 24 (or `--hours 48`) hours ahead, by models
that are refitted weekly on what was known by then; plants at 00 UTC, when the forecast of their weather is issued. Sets are found by
the columns of their files. All methods are judged on the same hours, against what was measured, arrays by daylight. MASE is in units
of the error of "yesterday" before the test. A full run takes most of an hour on two cores.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from forecasting import ours
from forecasting.cold import GROUPS as COLD_GROUPS
from forecasting.cold import cold_starts
from forecasting.fleet import SITES, fleet_goals, measure_fleet
from forecasting.goals import GOALS, OURS, Goal, price_goals
from forecasting.origin import REFIT_DAYS, TEST_DAYS, Case, Quantiles, left_out, load_cases, plant_cases, solar_cases
from forecasting.price import evaluate_price
from forecasting.rivals import GROUPS, there
from forecasting.scores import score
from forecasting.sets import Data, read_data
from forecasting.tables import print_cold, print_goals, print_prices, print_scores
from forecasting.work import Cache, forecasts

DATA = Path("../shared/data")
PARTS = ("load", "solar", "price", "cold", "fleet")
QUICK_HOMES = 3
QUICK_SITES = 20
Ours = Callable[[Sequence[Case]], list[Quantiles]]
Document = dict[str, object]


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def compare(title: str, group: str, cases: Sequence[Case], own: Ours, *, cache: Cache, unit: str) -> tuple[Document, list[Goal]]:
    """A table of ours among its rivals."""
    rivals, absent = there(GROUPS[group])
    for line in absent:
        print(line)
    quantiles = forecasts(cases, group, list(rivals), cache=cache)
    say(f"{group}: ours, {len(cases)} sites")
    quantiles[OURS] = own(cases)
    scores = {name: [score(case, found) for case, found in zip(cases, forecast, strict=True)] for name, forecast in quantiles.items()}
    print_scores(f"{title}: {len(cases)} sites, {sum(len(case.issues) for case in cases)} forecasts", scores, rivals, unit=unit)
    goals = GOALS[group](scores)
    print_goals(goals)
    return {"scores": {name: [asdict(one) for one in found] for name, found in scores.items()}}, goals


def load_part(data: Data, options: argparse.Namespace, cache: Cache) -> tuple[Document, list[Goal]]:
    cases = chosen(load_cases(data.homes, hours=options.hours, days=days(options)), options)
    if short := left_out(data, cases) if not options.quick else []:
        print(f"left out: {len(short)} homes with too few measured weeks: {', '.join(short)}")
    return compare("Load", "load", cases, ours.forecasts, cache=cache, unit="kW") if cases else ({}, [])


def solar_part(data: Data, options: argparse.Namespace, cache: Cache) -> tuple[Document, list[Goal]]:
    homes = chosen(solar_cases(data.homes, hours=options.hours, days=days(options)), options)
    plants = plant_cases(data.plants, days=days(options))
    found: Document = {}
    goals: list[Goal] = []
    for title, group, cases, unit in (
        ("Solar without weather", "solar", homes, "kW"),
        ("Solar with the weather forecast", "plants", plants, "kW"),
    ):
        if cases:
            found[group], met = compare(title, group, cases, ours.forecasts, cache=cache, unit=unit)
            goals += met
    return found, goals


def cold_part(data: Data, options: argparse.Namespace, _cache: Cache) -> tuple[Document, list[Goal]]:
    cases = chosen(load_cases(data.homes, hours=24, days=days(options)), options)
    if len(cases) < 2:
        return {}, []
    say(f"cold start: {len(cases)} homes")
    starts = cold_starts(cases, groups=1 if options.quick else COLD_GROUPS)
    print_cold(starts)
    ratio = sum(start.ours for start in starts) / sum(start.profile for start in starts)
    goal = Goal(text="MAE of the first 7 days of a new home, ours / profile of the others", value=ratio, most=0.9)
    print_goals([goal])
    return {"homes": [asdict(start) for start in starts]}, [goal]


def price_part(options: argparse.Namespace) -> tuple[Document, list[Goal]]:
    say("price")
    rows = evaluate_price(options.data or DATA, quick=options.quick)
    print_prices(rows)
    goals = price_goals(rows)
    print_goals(goals)
    return {"rows": [asdict(row) for row in rows]}, goals


def fleet_part(options: argparse.Namespace) -> tuple[Document, list[Goal]]:
    sites = QUICK_SITES if options.quick else SITES
    say(f"fleet: {sites} simulated sites")
    fleet = measure_fleet(sites)
    goals = fleet_goals(fleet)
    print(f"\nFleet: {sites:,} simulated sites at 15 minutes, load and solar, features included")
    print(
        f"{fleet.quantiles:,} quantiles in {fleet.round_seconds:.1f} s ({fleet.round_cpu_seconds:.1f} s of processors), "
        f"{fleet.round_peak_mib:,.0f} MiB at the most"
    )
    print(f"trained on {fleet.training_rows:,} steps in {fleet.training_seconds:.1f} s, {fleet.training_peak_mib:,.0f} MiB at the most")
    print_goals(goals)
    return asdict(fleet), goals


def chosen(cases: Sequence[Case], options: argparse.Namespace) -> list[Case]:
    """All of them, or a few from all over the list."""
    return list(cases[:: max(1, len(cases) // QUICK_HOMES)][:QUICK_HOMES] if options.quick else cases)


def days(options: argparse.Namespace) -> int:
    return REFIT_DAYS if options.quick else TEST_DAYS


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; `--json` writes the same figures. Exit status 2 when a named folder holds nothing to forecast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder of Parquet files of homes, plants and prices (default: {DATA})")
    parser.add_argument("--only", choices=PARTS, action="append", help="that part alone; may be given several times")
    parser.add_argument("--hours", type=int, choices=(24, 48), default=24, help="that a forecast looks ahead (default: 24)")
    parser.add_argument("--quick", action="store_true", help="a few homes, one week: for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep what rivals forecast there, and read what is there")
    options = parser.parse_args(argv)
    folder, parts = options.data or DATA, options.only or PARTS
    data = read_data(folder)
    if not data.homes and not data.plants and parts != ["fleet"]:
        print(f"left out: no Parquet file with load_kw or solar power in {folder}; name the folder of the homes with --data DIR")
        return 2 if options.data else 0
    cache = Cache(folder=options.cache)
    tables: Mapping[str, Callable[[], tuple[Document, list[Goal]]]] = {
        "load": lambda: load_part(data, options, cache),
        "solar": lambda: solar_part(data, options, cache),
        "price": lambda: price_part(options),
        "cold": lambda: cold_part(data, options, cache),
        "fleet": lambda: fleet_part(options),
    }
    found = {part: tables[part]() for part in PARTS if part in parts}
    goals = [goal for _, reached in found.values() for goal in reached]
    print(f"\n{sum(goal.met for goal in goals)} of {len(goals)} goals met")
    if options.json:
        document = {
            part: {**figures, "goals": [asdict(goal) | {"met": goal.met} for goal in reached]} for part, (figures, reached) in found.items()
        }
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
