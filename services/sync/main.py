"""Composition root of sync: `run_cloud_sync.py`, `der sync`, and its part of a larger process."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from services.sync import handlers
from services.sync.feeds import PriceFeedService
from services.sync.service import SiteSync, SyncService
from services.sync.settings import SyncSettings
from shared.runtime.cli import UsageError, positive
from shared.runtime.command import Command, script
from shared.runtime.life import run_until_signalled
from shared.runtime.progress import progress
from shared.runtime.resources import Resources
from shared.runtime.settings import load
from shared.runtime.table import print_table
from shared.runtime.worker import Parts

EXAMPLES = """\
  {program} --once                       copy everything that is new, say what was done, stop
  {program} --continuous --interval 60   do so every 60 seconds until Ctrl-C
  {program} --status                     how far each site has come: lag, backlog, refused rows, last error"""

NOTHING_YET = "nothing to copy: the edge store has no readings yet; make some with: python run_simulator.py --once"


def build(resources: Resources, *, batch_size: int = 5000) -> SyncService:
    """The service on these resources."""
    return SyncService(
        edge=resources.edge,
        announcements=resources.announcements,
        sites=resources.sites,
        tariffs=resources.tariffs,
        prices=resources.prices,
        readings=resources.readings,
        quarantine=resources.quarantine,
        progress=resources.progress,
        batch_size=batch_size,
    )


def parts(resources: Resources, *, interval_seconds: float | None = None) -> Parts:
    """What sync brings to a process. The interval beats `SYNC_INTERVAL_SECONDS`."""
    settings = load(SyncSettings, interval_seconds=interval_seconds)
    service = build(resources, batch_size=settings.batch_size)
    interval = timedelta(seconds=settings.interval_seconds)
    return handlers.parts(service, clock=resources.clock, interval=interval, feeds=build_feeds(resources))


def build_feeds(resources: Resources) -> PriceFeedService:
    """What fetches prices of public suppliers, on these resources."""
    return PriceFeedService(
        sites=resources.sites,
        tariffs=resources.tariffs,
        readings=resources.readings,
        prices=resources.prices,
        feed=lambda: resources.price_feed,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--once", action="store_true", help="copy everything that is new, then stop")
    mode.add_argument("--continuous", action="store_true", help="go on until Ctrl-C")
    mode.add_argument("--status", action="store_true", help="show how far each site has come")
    parser.add_argument(
        "--interval", type=positive(float), metavar="S", help="seconds between sweeps (default: SYNC_INTERVAL_SECONDS, else 60)"
    )
    parser.add_argument("--influxdb-token", metavar="T", help="for an InfluxDB edge store, which this version does not have yet")


def execute(options: argparse.Namespace, resources: Resources) -> int:
    if options.influxdb_token is not None:
        raise UsageError("--influxdb-token: an InfluxDB edge store is not available yet; leave it out to use the embedded store")
    if options.interval is not None and not options.continuous:
        raise UsageError("--interval goes with --continuous; leave it out or add --continuous")
    settings = load(SyncSettings, interval_seconds=options.interval)
    if options.continuous:
        return run_until_signalled(resources, [parts(resources, interval_seconds=settings.interval_seconds)])
    service = build(resources, batch_size=settings.batch_size)
    return _status(service, resources) if options.status else _once(service, resources)


def _once(service: SyncService, resources: Resources) -> int:
    clock = resources.clock
    with progress("Copying readings", service.backlog(now=clock.now())) as advance:
        results = service.sweep(now=clock.now(), stamp=clock.now, report=advance)
    if not results:
        print(NOTHING_YET)
        return 0
    columns = ("site", "new", "changed", "unchanged", "refused", "prices", "error")
    print_table(columns, [_result_row(result) for result in results])
    for series in build_feeds(resources).fetch(now=clock.now(), now_at=clock.now_at):
        told = f"{series.rows:,} new prices" if series.problem is None else f"{series.rows:,} new prices; {series.problem}"
        print(f"{series.series_id}: {told}", file=sys.stderr)
    return 1 if any(result.error for result in results) else 0


def _result_row(result: SiteSync) -> tuple[object, ...]:
    return result.site_id, result.inserted, result.updated, result.unchanged, result.rejected, result.prices, result.error


def _status(service: SyncService, resources: Resources) -> int:
    sites = service.status(now=resources.clock.now())
    if not sites:
        print(NOTHING_YET)
        return 0
    columns = (
        "site",
        "copied until (UTC)",
        "newest at edge (UTC)",
        "lag",
        "backlog",
        "in cloud",
        "refused",
        "last sweep (UTC)",
        "last error",
    )
    print_table(
        columns,
        [
            (
                site.site_id, site.watermark, site.newest_at_edge, site.lag, site.backlog_rows,
                site.cloud_rows, site.rejected, site.updated_at, site.last_error,
            )
            for site in sites
        ],
    )  # fmt: skip
    return 0


SYNC = Command(
    name="sync",
    summary="Copy readings, sites and prices from the edge store to the cloud store.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (SYNC,)


def cli(argv: Sequence[str] | None = None) -> int:
    """`run_cloud_sync.py`."""
    return script(SYNC, argv)
