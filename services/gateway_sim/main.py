"""The gateway simulator's commands, and what a deployment needs to run one beside other services."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from services.gateway_sim.influx import InfluxCopy, add_influx_arguments, influx_settings
from services.gateway_sim.settings import MOST_SITES, GatewayConfiguration, read_configuration, write_configuration
from shared.domain.time import EPOCH, Interval, format_instant, parse_instant
from shared.runtime.cli import UsageError, ended_by_sigterm, positive
from shared.runtime.command import Command, script
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import InfluxSettings, RuntimeSettings, load

if TYPE_CHECKING:
    import pandas as pd

    from services.gateway_sim.plant.equipment import Home, ObservedWeather
    from services.gateway_sim.service import GatewayService, MirrorService
    from shared.runtime.worker import Parts

HOME_SITE_ID = "home"
YEARS = range(1950, 2101)
MOST_DAYS = 3660.0
LIFETIME = timedelta(days=MOST_DAYS)
"""Of a living gateway: as far back as it can be told to begin, and as long as it may live."""
MOMENT = timedelta(days=1)
"""Of a single measurement."""
HABITS_REACH = timedelta(days=60)
"""How far before and after itself a day depends on holidays."""


OPEN_METEO = "open-meteo"
"""As a weather file: the reanalysis of the home's place, over the network."""
WEATHER_REACH = timedelta(days=30)
"""How long before itself a day depends on the weather: snow and the walls of houses."""


def build(
    resources: Resources, config: GatewayConfiguration, *, around: timedelta = LIFETIME, lived: Interval | None = None
) -> "GatewayService":
    """A simulated gateway on these resources, which knows the holidays `around` now. Nothing is written yet.

    A weather file has to say something of what is `lived` through: the day around now, unless it is given.
    """
    from services.gateway_sim.service import GatewayService

    step, now = timedelta(seconds=config.interval_seconds), resources.clock.now()
    home = home_of(resources, config, Interval(start=now - around, end=now + around), lived=lived or _day_around(now))
    return GatewayService(home=home, step=step, edge=resources.edge, announcements=resources.announcements)


def parts(
    resources: Resources,
    service: "GatewayService",
    *,
    origin: datetime = EPOCH,
    emit: "Callable[[pd.DataFrame], None] | None" = None,
    mirror: "MirrorService | None" = None,
) -> "Parts":
    """The gateway as parts of a worker: a reading at each multiple of its step, newest schedule followed.

    Its first recording fills what is missing since the newest stored reading; call `backfill` before for a progress bar.
    """
    from services.gateway_sim import handlers

    return handlers.parts(service=service, clock=resources.clock, schedules=resources.schedules, origin=origin, emit=emit, mirror=mirror)


def home_of(resources: Resources, config: GatewayConfiguration, interval: Interval, *, lived: Interval | None = None) -> "Home":
    """The configured home with the public holidays in and around an interval, and with its weather file.

    Raises `UsageError` when the file says nothing of what is `lived` through: the interval, unless it is given.
    """
    home = config.to_home()
    if config.weather_file is not None:
        home = replace(home, weather=_weather(resources, home, config.weather_file, lived or interval))
    if (calendar := config.calendar) is None:
        return home
    first, last = (interval.start - HABITS_REACH).date(), (interval.end + HABITS_REACH).date()
    return replace(home, holidays=resources.holidays.dates(calendar, first=first, last=last))


def _weather(resources: Resources, home: "Home", source: str, interval: Interval) -> "ObservedWeather":
    """What a file, or Open-Meteo, knows of an interval and the time before it, because houses and snow remember.

    Raises `UsageError` when nothing of it lies in the interval.
    """
    from services.gateway_sim.plant.observed import observed_weather

    ever = Interval(start=datetime(YEARS.start, 1, 1, tzinfo=UTC), end=datetime(YEARS.stop, 1, 1, tzinfo=UTC))
    remembered = Interval(start=interval.start - WEATHER_REACH, end=interval.end)
    history, reach = (resources.weather_history, remembered) if source == OPEN_METEO else (resources.weather_file(Path(source)), ever)
    rows = history.read(latitude=home.latitude, longitude=home.longitude, interval=reach)
    if not rows["timestamp"].between(interval.start, interval.end).any():
        known = (
            f"it reaches from {rows['timestamp'].min():%Y-%m-%d} to {rows['timestamp'].max():%Y-%m-%d}" if len(rows) else "it has no rows"
        )
        raise UsageError(f"weather_file {source} says nothing of the simulated time: {known}; give other dates or another file")
    return observed_weather(rows)


def _day_around(now: datetime) -> Interval:
    return Interval(start=now - MOMENT, end=now + MOMENT)


