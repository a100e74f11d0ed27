"""How much simulated homes are like real ones: a range of the real homes, the simulated ones, inside or outside.

    python benchmarks/realism.py --data DIR --json realism.json

All figures are of hours. Homes are simulated at the places of the real ones and over the same days. A measure is inside when the
median simulated home and at least nine tenths of them lie in the range of the real homes: from the 2.5th to the 97.5th percentile
of 20 and more, from the least to the most of fewer. "real in" is the share of real homes that lie in the range of the other places:
what the same test would say of them.

Then models trained on real homes are put to simulated ones at the same place. That is inside when the median ratio of the skill
there to the skill at home lies from 0.7 to 1.3; beside it stand the same models on other real homes, and models of simulated
homes on their own.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from likeness.homes import PLACES, HourlyHome, Place, missing_file, real_homes, real_prices
from likeness.measures import LOAD, PRICE, SOLAR, load_measures, price_measures, solar_measures
from likeness.simulated import SimulatedHome, simulated_homes
from likeness.skill import Transfer, learn, transfer
from likeness.table import Figures, Row, rows_of
from shared.domain.forecast import Target

DATA = Path("../shared/data")
EACH = 20
FORECAST = 3
"""Homes of each kind at each place whose forecasts are looked at."""
LEAST_DAILY_KWH = 2.0
"""Nobody lives in a home that takes less."""
ALIKE = (0.7, 1.3)
"""Of the skill on the real home: about the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The homes of both sides at one place."""

    place: Place
    real: Sequence[HourlyHome]
    simulated: Sequence[SimulatedHome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skills:
    """One target at one place."""

    place: str
    target: Target
    transfers: Sequence[Transfer]
    simulated_own: Sequence[float]
    """Of models trained on the simulated homes themselves."""


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def both_sides(data: Path, *, each: int) -> list[Sides]:
    """Every real home, and simulated ones over the same hours."""
    say("reading the real homes")
    homes = list(real_homes(data))
    at = {place: [home for home in homes if home.place == place] for place in PLACES}
    sides = []
    for place, real in at.items():
        say(f"simulating {each} at {place.name}")
        sides.append(Sides(place=place, real=real, simulated=simulated_homes(real[0], count=each)))
    return sides


def figures_of(home: HourlyHome) -> Figures:
    """Every measure of a home."""
    figures = load_measures(home.load_kw, home.clock)
    return figures | (solar_measures(home.solar_kw) if home.solar_kw is not None else {})


def skills_at(sides: Sides, target: Target, *, most: int) -> Skills | None:
    """What models of the real homes are worth; None where there is nothing to forecast."""
    real = [home for home in sides.real if target is Target.LOAD or home.solar_kw is not None]
    real = [home for home in real if 24.0 * float(np.nanmean(home.load_kw)) >= LEAST_DAILY_KWH]
    real = real[:: max(1, len(real) // most)][:most]
    simulated = [own.home for own in sides.simulated[:most] if target is Target.LOAD or own.home.solar_kw is not None]
    transfers = []
    for home in real:
        say(f"training on {home.name}: {target.value}")
        others = [other for other in real if other is not home]
        if (moved := transfer(home, target, others=others, simulated=simulated)) is not None:
            transfers.append(moved)
    if not transfers or not simulated:
        return None
    say(f"training on {len(simulated)} simulated at {sides.place.name}: {target.value}")
    own = [learned.skill for home in simulated if (learned := learn(home, target)) is not None]
    return Skills(place=sides.place.name, target=target, transfers=transfers, simulated_own=own)


def skill_row(target: Target, skills: Sequence[Skills]) -> Row:
    """The ratios of skill over all pairs of a real home and a simulated one."""
    ratios = np.array([ratio for own in skills if own.target is target for moved in own.transfers for ratio in moved.ratios])
    return Row(
        name=f"forecast skill, {target.value}",
        unit="ratio",
        real_low=ALIKE[0],
        real_median=1.0,
        real_high=ALIKE[1],
        low=float(ratios.min()),
        median=float(np.median(ratios)),
        high=float(ratios.max()),
        share_inside=float(((ratios >= ALIKE[0]) & (ratios <= ALIKE[1])).mean()),
        least_share=0.0,
    )


def print_rows(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}")
    print(f"{'':<29}{'unit':<13}{'real range':>18}{'median':>9}{'simulated':>11}{'from .. to':>18}{'homes in':>10}{'real in':>9}")
    for row in rows:
        real, own = f"{row.real_low:.3f} .. {row.real_high:.3f}", f"{row.low:.3f} .. {row.high:.3f}"
        control = "-" if row.real_share_inside is None else f"{row.real_share_inside:.0%}"
        print(
            f"{row.name:<29}{row.unit:<13}{real:>18}{row.real_median:>9.3f}{row.median:>11.3f}{own:>18}{row.share_inside:>10.0%}{control:>9}"
            f"  {'inside' if row.inside else 'OUTSIDE'}",
            flush=True,
        )


def print_skills(skills: Sequence[Skills]) -> None:
    """Medians over the homes of a place."""
    print("\nSkill against seasonal naive, 48 hours by rolling origin; medians of the homes of a place")
    print(f"{'':<11}{'target':<8}{'real homes':>11}{'at home':>9}{'other real':>12}{'simulated':>11}{'trained on simulated':>22}")
    for own in skills:
        there = [value for moved in own.transfers for value in moved.on_real]
        here = [value for moved in own.transfers for value in moved.on_simulated]
        at_home = float(np.median([moved.real_skill for moved in own.transfers]))
        other = f"{np.median(there):.3f}" if there else "-"
        print(
            f"{own.place:<11}{own.target.value:<8}{len(own.transfers):>11}{at_home:>9.3f}{other:>12}{np.median(here):>11.3f}"
            f"{np.median(own.simulated_own):>22.3f}"
        )


def document(rows: Sequence[Row], sides: Sequence[Sides], skills: Sequence[Skills]) -> Mapping[str, object]:
    """What `--json` writes."""
    markets = {own.home.name: price_measures(own.price.price_per_kwh, own.price.clock) for side in sides for own in side.simulated}
    return {
        "rows": [{**asdict(row), "inside": row.inside} for row in rows],
        "real": {side.place.name: {home.name: figures_of(home) for home in side.real} for side in sides},
        "simulated": {
            side.place.name: {own.home.name: {**figures_of(own.home), **markets[own.home.name]} for own in side.simulated} for side in sides
        },
        "skill": [asdict(own) for own in skills],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; `--json` writes the same figures. Exit status 2 when a named folder holds no homes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder of the real homes (default: {DATA})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    parser.add_argument("--each", type=int, metavar="N", help=f"simulated homes at each of the five places (default: {EACH})")
    parser.add_argument("--quick", action="store_true", help="one home at each place, forecasts of the first place alone: for CI")
    parser.add_argument("--no-forecast", action="store_true", help="leave the forecasts out: seconds instead of minutes")
    options = parser.parse_args(argv)
    data = options.data or DATA
    if missing := missing_file(data):
        print(f"left out: no {missing} in {data}; name the folder of the homes with --data DIR")
        return 2 if options.data else 0
    sides = both_sides(data, each=options.each or (1 if options.quick else EACH))
    real = {side.place.name: [figures_of(home) for home in side.real] for side in sides}
    simulated = [figures_of(own.home) for side in sides for own in side.simulated]
    prices: dict[str, list[Figures]] = {}
    for price in real_prices(data):
        prices.setdefault(price.market, []).append(price_measures(price.price_per_kwh, price.clock))
    markets = [price_measures(own.price.price_per_kwh, own.price.clock) for side in sides for own in side.simulated]
    with_array = sum(home.solar_kw is not None for side in sides for home in side.real)
    groups = {
        f"Load: {sum(map(len, real.values()))} real homes, {len(simulated)} simulated": rows_of(LOAD, real, simulated),
        f"Solar: {with_array} real homes": rows_of(SOLAR, real, simulated),
        f"Price: {sum(map(len, prices.values()))} real market years and tariffs": rows_of(PRICE, prices, markets),
    }
    for title, rows in groups.items():
        print_rows(title, rows)
    skills: list[Skills] = []
    if options.no_forecast:
        print("\nleft out: forecasts")
    else:
        of_places, most = (sides[:1], 1) if options.quick else (sides, FORECAST)
        found = [skills_at(side, target, most=most) for target in (Target.LOAD, Target.SOLAR) for side in of_places]
        skills = [own for own in found if own is not None]
        print_skills(skills)
        title = "Forecast: skill of a real home's model on simulated homes over that at home"
        groups[title] = [skill_row(target, skills) for target in (Target.LOAD, Target.SOLAR)]
        print_rows(title, groups[title])
    every = [row for rows in groups.values() for row in rows]
    print(f"\n{sum(row.inside for row in every)} of {len(every)} rows inside")
    if options.json:
        options.json.write_text(json.dumps(document(every, sides, skills), indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
