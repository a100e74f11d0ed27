"""Composition root of sync: `run_cloud_sync.py`, `der sync`, and its part of a larger process."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from services.sync import handlers
from services.sync.feeds import PriceFeedService, WeatherFeedService
from services.sync.service import SiteSync, SyncService
from services.sync.settings import SyncSettings
from services.sync.status import COLUMNS, document, row
from shared.ports.edge_store import EdgeMirror
from shared.runtime.arrival import Supplier, aside
from shared.runtime.cli import UsageError, positive
from shared.runtime.command import Command, script
from shared.runtime.life import run_until_signalled
from shared.runtime.progress import progress
from shared.runtime.resources import Resources
from shared.runtime.settings import InfluxSettings, load
from shared.runtime.table import print_table
from shared.runtime.worker import Parts

EXAMPLES = """\
  {program} --once                       copy everything that is new, say what was done, stop
  {program} --continuous --interval 60   do so every 60 seconds until Ctrl-C
  {program} --status                     how far each site has come: lag, backlog, rates, refused rows, last error
  {program} --once --influxdb-token T    read the edge from InfluxDB at http://localhost:8086 (or INFLUXDB_URL)"""


def build(resources: Resources, *, batch_size: int = 5000, influx: EdgeMirror | None = None) -> SyncService:
    """The service on these resources; it reads the embedded edge store, or the bucket of InfluxDB that it is given."""
    return SyncService(
        edge=influx or resources.edge,
        announcements=influx.announcements if influx else resources.announcements,
        sites=resources.sites,
        tariffs=resources.tariffs,
        prices=resources.prices,
        readings=resources.readings,
        quarantine=resources.quarantine,
        progress=resources.progress,
        batch_size=batch_size,
    )


def parts(resources: Resources, *, interval_seconds: float | None = None, influx: EdgeMirror | None = None) -> Parts:
    """What sync brings to a process. The interval beats `SYNC_INTERVAL_SECONDS`."""
    settings = load(SyncSettings, interval_seconds=interval_seconds)
    service = build(resources, batch_size=settings.batch_size, influx=influx)
    interval = timedelta(seconds=settings.interval_seconds)
    sync = handlers.parts(
        service, clock=resources.clock, interval=interval, feeds=build_feeds(resources), weather=build_weather(resources, settings)
    )
    if influx is None:
        return sync
    question = partial(influx.latest, site_id="nobody")  # of nothing: cheap, and it finds out whether the server knows our token
    return replace(sync, needs=(Supplier(name="edge store", ready=partial(aside, question)),))


def build_feeds(resources: Resources) -> PriceFeedService:
    """What fetches prices of public suppliers, on these resources."""
    return PriceFeedService(
        sites=resources.sites,
        tariffs=resources.tariffs,
        readings=resources.readings,
        prices=resources.prices,
        feed=lambda: resources.price_feed,
    )


