"""How much simulated homes are like real ones: a range of the real homes, the simulated ones, inside or outside.

    python benchmarks/realism.py --data DIR --json realism.json

All figures are of hours. Homes are simulated at the places of the real ones and over the same days. A measure is inside when the
median simulated home and at least nine tenths of them lie in the range of the real homes: from the 2.5th to the 97.5th percentile
of 20 and more, from the least to the most of fewer.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from likeness.homes import PLACES, HourlyHome, missing_file, real_homes, real_prices
from likeness.measures import LOAD, PRICE, SOLAR, load_measures, price_measures, solar_measures
from likeness.simulated import simulated_homes
from likeness.table import Figures, Row, rows_of

DATA = Path("../shared/data")
EACH = 5
"""Simulated homes at each of the five places."""


def figures_of(home: HourlyHome) -> Figures:
    """Every measure of a home."""
    figures = load_measures(home.load_kw, home.clock)
    return figures | (solar_measures(home.solar_kw) if home.solar_kw is not None else {})


def print_rows(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}")
    print(f"{'':<29}{'unit':<13}{'real range':>18}{'median':>9}{'simulated':>11}{'from .. to':>18}{'homes in':>10}")
    for row in rows:
        real, own = f"{row.real_low:.3f} .. {row.real_high:.3f}", f"{row.low:.3f} .. {row.high:.3f}"
        print(
            f"  {row.name:<28}{row.unit:<13}{real:>18}{row.real_median:>9.3f}{row.median:>11.3f}{own:>18}{row.share_inside:>10.0%}"
            f"  {'inside' if row.inside else 'OUTSIDE'}",
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; `--json` writes the same figures. Exit status 2 when a named folder holds no homes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder of the real homes (default: {DATA})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    parser.add_argument("--quick", action="store_true", help="one home at each place: for CI")
    options = parser.parse_args(argv)
    data, each = options.data or DATA, 1 if options.quick else EACH
    if missing := missing_file(data):
        print(f"left out: no {missing} in {data}; name the folder of the homes with --data DIR")
        return 2 if options.data else 0
    print("measuring the real homes ...", file=sys.stderr, flush=True)
    homes = list(real_homes(data))
    real, prices = [figures_of(home) for home in homes], [price_measures(own.price_per_kwh, own.clock) for own in real_prices(data)]
    like = {place: next(home for home in homes if home.place == place) for place in PLACES}
    simulated, markets, named = [], [], {}
    for own in simulated_homes(like, each=each, days=None):
        print(f"simulated {own.home.name}", file=sys.stderr, flush=True)
        figures, market = figures_of(own.home), price_measures(own.price.price_per_kwh, own.price.clock)
        simulated.append(figures)
        markets.append(market)
        named[own.home.name] = {**figures, **market}
    groups = {
        f"Load: {len(homes)} real homes, {len(simulated)} simulated": rows_of(LOAD, real, simulated),
        "Solar: those with an array": rows_of(SOLAR, real, simulated),
        f"Price: {len(prices)} market years and tariffs": rows_of(PRICE, prices, markets),
    }
    for title, rows in groups.items():
        print_rows(title, rows)
    every = [row for rows in groups.values() for row in rows]
    print(f"\n{sum(row.inside for row in every)} of {len(every)} measures inside")
    if options.json:
        document = {
            "rows": [{**asdict(row), "inside": row.inside} for row in every],
            "real": {home.name: own for home, own in zip(homes, real, strict=True)},
            "simulated": named,
        }
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
