"""The gateway simulator's commands, and what a deployment needs to run one beside other services."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from services.gateway_sim.settings import GatewayConfiguration, read_configuration, write_configuration
from shared.domain.time import EPOCH, Interval, parse_instant
from shared.runtime.cli import UsageError, positive, readable_file
from shared.runtime.command import Command, script
from shared.runtime.resources import Resources

if TYPE_CHECKING:
    import pandas as pd

    from services.gateway_sim.service import GatewayService
    from shared.runtime.worker import Parts

HOME_SITE_ID = "home"
YEARS = range(1950, 2101)
MOST_DAYS = 3660.0


def build(resources: Resources, config: GatewayConfiguration) -> "GatewayService":
    """A simulated gateway on these resources. Nothing is written yet."""
    from services.gateway_sim.service import GatewayService

    step = timedelta(seconds=config.interval_seconds)
    return GatewayService(home=config.to_home(), step=step, edge=resources.edge, announcements=resources.announcements)


def parts(
    resources: Resources,
    service: "GatewayService",
    *,
    origin: datetime = EPOCH,
    emit: "Callable[[pd.DataFrame], None] | None" = None,
) -> "Parts":
    """The gateway as parts of a worker: a reading at each multiple of its step, newest schedule followed.

    Its first recording fills what is missing since the newest stored reading; call `backfill` before for a progress bar.
    """
    from services.gateway_sim import handlers

    return handlers.parts(service=service, clock=resources.clock, schedules=resources.schedules, origin=origin, emit=emit)


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
    if options.enable_influxdb:
        raise UsageError(
            "--enable-influxdb is not available in this version, which stores readings in its embedded edge store; leave the option out"
        )
    if options.generate_config:
        if options.config is None:
            raise UsageError("--generate-config needs --config FILE, the file to write")
        write_configuration(options.config)
        print(f"wrote {options.config}", file=sys.stderr)
        return 0
    config = _configuration(options)
    if options.historical:
        return _historical(options, config)
    if (options.start or options.end or options.output) is not None:
        raise UsageError("--start, --end and --output belong to --historical; add it or leave them out")
    if options.once:
        return _once(resources, config)
    if getattr(options, "days", None) is not None:
        return _days(resources, config, options.days)
    return _continuous(resources, config, aligned=options.scheduled)


def _once(resources: Resources, config: GatewayConfiguration) -> int:
    now = resources.clock.now().replace(microsecond=0)
    done = build(resources, config).measure(now=now)
    _printer(config)(done.readings)
    return 0


def _days(resources: Resources, config: GatewayConfiguration, days: float) -> int:
    now = resources.clock.now()
    service = build(resources, config)
    rows = backfill(resources, service, Interval(start=now - timedelta(days=days), end=now))
    print(f"{rows:,} readings of site {service.home.site_id} written to the edge store", file=sys.stderr)
    return 0


def _continuous(resources: Resources, config: GatewayConfiguration, *, aligned: bool) -> int:
    from shared.runtime.life import run_until_signalled

    now = resources.clock.now().replace(microsecond=0)
    origin = EPOCH if aligned else now
    service = build(resources, config)
    newest = max((e.last for e in resources.edge.extents() if e.site_id == service.home.site_id), default=now)
    backfill(resources, service, Interval(start=min(newest, now), end=now), origin=origin)
    return run_until_signalled(resources, [parts(resources, service, origin=origin, emit=_printer(config))])


def _historical(options: argparse.Namespace, config: GatewayConfiguration) -> int:
    if options.start is None or options.end is None:
        raise UsageError("--historical needs --start and --end, for example --start 2024-01-01 --end 2024-02-01")
    output = options.output or (Path(config.output_file) if config.output_file else None)
    if output is None:
        raise UsageError("--historical needs --output FILE.jsonl (or .csv, .parquet)")
    interval = Interval(start=_moment(options.start, "--start"), end=_moment(options.end, "--end"))
    if interval.start == interval.end:
        raise UsageError(f"--end is {options.end}: must be after --start; the interval ends just before it")
    from services.gateway_sim.files import reading_file
    from services.gateway_sim.plant.home import grid_after, pieces, simulate
    from shared.runtime.progress import progress

    home, state = config.to_home(), None
    grid = grid_after(interval, step=timedelta(seconds=config.interval_seconds), origin=interval.start)
    with reading_file(output) as write, progress(f"simulating {grid.count:,} readings", grid.count) as advance:
        for piece in pieces(grid):
            done = simulate(home, piece, state=state)
            state = done.state
            write(done.readings)
            advance(piece.count)
    print(f"wrote {grid.count:,} readings to {output}", file=sys.stderr)
    return 0


def _configuration(options: argparse.Namespace) -> GatewayConfiguration:
    """Command line beats file beats defaults."""
    if options.config is not None and not options.config.is_file():
        raise UsageError(f"no file {str(options.config)!r}; write one with --generate-config --config {options.config}")
    config = read_configuration(readable_file(str(options.config))) if options.config is not None else GatewayConfiguration()
    return config if options.interval is None else config.model_copy(update={"interval_seconds": options.interval})


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
    """Writes readings as JSON lines to standard output, each line whole, and to the configured file when there is one."""
    from services.gateway_sim.files import appended_file, json_lines

    copy = appended_file(Path(config.output_file)) if config.output_file else None

    def show(readings: "pd.DataFrame") -> None:
        lines = json_lines(readings)
        if copy is not None:
            copy(lines)
        try:
            sys.stdout.write(lines.decode())
            sys.stdout.flush()
        except BrokenPipeError:
            # nobody reads any more: end as if told to
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)

    return show


def _add_customer_arguments(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    modes = parser.add_mutually_exclusive_group(required=True)
    modes.add_argument("--once", action="store_true", help="one reading now: printed and stored")
    modes.add_argument("--continuous", action="store_true", help="a reading every --interval seconds from now on")
    modes.add_argument("--scheduled", action="store_true", help="the same, aligned to the clock: every multiple of --interval")
    modes.add_argument("--historical", action="store_true", help="readings from --start until just before --end, into --output")
    modes.add_argument("--generate-config", action="store_true", help="write the default configuration to the file named by --config")
    parser.add_argument("--interval", type=_whole_seconds, metavar="S", help="seconds between readings (default: the configuration's, 300)")
    parser.add_argument("--start", metavar="D", help="2024-01-01 (UTC) or 2024-01-01T00:00:00+01:00")
    parser.add_argument("--end", metavar="D", help="as --start; not included")
    parser.add_argument("--output", type=Path, metavar="FILE", help="its ending picks the form: .jsonl, .csv or .parquet")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration in JSON; every field is optional")
    influx = parser.add_argument_group("InfluxDB (not available in this version)")
    influx.add_argument("--enable-influxdb", action="store_true", help="write readings to InfluxDB too")
    influx.add_argument("--influxdb-url", metavar="URL", default="http://localhost:8086")
    influx.add_argument("--influxdb-token", metavar="TOKEN")
    influx.add_argument("--influxdb-org", metavar="ORG", default="edge-gateway")
    influx.add_argument("--influxdb-bucket", metavar="BUCKET", default="der-data")
    influx.add_argument("--influxdb-retention-days", metavar="DAYS", type=_whole_seconds, default=7)
    return modes


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    modes = _add_customer_arguments(parser)
    modes.add_argument("--days", type=days_of_history, metavar="N", help="store the last N days, where the edge store lacks them")


def days_of_history(text: str) -> float:
    """An argparse type: a number of days that calendars and disks can hold."""
    days = positive(float)(text)
    if days > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} must be at most {MOST_DAYS:g}")
    return days


def _whole_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 86_400):
        raise argparse.ArgumentTypeError(f"{text} must be a whole number from 1 to 86400")
    return int(text)


_EXAMPLES = """\
  {program} --once                                   one reading, printed and stored
  {program} --continuous --interval 10               one every ten seconds until Ctrl-C
  {program} --scheduled --interval 300               one at each full five minutes
  {program} --historical --start 2024-01-01 --end 2024-02-01 --output january.parquet
  {program} --generate-config --config home.json     a configuration to edit ...
  {program} --once --config home.json                ... and to use"""

SIMULATOR = Command(
    name="run_simulator",
    summary="Simulate a gateway: solar, battery, home, car and grid price.",
    examples=_EXAMPLES,
    add_arguments=lambda parser: _ignore(_add_customer_arguments(parser)),
    execute=_execute,
)
SIMULATE = Command(
    name="simulate",
    summary="Simulate a gateway: solar, battery, home, car and grid price.",
    examples=_EXAMPLES + "\n  {program} --days 60                       sixty days of history into the edge store",
    add_arguments=_add_arguments,
    execute=_execute,
)
COMMANDS: tuple[Command, ...] = (SIMULATE,)


def _ignore(_value: object) -> None:
    """An argument adder returns nothing."""


def cli(argv: Sequence[str] | None = None) -> int:
    """`run_simulator.py`."""
    return script(SIMULATOR, argv)