def build_weather(resources: Resources, settings: SyncSettings) -> WeatherFeedService | None:
    """What fetches weather, on these resources; None where no supplier is named."""
    if settings.weather is None:
        return None
    return WeatherFeedService(
        sites=resources.sites, readings=resources.readings, weather=resources.weather, feed=lambda: resources.weather_feed
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--once", action="store_true", help="copy everything that is new, then stop")
    mode.add_argument("--continuous", action="store_true", help="go on until Ctrl-C")
    mode.add_argument("--status", action="store_true", help="show how far each site has come")
    parser.add_argument(
        "--interval", type=positive(float), metavar="S", help="seconds between sweeps (default: SYNC_INTERVAL_SECONDS, else 60)"
    )
    parser.add_argument(
        "--influxdb-token",
        metavar="TOKEN",
        help="read the edge from InfluxDB with this token; INFLUXDB_URL with INFLUXDB_TOKEN does the same, and there other users of this "
        "machine cannot see it (INFLUXDB_URL, _ORG and _BUCKET default to http://localhost:8086, edge-gateway, der-data)",
    )


def execute(options: argparse.Namespace, resources: Resources) -> int:
    if options.interval is not None and not options.continuous:
        raise UsageError("--interval goes with --continuous; leave it out or add --continuous")
    as_json = getattr(options, "json", False)
    if as_json and not options.status:
        raise UsageError("--json goes with --status; leave it out or add --status")
    settings = load(SyncSettings, interval_seconds=options.interval)
    where = _influx_settings(options)
    influx = resources.influx_edge(where) if where else None
    if options.continuous:
        return run_until_signalled(resources, [parts(resources, interval_seconds=settings.interval_seconds, influx=influx)])
    service = build(resources, batch_size=settings.batch_size, influx=influx)
    if options.status:
        return _status(service, resources, as_json=as_json, nothing=_nothing(where))
    return _once(service, resources, settings, nothing=_nothing(where))


def _influx_settings(options: argparse.Namespace) -> InfluxSettings | None:
    """Where InfluxDB is; None for the embedded edge store."""
    settings = load(InfluxSettings, token=options.influxdb_token)
    if options.influxdb_token is not None or os.environ.get("INFLUXDB_URL"):
        return settings
    if settings.token.get_secret_value():
        print("INFLUXDB_TOKEN is set but not used: set INFLUXDB_URL, too, to read the edge from InfluxDB", file=sys.stderr)
    return None


def _nothing(influx: InfluxSettings | None) -> str:
    """What to do when there is nothing to copy."""
    place, option = "the edge store", ""
    if influx is not None:
        place, option = f"bucket {influx.bucket!r} on InfluxDB at {influx.url}", " --enable-influxdb"
    return f"nothing to copy: {place} has no readings yet; make some with: python run_simulator.py --once{option}"


def _once(service: SyncService, resources: Resources, settings: SyncSettings, *, nothing: str) -> int:
    clock = resources.clock
    with progress("Copying readings", service.backlog(now=clock.now())) as advance:
        results = service.sweep(now=clock.now(), stamp=clock.now, report=advance)
    if not results:
        print(nothing)
        return 0
    columns = ("site", "new", "changed", "unchanged", "refused", "prices", "error")
    print_table(columns, [_result_row(result) for result in results])
    for series in build_feeds(resources).fetch(now=clock.now(), now_at=clock.now_at):
        told = f"{series.rows:,} new prices" if series.problem is None else f"{series.rows:,} new prices; {series.problem}"
        print(f"{series.series_id}: {told}", file=sys.stderr)
    weather = build_weather(resources, settings)
    for place in weather.fetch(now=clock.now(), now_at=clock.now_at) if weather else []:
        told = f"{place.rows:,} new hours" if place.problem is None else f"{place.rows:,} new hours; {place.problem}"
        print(f"weather of {place.place}: {told}", file=sys.stderr)
    return 1 if any(result.error for result in results) else 0


def _result_row(result: SiteSync) -> tuple[object, ...]:
    return result.site_id, result.inserted, result.updated, result.unchanged, result.rejected, result.prices, result.error


def _status(service: SyncService, resources: Resources, *, as_json: bool, nothing: str) -> int:
    sites = service.status(now=resources.clock.now())
    if as_json:
        print(document(sites))
    elif sites:
        print_table(COLUMNS, [row(site) for site in sites])
    else:
        print(nothing)
    return 0


def _add_more_arguments(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="with --status: as JSON")


SCRIPT = Command(
    name="run_cloud_sync",
    summary="Copy readings, sites and prices from the edge store to the cloud store.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
SYNC = replace(
    SCRIPT,
    name="sync",
    examples=f"{EXAMPLES}\n  {{program}} --status --json              the same for a program",
    add_arguments=_add_more_arguments,
)
COMMANDS: tuple[Command, ...] = (SYNC,)


def cli(argv: Sequence[str] | None = None) -> int:
    """`run_cloud_sync.py`."""
    return script(SCRIPT, argv)
