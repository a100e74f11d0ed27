"""The share of the perfect-foresight saving that plans by our own forecasts catch on real homes.

Each home is replayed with a battery of 13.5 kWh, 5 kW and 90 % round trip. Load and sun are forecast every hour by models that had
seen the past alone, plans are made anew every hour and executed by the value of a stored kWh; prices are known to the end of the day,
from 13:00 local time to the end of the next one. A is dynamic import at 1.19 x spot + 0.16 with a feed-in of 0.08, C is dynamic both
ways with a dear evening, own is what the set says that the home pays. The spot price is Germany's at the same time on the clock on the
wall, of a later year (by whole weeks) where the home is older than the prices.

Lost to planning is what hourly plans that know everything lose against perfect foresight, which is planned daily with a window of 48
hours (so it may be a little below 0); lost to forecasts is the rest. The worst month is the one in which plans saved least beyond the
self-consumption rule, in money.

    python benchmarks/savings.py --data DIR --cache DIR --json savings.json
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from saving.forecasts import Cache, Issued, fits_of, issued
from saving.foresight import Foreseen, Market
from saving.homes import OWN, TARIFFS, Home, missing_file, read_sets, replayed
from saving.replayed import FORESIGHT, NONE, PLANNED, SELF, SET_POINTS, TIMER, Outcome, outcome, parts
from shared.domain.forecast import Target

DATA = Path("../shared/data")
QUICK_HOMES, QUICK_DAYS = ("Konstanz",), 14
PLANS_A_DAY = 3 * 24
"""By value, blindly, and knowing."""
HEAD = "home        tariff  days  data no battery foresight self-cons   timer set pts planned  lost: plan forecast  worst month"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; `--json` writes the same figures. Exit status 2 when a named folder holds no home."""
    options = _options(argv)
    data = options.data or DATA
    if missing := missing_file(data):
        print(f"left out: no {missing} in {data}; name the folder of the homes with --data DIR")
        return 2 if options.data else 0
    homes, days = (QUICK_HOMES, QUICK_DAYS) if options.quick else (options.homes, options.days)
    print("share of the perfect-foresight saving; lost to planning + lost to forecasts = 100 % - planned; worst month in money")
    print(HEAD)
    figures = []
    with Progress(console=Console(file=sys.stderr)) as progress:
        bench = Bench(names=homes, tariffs=options.tariffs, days=days, cache=Cache(folder=options.cache), progress=progress)
        for home, tariff, found, seconds in bench.outcomes(data):
            print(_row(home, tariff, found), flush=True)
            figures.append(_figures(home, tariff, found, seconds))
    if not figures:
        print(f"homes are {', '.join(homes)}: none of the sets has such a name; leave out --homes to replay all", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is replayed, with a bar that says how far it is."""

    names: Sequence[str]
    """Beginnings of the names of homes; none for all."""
    tariffs: Sequence[str]
    days: int | None
    cache: Cache
    progress: Progress

    def outcomes(self, data: Path) -> Iterator[tuple[Home, str, Outcome, float]]:
        """Each chosen home under each chosen tariff that it has, and the seconds that it took."""
        for homes in read_sets(data):
            chosen = [home for home in replayed(homes) if not self.names or home.name.startswith(tuple(self.names))]
            for load, solar in self._issued(homes, chosen):
                for tariff in (each for each in load.home.tariffs if each in self.tariffs):
                    begun = time.perf_counter()
                    yield load.home, tariff, self._outcome(tariff, load, solar), time.perf_counter() - begun

    def _issued(self, homes: Sequence[Home], chosen: Sequence[Home]) -> Iterator[tuple[Issued, Issued | None]]:
        """Load and sun of the chosen homes of a set."""
        sunny = [home for home in chosen if home.has_sun]
        found = []
        for target, own in ((Target.LOAD, chosen), (Target.SOLAR, sunny)):
            with self._bar(f"{homes[0].place.name}: models of {target}", fits_of(homes, own, target, cache=self.cache)) as advance:
                found.append(issued(homes, own, target, cache=self.cache, advance=advance))
        suns = {each.home.name: each for each in found[1]}
        for load in found[0]:
            yield load, suns.get(load.home.name)

    def _outcome(self, tariff: str, load: Issued, solar: Issued | None) -> Outcome:
        home = load.home
        chosen = parts(int(load.issues[0]), home.grid.count, per_day=home.per_day, days=self.days)
        market = Market.of(home, tariff)
        plans = sum(part.stop - part.start for part in chosen) // home.per_day * PLANS_A_DAY
        with self._bar(f"{home.name} {tariff}: plans", plans) as advance:
            return outcome(market, Foreseen(market=market, load=load, solar=solar), chosen, advance=advance)

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        bar = self.progress.add_task(title, total=total)
        yield lambda: self.progress.advance(bar)
        self.progress.remove_task(bar)


def _row(home: Home, tariff: str, found: Outcome) -> str:
    month, money = found.worst_month
    shares = "".join(f"{found.share(policy):>{width}.1%}" for policy, width in ((SELF, 10), (TIMER, 8), (SET_POINTS, 8), (PLANNED, 8)))
    later = f"; prices of {home.years_later} years later" if home.years_later else ""
    totals = f"{found.totals[NONE]:>11.2f}{found.totals[FORESIGHT]:>10.2f}"
    lost = f"{found.planning_regret:>12.1%}{found.forecast_regret:>9.1%}"
    return f"{home.name:<12}{tariff:<7}{found.days:>5.0f}{found.coverage:>6.0%}{totals}{shares}{lost}  {money:+.2f} in {month}{later}"


def _figures(home: Home, tariff: str, found: Outcome, seconds: float) -> dict[str, object]:
    """For a machine: totals in the tariff's currency."""
    return {
        "home": home.name,
        "tariff": tariff,
        "days": found.days,
        "coverage": found.coverage,
        "years_later": home.years_later,
        "totals": found.totals,
        "share": {policy: found.share(policy) for policy in found.totals},
        "planning_regret": found.planning_regret,
        "forecast_regret": found.forecast_regret,
        "beyond_self_consumption": found.beyond_rule,
        "seconds": seconds,
    }


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder of the real homes (default: {DATA})")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep forecasts there, and take those that it holds")
    parser.add_argument("--homes", nargs="+", default=(), metavar="NAME", help="only homes whose names begin so")
    parser.add_argument("--tariffs", nargs="+", default=(*TARIFFS, OWN), choices=(*TARIFFS, OWN), help="only these (default: all)")
    parser.add_argument(
        "--days", type=int, metavar="N", help="only about so many days of each home, in parts of four weeks spread over its time"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DAYS} days of {', '.join(QUICK_HOMES)}: for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
