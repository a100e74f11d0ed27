"""`der export`: what the cloud stores hold of a site, as CSV, Parquet or JSON lines."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from shared.contracts.forecasts import ForecastDocument
from shared.contracts.reading_frames import documents_from_frame
from shared.contracts.schedules import ScheduleDocument
from shared.domain.forecast import Target
from shared.domain.schedule import Schedule
from shared.domain.time import Interval, format_instant, parse_instant
from shared.ports.errors import NotFoundError
from shared.runtime.cli import UsageError
from shared.runtime.command import Command
from shared.runtime.files import whole_or_none
from shared.runtime.resources import Resources

ENDINGS = (".csv", ".parquet", ".jsonl")
ALWAYS = Interval(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(3000, 1, 1, tzinfo=UTC))
EXAMPLES = """\
  der export --site home --what readings --output home.parquet
  der export --site home --what readings --output june.csv --start 2024-06-01T00:00:00+00:00 --end 2024-07-01T00:00:00+00:00
  der export --site home --what schedule --output plan.jsonl
  der export --site home --what forecasts --output forecasts.csv --force"""

Table = tuple[pd.DataFrame, Callable[[], Iterator[Mapping[str, object]]]]
"""Rows for CSV and Parquet, and documents for JSON lines, made when asked for."""


def table_of(resources: Resources, *, site_id: str, what: str, interval: Interval | None) -> Table:
    """What to write. Raises `NotFoundError` when the site is unknown or has none of it."""
    if resources.sites.get(site_id) is None:
        known = ", ".join(site.site_id for site in resources.sites.list()[:10]) or "none yet"
        raise NotFoundError(f"--site is {site_id!r}: no such site; there is {known}")
    frame, documents = _READERS[what](resources, site_id, interval)
    if frame.empty:
        raise NotFoundError(f"site {site_id!r} has no {what} to export in that time; nothing was written")
    return frame, documents


def _readings(resources: Resources, site_id: str, interval: Interval | None) -> Table:
    frame = resources.readings.read(site_id=site_id, interval=interval or ALWAYS)
    return frame, lambda: (document.model_dump(mode="json") for document in documents_from_frame(frame))


def _features(resources: Resources, site_id: str, interval: Interval | None) -> Table:
    frame = resources.features.read(site_id=site_id, catalog_version=None, interval=interval or ALWAYS)
    return frame, lambda: records(frame)


def _forecasts(resources: Resources, site_id: str, interval: Interval | None) -> Table:
    """The newest forecast of each target; with an interval every one issued in it."""
    store = resources.forecasts
    found = []
    for target in Target:
        moments = [None] if interval is None else store.issued(site_id=site_id, target=target, interval=interval)
        found += [store.latest(site_id=site_id, target=target, as_of=moment) for moment in moments]
    forecasts = [forecast for forecast in found if forecast is not None]
    frames = [
        pd.DataFrame(
            {
                "site_id": site_id,
                "target": forecast.target.value,
                "issued_at": forecast.issued_at,
                "model_name": forecast.model_name,
                "model_version": forecast.model_version,
                "timestamp": pd.DatetimeIndex(forecast.grid.starts()).tz_localize("UTC"),
                **{f"q{level:g}": forecast.quantile(level) for level in forecast.levels},
            }
        )
        for forecast in forecasts
    ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return frame, lambda: (ForecastDocument.from_domain(forecast).model_dump(mode="json") for forecast in forecasts)


def _schedule(resources: Resources, site_id: str, interval: Interval | None) -> Table:
    """The newest schedule, or the newest issued before the end of the interval and not before its start."""
    schedule = resources.schedules.latest(site_id=site_id, as_of=interval.end if interval else None)
    if schedule is None or (interval is not None and schedule.issued_at < interval.start):
        return pd.DataFrame(), lambda: iter(())
    return _slots(schedule), lambda: iter((ScheduleDocument.from_domain(schedule).model_dump(mode="json"),))


def _slots(schedule: Schedule) -> pd.DataFrame:
    """One row for each slot."""
    document = ScheduleDocument.from_domain(schedule)
    rows = [slot.model_dump(exclude={"value_curve", "reason"}) | {"reason": slot.reason.text} for slot in document.slots]
    frame = pd.DataFrame(rows).rename(columns={"start": "timestamp"})
    frame["action"] = frame["action"].astype(str)
    return frame.assign(site_id=schedule.site_id, schedule_id=schedule.schedule_id, issued_at=schedule.issued_at)


_READERS: dict[str, Callable[[Resources, str, Interval | None], Table]] = {
    "readings": _readings,
    "forecasts": _forecasts,
    "schedule": _schedule,
    "features": _features,
}


def records(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Rows as JSON objects: moments as RFC 3339, missing values null."""
    names = [str(name) for name in frame.columns]
    for row in frame.itertuples(index=False, name=None):
        yield {name: _json(value) for name, value in zip(names, row, strict=True)}


def _json(value: object) -> object:
    match value:
        case datetime():
            return format_instant(value)
        case float() if np.isnan(value):
            return None
        case np.generic():
            return value.item()
        case _:
            return value


def write_table(table: Table, output: Path) -> int:
    """Write whole or not at all; returns the rows. Times in CSV are RFC 3339 with offset."""
    frame, documents = table
    with whole_or_none(output) as path:
        match output.suffix:
            case ".parquet":
                frame.to_parquet(path, index=False)
            case ".csv":
                _with_text_times(frame).to_csv(path, index=False)
            case _:
                with path.open("wb") as lines:
                    lines.writelines(orjson.dumps(document) + b"\n" for document in documents())
    return len(frame)


def _with_text_times(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its moments as RFC 3339 in UTC."""
    moments = frame.select_dtypes("datetimetz")
    texts = {str(name): moments[name].dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+00:00" for name in moments}
    return frame.assign(**texts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", required=True, metavar="ID")
    parser.add_argument("--what", required=True, choices=sorted(_READERS))
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="its ending says the form: .csv, .parquet or .jsonl")
    parser.add_argument("--start", metavar="T", help="RFC 3339 with offset; of forecasts and schedules: when they were issued")
    parser.add_argument("--end", metavar="T", help="exclusive")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def execute(options: argparse.Namespace, resources: Resources) -> int:
    output: Path = options.output
    if output.suffix not in ENDINGS:
        raise UsageError(f"--output is {str(output)!r}: must end in .csv, .parquet or .jsonl")
    if output.exists() and not options.force:
        raise UsageError(f"--output is {str(output)!r}: there already; choose another name or add --force to replace it")
    table = table_of(resources, site_id=options.site, what=options.what, interval=_interval(options))
    print(f"exported {write_table(table, output)} rows of {options.what} to {output}")
    return 0


def _interval(options: argparse.Namespace) -> Interval | None:
    if options.start is None and options.end is None:
        return None
    start = parse_instant(options.start, "--start") if options.start else ALWAYS.start
    return Interval(start=start, end=parse_instant(options.end, "--end") if options.end else ALWAYS.end)


EXPORT = Command(
    name="export",
    summary="Write a site's readings, forecasts, schedule or features to a CSV, Parquet or JSON lines file.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (EXPORT,)
