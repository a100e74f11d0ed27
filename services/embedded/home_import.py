"""`der import`: a home's measurements from a file into the edge store, from where sync carries them on.

Nothing is written before the whole file was understood; importing it again changes nothing.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from services.embedded.home_site import Understood, battery_of, understand
from shared.contracts.sites import TariffDocument
from shared.domain.errors import InvalidValueError
from shared.domain.site import BatterySpec, Site
from shared.domain.tariff import Tariff
from shared.domain.time import format_instant
from shared.ports.edge_store import EdgeAnnouncements, EdgeStore
from shared.ports.home_file import HomeFile, HomeFileReader
from shared.runtime.cli import UsageError, positive, readable_file
from shared.runtime.command import Command
from shared.runtime.progress import progress
from shared.runtime.resources import Resources

DEVICE_ID = "import"
CHUNK_ROWS = 20_000
TOLERANCE = timedelta(minutes=5)
"""By which a clock may be ahead, as in sync."""
EXAMPLES = """\
  der import home.parquet --site home                              times with an offset, columns named as usual
  der import meter.csv --site home --timezone Europe/Berlin        local times without one
  der import data.csv --site home --map load_kw=P_Haus --map solar_kw=P_PV
  der import data.csv --site home --map load_w=haus --map price_per_mwh=spot
                                                                   the ending of our name states their unit
  der import data.csv --site home --map load_kw=meter1+meter2 --map price_per_kwh=
                                                                   a sum; a column left out
  der import homes.parquet --site h7 --site-in-file MAC000007      one home of many
  der import home.csv --site home --tariff tariff.json --battery-kwh 10 --battery-kw 4.6"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedHome:
    """What an import did."""

    site: Site
    tariff: Tariff
    home: HomeFile
    readings: int
    prices: int


def import_home(
    path: Path,
    *,
    site_id: str,
    edge: EdgeStore,
    announcements: EdgeAnnouncements,
    home_files: HomeFileReader,
    now: datetime,
    timezone: str | None = None,
    columns: dict[str, str] | None = None,
    tariff: Tariff | None = None,
    site_in_file: str | None = None,
    battery: BatterySpec | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    currency: str = "EUR",
    console: Console | None = None,
) -> ImportedHome:
    """Read a file, say what was understood, announce the home and write its readings as device `import`.

    Raises `InvalidValueError` or `UsageError` before anything is written.
    """
    _require_own(announcements, site_id)
    home = home_files.read(path, site_id=site_id, site_in_file=site_in_file, timezone=timezone, columns=columns)
    _require_past(home, now)
    understood = understand(
        home, site_id=site_id, tariff=tariff, battery=battery, latitude=latitude, longitude=longitude, currency=currency
    )
    _say(path, home, understood, console or Console())
    announcements.announce_site(understood.site, understood.tariff)
    prices = 0 if understood.prices is None else announcements.announce_prices(understood.series_id, understood.prices)
    readings, written = home.readings.assign(device_id=DEVICE_ID), 0
    with progress("Importing readings", len(readings)) as advance:
        for start in range(0, len(readings), CHUNK_ROWS):
            rows = edge.write(readings.iloc[start : start + CHUNK_ROWS])
            written += rows
            advance(rows)
    return ImportedHome(site=understood.site, tariff=understood.tariff, home=home, readings=written, prices=prices)


def _require_own(announcements: EdgeAnnouncements, site_id: str) -> None:
    """Measured and simulated readings of one site would be taken for each other."""
    if any(site.site_id == site_id and (site.simulated or site.live) for site, _ in announcements.sites()):
        raise UsageError(f"--site is {site_id!r}: a live or simulated home has this id already; choose another, or another state folder")


def _require_past(home: HomeFile, now: datetime) -> None:
    """A measurement of the future is none, and sync would refuse it. A price may be known ahead: it has rows of its own."""
    newest = home.interval.end - home.resolution
    if newest > now + TOLERANCE:
        raise InvalidValueError(
            "newest time in the file", format_instant(newest), "is in the future; correct the times, or name their zone with --timezone"
        )


def _say(path: Path, home: HomeFile, understood: Understood, console: Console) -> None:
    """Print what was understood, one fact a line."""
    for label, text in _facts(path, home, understood):
        console.print(f"{label:<12}{text}", markup=False, highlight=console.is_terminal, soft_wrap=True)


