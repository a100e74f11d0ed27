"""`der prices` and `der weather`: what public suppliers say, for people who want to look."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from services.embedded.export import ENDINGS, records, write_table
from shared.domain.time import Interval, format_duration
from shared.ports.origin import Freshness, Origin
from shared.ports.weather import WeatherAnswer
from shared.runtime.cli import UsageError
from shared.runtime.command import Command
from shared.runtime.progress import progress
from shared.runtime.resources import Resources
from shared.runtime.table import print_table

MOST_DAYS = 1500
LONG_DAYS = 31
"""From here on the supplier takes a while."""
MOST_ROWS = 200
"""Of a table on a terminal; more are shown as days."""
AHEAD = timedelta(days=2)
PRICE_EXAMPLES = """\
  {program} --series energy-charts:DE-LU                     today and tomorrow, as far as published
  {program} --series awattar:AT --days 7                     and the week before
  {program} --series agile:AGILE-24-10-01:C --days 400 --output agile.parquet
  {program} --series entsoe:10Y1001A1001A82H                 with ENTSOE_TOKEN in the environment
  {program} --series file:prices.csv#Europe/Berlin --days 30"""
WEATHER_EXAMPLES = """\
  {program} --latitude 52.52 --longitude 13.41               the forecast of the coming week
  {program} --latitude 52.52 --longitude 13.41 --past --days 30 --output weather.csv
  {program} --latitude 52.52 --longitude 13.41 --past --days 30 --lead-days 1     as it was forecast on the day before"""
_WORDS = {
    Freshness.FRESH: "fresh",
    Freshness.CACHED: "kept from before",
    Freshness.LAST_KNOWN: "the last known, because there is nothing newer",
}


def _prices(options: argparse.Namespace, resources: Resources) -> int:
    _require_output(options)
    now = resources.clock.now()
    interval = Interval(start=_midnight(now) - timedelta(days=options.days), end=now + AHEAD)
    with _waiting(f"asking for {options.series}", options.days):
        answer = resources.price_feed_of_any_file.read(options.series, interval=interval, now=now)
    _show(answer.prices, options, daily="price_per_kwh")
    print(f"{answer.currency} per kWh: {answer.tax}")
    _tell(answer.origin, now)
    return 0


def _weather(options: argparse.Namespace, resources: Resources) -> int:
    _require_output(options)
    if not options.past and (options.lead_days is not None or options.days is not None):
        raise UsageError("--days and --lead-days go with --past; leave them out or add it")
    now, days = resources.clock.now(), options.days or 1
    with _waiting("asking for the weather", days):
        answer = _asked_weather(options, resources, Interval(start=_midnight(now) - timedelta(days=days), end=now), now)
    _show(answer.rows, options, daily="temperature_celsius")
    _tell(answer.origin, now)
    return 0


def _asked_weather(options: argparse.Namespace, resources: Resources, interval: Interval, now: datetime) -> WeatherAnswer:
    feed, latitude, longitude = resources.weather_feed, options.latitude, options.longitude
    if not options.past:
        return feed.forecast(latitude=latitude, longitude=longitude, now=now)
    if options.lead_days is None:
        return feed.observed(latitude=latitude, longitude=longitude, interval=interval, now=now)
    return feed.forecast_then(latitude=latitude, longitude=longitude, interval=interval, lead_days=options.lead_days, now=now)


def _require_output(options: argparse.Namespace) -> None:
    output: Path | None = options.output
    if output is not None and output.suffix not in ENDINGS:
        raise UsageError(f"--output is {str(output)!r}: must end in .csv, .parquet or .jsonl")
    if output is not None and output.exists() and not options.force:
        raise UsageError(f"--output is {str(output)!r}: there already; choose another name or add --force to replace it")


def _show(rows: pd.DataFrame, options: argparse.Namespace, *, daily: str) -> None:
    """Into the file, or as a table: of days where there are many rows."""
    if options.output is not None:

        def documents() -> Iterator[Mapping[str, object]]:
            return records(rows)

        print(f"wrote {write_table((rows, documents), options.output):,} rows to {options.output}")
    elif rows.empty:
        print("nothing is known of that time")
    elif len(rows) <= MOST_ROWS:
        columns = [name for name in rows.columns if not name.endswith("_at")]
        named = ["time (UTC)" if name == "timestamp" else name for name in columns]
        print_table(named, list(rows[columns].itertuples(index=False, name=None)))
    else:
        days = rows.groupby(rows["timestamp"].dt.strftime("%Y-%m-%d"))[daily].agg(["count", "min", "mean", "max"]).round(5)
        print_table(
            ["day (UTC)", "rows", "lowest", "mean", "highest"], [(str(day), *values) for day, *values in days.itertuples(name=None)]
        )


def _tell(origin: Origin, now: datetime) -> None:
    print(f"{origin.attribution}{f' ({origin.licence_url})' if origin.licence_url else ''}")
    age = timedelta(seconds=round(origin.age(now).total_seconds()))
    print(f"{origin.supplier}, {format_duration(origin.resolution)}: {_WORDS[origin.freshness]}, {age} old")
    if origin.problem is not None:
        print(f"problem: {origin.problem}")


def _waiting(text: str, days: int) -> AbstractContextManager[object]:
    return progress(text, 1) if days >= LONG_DAYS else nullcontext()


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _whole(low: int, high: int) -> Callable[[str], int]:
    """An argparse type: a whole number in a range."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text} must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _degrees(most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not -most <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} must be degrees from {-most:g} to {most:g}")
        return value

    return parse


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, metavar="FILE", help="into a file instead: .csv, .parquet or .jsonl")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def _add_price_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--series", required=True, metavar="ID", help="SUPPLIER:NAME, as tariffs name it (see docs/feeds.md)")
    parser.add_argument("--days", type=_whole(0, MOST_DAYS), default=0, metavar="N", help="days before today (0)")
    _add_output(parser)


def _add_weather_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--latitude", type=_degrees(90.0), required=True, metavar="DEGREES")
    parser.add_argument("--longitude", type=_degrees(180.0), required=True, metavar="DEGREES")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--forecast", action="store_true", help="the coming days (this is what comes without an option)")
    which.add_argument("--past", action="store_true", help="as it was")
    parser.add_argument("--days", type=_whole(1, MOST_DAYS), metavar="N", help="of --past: days before today (1)")
    parser.add_argument("--lead-days", type=_whole(1, 7), metavar="N", help="of --past: as it was forecast so many days before (1 to 7)")
    _add_output(parser)


PRICES = Command(
    name="prices",
    summary="Show energy prices of a public supplier or a file.",
    examples=PRICE_EXAMPLES,
    add_arguments=_add_price_arguments,
    execute=_prices,
)
WEATHER = Command(
    name="weather",
    summary="Show the weather of a place: forecast, past, or as it was forecast then.",
    examples=WEATHER_EXAMPLES,
    add_arguments=_add_weather_arguments,
    execute=_weather,
)
COMMANDS: tuple[Command, ...] = (PRICES, WEATHER)