def _tell_of_weather(config: GatewayConfiguration, home: "Home", lived: Interval) -> None:
    """One line on standard error when the weather file leaves a part of what is lived through to the simulation."""
    if home.weather is None:
        return
    from services.gateway_sim.plant.observed import covered_share

    if (share := covered_share(home, lived)) < 1.0:
        print(
            f"weather_file {config.weather_file} covers {int(100.0 * share)} % of the time from {lived.start:%Y-%m-%d %H:%M} to"
            f" {lived.end:%Y-%m-%d %H:%M} UTC; the rest is simulated weather",
            file=sys.stderr,
        )


def default_home() -> GatewayConfiguration:
    """The home that a platform without data simulates: site `home`, the customer's devices, a reading each five minutes."""
    return GatewayConfiguration(site_id=HOME_SITE_ID)


def backfill(resources: Resources, service: "GatewayService", interval: Interval, *, origin: datetime = EPOCH) -> int:
    """Simulate and store what an interval lacks, with a progress bar; returns the rows written."""
    missing = service.missing(interval, origin=origin)
    if missing == 0:
        return 0
    from shared.runtime.progress import progress

    service.announce(now=resources.clock.now())
    with progress(f"simulating {missing:,} readings of {service.home.site_id}", missing) as advance:
        return service.backfill(interval, origin=origin, progress=advance).rows


def _execute(options: argparse.Namespace, resources: Resources) -> int:
    influx = _influx(options)
    if options.generate_config:
        if options.config is None:
            raise UsageError("--generate-config needs --config FILE, the file to write")
        write_configuration(options.config)
        print(f"wrote {options.config}", file=sys.stderr)
        return 0
    config = _configuration(resources, options)
    if options.historical:
        if influx is not None:
            print("--historical writes its file alone; der simulate --days N --enable-influxdb fills InfluxDB", file=sys.stderr)
        return _historical(options, resources, config)
    if (options.start or options.end or options.output) is not None:
        raise UsageError("--start, --end and --output belong to --historical; add it or leave them out")
    if getattr(options, "sites", None) is not None:
        raise UsageError("--sites belongs to --historical; add it or leave it out")
    if config.faults.to_faults().any:
        raise UsageError("faults in the configuration belong to --historical, whose labels tell them; remove the section for other modes")
    if options.once:
        return _once(resources, config, influx)
    if getattr(options, "days", None) is not None:
        return _days(resources, config, options.days, influx)
    return _continuous(resources, config, influx, aligned=options.scheduled)


def _influx(options: argparse.Namespace) -> InfluxSettings | None:
    settings = influx_settings(options)
    if settings is None and os.environ.get("INFLUXDB_URL"):
        print("INFLUXDB_URL is set but not used: add --enable-influxdb to copy the readings there", file=sys.stderr)
    return settings


def _once(resources: Resources, config: GatewayConfiguration, influx: InfluxSettings | None) -> int:
    now = resources.clock.now().replace(microsecond=0)
    service = build(resources, config, around=MOMENT)
    _tell_of_weather(config, service.home, Interval(start=now, end=now + timedelta(seconds=config.interval_seconds)))
    copy = _prepared(resources, service, influx)
    done = service.measure(now=now)
    _printer(config)(done.readings)
    if copy is not None:
        copy.finish()
    return 0


def _days(resources: Resources, config: GatewayConfiguration, days: float, influx: InfluxSettings | None) -> int:
    now = resources.clock.now()
    lived = Interval(start=now - timedelta(days=days), end=now)
    service = build(resources, config, lived=lived)
    _tell_of_weather(config, service.home, lived)
    copy = _prepared(resources, service, influx)
    rows = backfill(resources, service, lived)
    print(f"{rows:,} readings of site {service.home.site_id} written to the edge store", file=sys.stderr)
    if copy is not None and (copied := copy.finish()) is not None:
        print(f"{copied:,} of them, and of what was there before, written to {copy}", file=sys.stderr)
    return 0


def _continuous(resources: Resources, config: GatewayConfiguration, influx: InfluxSettings | None, *, aligned: bool) -> int:
    from services.gateway_sim.files.printed import until_nobody_reads
    from shared.runtime.life import run_until_signalled

    now = resources.clock.now().replace(microsecond=0)
    origin = EPOCH if aligned else now
    site_id = config.to_home().site_id
    newest = min(max((e.last for e in resources.edge.extents() if e.site_id == site_id), default=now), now)
    lived = Interval(start=newest, end=now + MOMENT)  # and on from there, of which no file can be asked
    service = build(resources, config, lived=lived)
    _tell_of_weather(config, service.home, lived)
    copy = _prepared(resources, service, influx)
    backfill(resources, service, Interval(start=newest, end=now), origin=origin)
    if copy is not None:
        copy.say_that_it_begins()
    emit, mirror = until_nobody_reads(_printer(config)), copy.mirror if copy is not None else None
    return run_until_signalled(resources, [parts(resources, service, origin=origin, emit=emit, mirror=mirror)])


