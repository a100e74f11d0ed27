"""The share of the perfect-foresight saving that each policy catches on real homes.

Each home is replayed with a battery of 13.5 kWh, 5 kW and 90 % round trip, plans made anew every hour from plain forecasts
(mean of the last days at the hour, corrected by the last hours, spread by the errors of those days) and executed by the value
of a stored kWh. Prices are known to the end of the day, from 13:00 local time to the end of the next one.

    python benchmarks/savings.py --data DIR --json savings.json
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from services.optimizer.planning.backtest import perfect_foresight_bill, planned_bill, rule_bills
from services.optimizer.planning.engine import decide, guides
from services.optimizer.planning.expectation import mean_of, scenarios
from services.optimizer.planning.problem import Array, Problem, default_terminal_value_per_kwh
from services.optimizer.planning.replay import Actuals, Guide
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.site import BatterySpec
from shared.domain.time import TimeGrid

DATA = Path("../shared/data")
ZONE = "Europe/Berlin"
BATTERY = BatterySpec(
    capacity_kwh=13.5, max_charge_rate_kw=5.0, max_discharge_rate_kw=5.0, charge_efficiency=0.9**0.5, discharge_efficiency=0.9**0.5,
    min_soc_percent=0.0, max_soc_percent=100.0, wear_cost_per_kwh=0.01,
)  # fmt: skip
LEARN = timedelta(days=14)
"""Before the first plan."""
WINDOW_DAYS = 10
"""Days that a forecast looks back on."""
HOMES = {"Konstanz": "opsd_konstanz/home.parquet", "France": "emhass_france/home.parquet"}
CASES = (("Konstanz", "A"), ("Konstanz", "C"), ("France", "A"), ("France", "C"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A home's measurements with the prices of one tariff, on one grid."""

    grid: TimeGrid
    load_kw: Array
    solar_kw: Array
    buy: Array
    sell: Array


def read_home(data: Path, home: str, tariff: str) -> Home:
    """Measurements and prices; A is dynamic with a fixed feed-in, C is dynamic both ways with a dear evening."""
    frame = pd.read_parquet(data / HOMES[home]).set_index("timestamp").sort_index()
    step = timedelta(minutes=int(np.median(np.diff(pd.DatetimeIndex(frame.index).to_numpy())) / np.timedelta64(1, "m")))
    frame = frame.reindex(pd.date_range(frame.index[0], frame.index[-1], freq=pd.Timedelta(step)))
    spot = frame["price_per_kwh"].ffill().to_numpy(dtype=np.float64)
    hour = pd.DatetimeIndex(frame.index).tz_convert(ZONE).hour
    evening = np.asarray((hour >= 16) & (hour < 19), dtype=np.float64)
    if tariff == "A":
        buy, sell = 1.19 * spot + 0.16, np.full(len(spot), 0.08)
    else:
        buy, sell = np.minimum(2.2 * spot + 0.12 * evening, 1.0), 0.95 * spot + 0.01 + 0.06 * evening
    return Home(
        grid=TimeGrid(start=frame.index[0].to_pydatetime(), step=step, count=len(frame)),
        load_kw=frame["load_kw"].to_numpy(dtype=np.float64),
        solar_kw=frame["solar_kw"].clip(lower=0.0).to_numpy(dtype=np.float64),
        buy=buy,
        sell=sell,
    )