def _facts(path: Path, home: HomeFile, understood: Understood) -> Iterator[tuple[str, str]]:
    site, span = understood.site, home.interval
    yield "file", f"{path} ({len(home.readings)} rows)"
    inside = f" ({home.site_in_file!r} in the file)" if home.site_in_file else ""
    yield "site", f"{site.site_id}{inside}"
    yield "period", f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC ({span.duration / timedelta(days=1):.1f} days)"
    yield "zone", home.timezone
    plans = "" if site.resolution == home.resolution else f", forecasts and plans every {_minutes(site.resolution)}"
    yield "resolution", f"{_minutes(home.resolution)}{plans}"
    for ours, theirs in home.columns.items():
        share = home.missing_share.get(ours, 0.0)
        yield "column", f"{ours} <- {theirs}" + (f", {share:.1%} missing" if share >= 0.0005 else "")
    if home.ignored_columns:
        more = f" and {len(home.ignored_columns) - 12} more" if len(home.ignored_columns) > 12 else ""
        yield "not used", ", ".join(home.ignored_columns[:12]) + more
    if not home.gaps:
        yield "gaps", "none"
    for gap in home.gaps:
        yield "gap", f"{gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC ({gap.duration})"
    if site.solar:
        yield "solar", f"{site.solar.capacity_kw:g} kW, by the highest generation"
    for note in home.notes:
        yield "note", note
    for assumption in understood.assumptions:
        yield "taken", assumption


def _minutes(step: timedelta) -> str:
    seconds = step.total_seconds()
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def read_tariff(path: Path) -> Tariff:
    """A tariff from its JSON. Raises `UsageError` naming the file and the JSON pointer of what is wrong."""
    try:
        return TariffDocument.model_validate_json(path.read_bytes()).to_domain()
    except OSError as problem:
        raise UsageError(f"--tariff {path}: cannot be read ({problem.strerror}); give the path of a readable file") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        given = "" if first["type"] in {"json_invalid", "missing"} else f" is {str(first['input'])[:60]!r}"
        raise UsageError(f"--tariff {path}: {_pointer(first['loc'])}{given}: {first['msg']}; correct it there") from None
    except InvalidValueError as problem:
        raise UsageError(f"--tariff {path}: /{problem.name.replace(' ', '_')}: {problem}") from None


def _pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer of pydantic's location, without the kinds of price that it puts between."""
    kinds = {"flat", "time_of_use", "dynamic"}
    parts = [str(part) for i, part in enumerate(location) if not (i == 1 and part in kinds)]
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=readable_file, metavar="FILE", help="CSV, Parquet or JSON lines (also .gz)")
    parser.add_argument("--site", required=True, metavar="ID", help="what to call the home here")
    add_reading_arguments(parser)


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Options on how a file is read, for every command that imports one."""
    parser.add_argument("--timezone", metavar="Z", help="IANA zone of the home, and of times without an offset, such as Europe/Berlin")
    parser.add_argument("--map", action="append", default=[], type=mapping, metavar="OURS=THEIRS", help="what a column is; may be repeated")
    parser.add_argument("--tariff", type=readable_file, metavar="FILE", help="tariff as JSON (default: the file's price, else time of use)")
    parser.add_argument("--currency", default="EUR", metavar="CODE", help="of prices in the file (default: EUR)")
    parser.add_argument("--site-in-file", metavar="NAME", help="which of the file's homes (default: the first)")
    parser.add_argument("--battery-kwh", type=positive(float), metavar="X", help="capacity of the battery (default: the file's, else 13.5)")
    parser.add_argument(
        "--battery-kw", type=positive(float), metavar="Y", help="its charge and discharge power (default: the file's, else 5)"
    )
    parser.add_argument("--latitude", type=float, metavar="DEG", help="of the home; improves solar forecasts")
    parser.add_argument("--longitude", type=float, metavar="DEG", help="of the home; improves solar forecasts")


def mapping(text: str) -> tuple[str, str]:
    """An argparse type: `ours=theirs`; nothing after the `=` leaves the column out."""
    ours, separator, theirs = text.partition("=")
    if not separator or not ours.strip():
        raise argparse.ArgumentTypeError(f"{text!r} has no '='; write OURS=THEIRS, for example load_kw=consumption")
    return ours.strip(), theirs.strip()


def import_with_options(options: argparse.Namespace, resources: Resources, *, path: Path, site_id: str) -> ImportedHome:
    """`import_home` as the options of `add_reading_arguments` say."""
    if (options.latitude is None) != (options.longitude is None):
        raise UsageError("--latitude and --longitude go together; give both or neither")
    tariff = read_tariff(options.tariff) if options.tariff else None
    return import_home(
        path,
        site_id=site_id,
        edge=resources.edge,
        announcements=resources.announcements,
        home_files=resources.home_files,
        now=resources.clock.now(),
        timezone=options.timezone,
        columns=dict(options.map),
        tariff=tariff,
        site_in_file=options.site_in_file,
        battery=battery_of(options.battery_kwh, options.battery_kw),
        latitude=options.latitude,
        longitude=options.longitude,
        currency=options.currency,
    )


def execute(options: argparse.Namespace, resources: Resources) -> int:
    done = import_with_options(options, resources, path=options.file, site_id=options.site)
    print(f"imported    {done.readings} readings and {done.prices} prices of {done.site.site_id}; next: der sync --once")
    return 0


IMPORT = Command(
    name="import",
    summary="Bring a home's measurements from a CSV, Parquet or JSON lines file into the state folder.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (IMPORT,)