def _prepared(resources: Resources, service: "GatewayService", influx: InfluxSettings | None) -> InfluxCopy | None:
    """Before anything is simulated, so that a wrong token leaves nothing behind."""
    if influx is None:
        return None
    copy = InfluxCopy(resources, service, influx, tell=lambda text: print(text, file=sys.stderr))
    copy.prepare()
    return copy


def _historical(options: argparse.Namespace, resources: Resources, config: GatewayConfiguration) -> int:
    if options.start is None or options.end is None:
        raise UsageError("--historical needs --start and --end, for example --start 2024-01-01 --end 2024-02-01")
    output = options.output or (Path(config.output_file) if config.output_file else None)
    if output is None:
        raise UsageError("--historical needs --output FILE.jsonl (or .csv, .parquet)")
    start, end = _moment(options.start, "--start"), _moment(options.end, "--end")
    if start >= end:
        raise UsageError(f"--end is {options.end}: must be after --start {options.start}; the interval ends just before it")
    interval = Interval(start=start, end=end)
    from services.gateway_sim.files.history import History, write_history
    from services.gateway_sim.files.reading_file import too_long_for_its_disk
    from services.gateway_sim.plant.home import grid_after
    from shared.runtime.progress import progress

    if config.weather_file is not None:
        _tell_of_weather(config, home_of(resources, config, interval), interval)
    grid = grid_after(interval, step=timedelta(seconds=config.interval_seconds), origin=interval.start)
    history = History(recipe=homes, text=_recipe(resources, config, interval), grid=grid, sites=config.sites)
    if (problem := too_long_for_its_disk(output, history.rows)) is not None:
        print(f"warning: {problem}; what finds room will be kept", file=sys.stderr)
    if (faults := config.faults.to_faults()).any:
        from services.gateway_sim.files.faulty import labels_beside, write_faulty_history

        with ended_by_sigterm():
            rows, labels = write_faulty_history(output, history, faults, bar=progress, tell=lambda text: print(text, file=sys.stderr))
        print(f"wrote {rows:,} readings with faults to {output} and {labels:,} labels to {labels_beside(output)}", file=sys.stderr)
        return 0
    with ended_by_sigterm():
        write_history(output, history, bar=progress, tell=lambda text: print(text, file=sys.stderr))
    print(f"wrote {history.rows:,} readings to {output}", file=sys.stderr)
    return 0


def homes(text: str) -> "Callable[[int], Home]":
    """The homes of a configuration, by their numbers from 0, for what `_recipe` wrote. Any process can make them."""
    from services.gateway_sim.plant.fleet import member

    document = json.loads(text)
    config = GatewayConfiguration.model_validate(document["configuration"])
    interval = Interval(start=parse_instant(document["start"]), end=parse_instant(document["end"]))
    with open_resources(load(RuntimeSettings, state_dir=document.get("state_dir"))) as resources:
        home = home_of(resources, config, interval)
    return (lambda _number: home) if config.sites == 1 else lambda number: member(home, number)


def _recipe(resources: Resources, config: GatewayConfiguration, interval: Interval) -> str:
    written = config.model_dump(mode="json", exclude_unset=True)  # what is written and what is not can mean different things
    # where the answers of a supplier are kept, that other processes need not ask for them again
    kept = {"state_dir": str(resources.state_dir)} if config.weather_file == OPEN_METEO else {}
    return json.dumps({"configuration": written, "start": format_instant(interval.start), "end": format_instant(interval.end), **kept})


def _configuration(resources: Resources, options: argparse.Namespace) -> GatewayConfiguration:
    """Command line beats file beats defaults."""
    config = GatewayConfiguration()
    if options.config is not None:
        config = read_configuration(options.config, check=lambda found: _known_calendar(resources, found))
    given = {
        "interval_seconds": options.interval,
        "sites": getattr(options, "sites", None),
        "weather_file": getattr(options, "weather", None),
    }
    return config.model_copy(update={name: value for name, value in given.items() if value is not None})


def _known_calendar(resources: Resources, config: GatewayConfiguration) -> None:
    if config.holiday_calendar is not None and config.calendar is not None:
        resources.holidays.dates(config.calendar, first=date(2024, 1, 1), last=date(2024, 12, 31))