def plain_forecast(home: Home, now: int, target: Target, per_day: int, steps: int) -> Forecast:
    """Quantiles of the last days at the hour, moved by how the last hours differed from them."""
    past = home.load_kw if target is Target.LOAD else home.solar_kw
    days = past[now - WINDOW_DAYS * per_day : now].reshape(WINDOW_DAYS, per_day)
    known = np.where(np.isfinite(days), days, np.nan_to_num(np.nanmean(days)))
    mean, spread = known.mean(axis=0), np.quantile(known, QUANTILE_LEVELS, axis=0) - known.mean(axis=0)
    lead_hours = np.arange(steps) * home.grid.step_hours
    centre = np.tile(mean, -(-steps // per_day))[:steps]
    recent = known[-1, -max(1, round(2 / home.grid.step_hours)) :].mean()
    usual = mean[-max(1, round(2 / home.grid.step_hours)) :].mean()
    if target is Target.LOAD:
        centre = centre + 0.4 * (recent - usual) * np.exp(-lead_hours / 2)
    elif usual > 0.2:
        centre = centre * (1 + 0.8 * (np.clip(recent / usual, 0.2, 1.8) - 1) * np.exp(-lead_hours / 4))
    values = np.maximum(0.0, centre[None, :] + np.tile(spread, (1, -(-steps // per_day)))[:, :steps])
    start = home.grid[now]
    return Forecast(
        site_id="home", target=target, issued_at=start, data_as_of=start, model_name="days", model_version="1",
        grid=TimeGrid(start=start, step=home.grid.step, count=steps), levels=QUANTILE_LEVELS, values=np.maximum.accumulate(values, axis=0),
    )  # fmt: skip


def known_prices(prices: Array, now: int, steps: int, published: int, per_day: int) -> Array:
    """Prices as they can be known: published ones, then the last day of them over again."""
    ahead = prices[now : now + min(steps, published)]
    while len(ahead) < steps:
        ahead = np.concatenate((ahead, prices[now - per_day : now] if len(ahead) < per_day else ahead[-per_day:]))
    return ahead[:steps]


def replay_home(home: Home, *, days: int | None) -> dict[str, float]:
    """Share of the perfect-foresight saving of each policy."""
    per_day = timedelta(days=1) // home.grid.step
    first = LEARN // home.grid.step
    count = home.grid.count - first if days is None else min(home.grid.count - first, days * per_day)
    part = slice(first, first + count)
    tail = slice(first + count - 2 * per_day, first + count)
    actuals = Actuals(
        grid=TimeGrid(start=home.grid[first], step=home.grid.step, count=count),
        load_kw=home.load_kw[part], solar_kw=home.solar_kw[part], import_price_per_kwh=home.buy[part], export_price_per_kwh=home.sell[part],
        battery=BATTERY, initial_soc_percent=50.0,
        stored_value_per_kwh=default_terminal_value_per_kwh(BATTERY, home.buy[tail], home.sell[tail]),
    )  # fmt: skip
    local = pd.DatetimeIndex(home.grid.starts(), tz="UTC").tz_convert(ZONE)
    hourly = max(1, timedelta(hours=1) // home.grid.step)
    steps = 2 * per_day

    def plan_at(step: int, energy_kwh: float) -> list[Guide]:
        now = first + step
        until = local[now].normalize() + pd.Timedelta(days=2 if local[now].hour >= 13 else 1)
        published = int((until - local[now]) / pd.Timedelta(home.grid.step))
        load = plain_forecast(home, now, Target.LOAD, per_day, steps)
        solar = plain_forecast(home, now, Target.SOLAR, per_day, steps)
        load_kw, solar_kw = mean_of(load), mean_of(solar)
        problem = Problem.with_defaults(
            grid=load.grid,
            load_kw=load_kw,
            solar_kw=solar_kw,
            import_price_per_kwh=known_prices(home.buy, now, steps, published, per_day),
            export_price_per_kwh=known_prices(home.sell, now, steps, published, per_day),
            battery=BATTERY,
            initial_soc_percent=min(100.0, max(0.0, energy_kwh * 100.0 / BATTERY.capacity_kwh)),
        )
        around = scenarios(load, solar, load_kw=load_kw, solar_kw=solar_kw, grid=load.grid)
        return list(guides(decide(problem, scenarios=around), first=hourly))

    bills = rule_bills(actuals, timezone=ZONE)
    bills.append(planned_bill(actuals, plan_at, issue_steps=frozenset(range(0, count, hourly))))
    bills.append(perfect_foresight_bill(actuals))
    total = {bill.policy: bill.total for bill in bills}
    possible = total["no_battery"] - total["perfect_foresight"]
    return {policy: (total["no_battery"] - money) / possible for policy, money in total.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; `--json` writes the same figures. Exit status 2 when a named folder holds no home."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder of the real homes (default: {DATA})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    parser.add_argument("--quick", action="store_true", help="20 days of each home: for CI")
    parser.add_argument("--days", type=int, metavar="N", help="only so many days of each home")
    options = parser.parse_args(argv)
    data, days = options.data or DATA, 20 if options.quick else options.days
    missing = [name for name in HOMES.values() if not (data / name).is_file()]
    if missing:
        print(f"left out: no {missing[0]} in {data}; name the folder of the homes with --data DIR")
        return 2 if options.data else 0
    figures = []
    print("share of the perfect-foresight saving; the ratio is planned against self-consumption")
    print(f"{'home':<10}{'tariff':<8}{'self-consumption':>17}{'timer':>8}{'planned':>9}{'ratio':>7}{'seconds':>9}")
    for home, tariff in CASES:
        begun = time.perf_counter()
        share = replay_home(read_home(data, home, tariff), days=days)
        seconds = time.perf_counter() - begun
        ratio = share["planned"] / share["self_consumption"]
        figures.append({"home": home, "tariff": tariff, "days": days, "share": share, "ratio": ratio, "seconds": seconds})
        shares = f"{share['self_consumption']:>17.1%}{share['time_of_use_timer']:>8.1%}{share['planned']:>9.1%}"
        print(f"{home:<10}{tariff:<8}{shares}{ratio:>7.2f}{seconds:>9.0f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