def _moment(text: str, option: str) -> datetime:
    """A day of UTC or an instant with its offset. Raises `UsageError` outside the years that the sun's formula is good for."""
    try:
        moment = datetime.combine(date.fromisoformat(text), time(0), tzinfo=UTC)
    except ValueError:
        moment = parse_instant(text, option)
    if moment.year not in YEARS:
        raise UsageError(f"{option} is {text}: its year must be from {YEARS.start} to {YEARS.stop - 1}")
    return moment


def _printer(config: GatewayConfiguration) -> "Callable[[pd.DataFrame], None]":
    from services.gateway_sim.files.printed import printer

    return printer(copy=Path(config.output_file) if config.output_file else None)


def _add_customer_arguments(parser: argparse.ArgumentParser, *, days: bool = False) -> None:
    modes = parser.add_mutually_exclusive_group(required=True)
    modes.add_argument("--once", action="store_true", help="one reading now: printed and stored")
    modes.add_argument("--continuous", action="store_true", help="a reading every --interval seconds from now on")
    modes.add_argument("--scheduled", action="store_true", help="the same, aligned to the clock: every multiple of --interval")
    modes.add_argument("--historical", action="store_true", help="readings from --start until just before --end, into --output")
    modes.add_argument("--generate-config", action="store_true", help="write the default configuration to the file named by --config")
    if days:
        modes.add_argument("--days", type=days_of_history, metavar="N", help="store the last N days, where the edge store lacks them")
    parser.add_argument("--interval", type=_whole_seconds, metavar="S", help="seconds between readings (default: the configuration's, 300)")
    parser.add_argument("--start", metavar="D", help="of --historical: 2024-01-01 (UTC) or 2024-01-01T00:00:00+01:00")
    parser.add_argument("--end", metavar="D", help="as --start; not included")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="of --historical: its ending picks the form: .jsonl, .csv or .parquet; until it is complete it is name.partial.ending",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration in JSON; every field is optional")
    add_influx_arguments(parser)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_customer_arguments(parser, days=True)
    parser.add_argument(
        "--weather", metavar="FILE", help=f"real weather: a file (see docs/simulator.md), or {OPEN_METEO} for the past of the home's place"
    )
    parser.add_argument("--sites", type=_count_of_sites, metavar="N", help="of --historical: so many homes in one file, each another")


def days_of_history(text: str) -> float:
    """An argparse type: a number of days that calendars and disks can hold."""
    days = positive(float)(text)
    if days > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} must be at most {MOST_DAYS:g}")
    return days


def _count_of_sites(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_SITES):
        raise argparse.ArgumentTypeError(f"{text} must be a whole number from 1 to {MOST_SITES}")
    return int(text)


def _whole_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 86_400):
        raise argparse.ArgumentTypeError(f"{text} must be a whole number from 1 to 86400")
    return int(text)


_EXAMPLES = """\
  {program} --once                                   one reading, printed and stored
  {program} --continuous --interval 10               one every ten seconds until Ctrl-C
  {program} --scheduled --interval 300               one at each full five minutes
  {program} --historical --start 2024-01-01 --end 2024-02-01 --output january.parquet
  {program} --scheduled --enable-influxdb            to InfluxDB, too: INFLUXDB_TOKEN and INFLUXDB_URL say where
  {program} --generate-config --config home.json     a configuration to edit ...
  {program} --once --config home.json                ... and to use"""

_MORE_EXAMPLES = """
  {program} --days 60                                sixty days of history into the edge store
  {program} --historical --start 2024-01-01 --end 2025-01-01 --output year.csv
  {program} --days 60 --weather open-meteo           the same home in the weather that its place had
  {program} --historical --start 2024-01-01 --end 2024-01-31 --sites 1000 --output fleet.parquet
                                                     a thousand different homes, simulated on all cores

A history that is stopped or runs out of room keeps its finished readings, readable, in january.partial.parquet and the like."""

SIMULATOR = Command(
    name="run_simulator",
    summary="Simulate a gateway: solar, battery, home, car and grid price.",
    examples=_EXAMPLES,
    add_arguments=_add_customer_arguments,
    execute=_execute,
)
SIMULATE = Command(
    name="simulate",
    summary="Simulate a gateway: solar, battery, home, car and grid price.",
    examples=_EXAMPLES + _MORE_EXAMPLES,
    add_arguments=_add_arguments,
    execute=_execute,
)
COMMANDS: tuple[Command, ...] = (SIMULATE,)


def cli(argv: Sequence[str] | None = None) -> int:
    """`run_simulator.py`."""
    return script(SIMULATOR, argv)
