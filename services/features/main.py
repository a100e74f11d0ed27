"""Composition root of features: `run_feature_engineering.py`, `der features`, and its part of a larger process."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from services.features import handlers
from services.features.recipe.catalog import catalog
from services.features.recipe.page import page
from services.features.service import FeatureService, FeatureStatus, TableBuilt
from services.features.settings import FeatureSettings
from shared.runtime.cli import UsageError, positive
from shared.runtime.command import Command, script
from shared.runtime.life import run_until_signalled
from shared.runtime.progress import progress
from shared.runtime.resources import Resources
from shared.runtime.settings import load
from shared.runtime.table import print_table
from shared.runtime.worker import Parts

INTERVAL_SECONDS = 3600.0

EXAMPLES = """\
  {program} --once                         build the features of the last 30 days, stop
  {program} --once --lookback-days 365     of the last year
  {program} --continuous --interval 3600   keep them up to date until Ctrl-C
  {program} --status                       rows, period, quality, flags and last error of each site"""

NOTHING_YET = "no site in the cloud store yet; copy some readings there with: python run_cloud_sync.py --once"


def build(resources: Resources, *, window_days: int = 7, batch_size: int = 1000, lookback: timedelta | None = None) -> FeatureService:
    """The service on these resources. `lookback` None: a new table reaches back to the first reading."""
    return FeatureService(
        sites=resources.sites,
        tariffs=resources.tariffs,
        readings=resources.readings,
        prices=resources.prices,
        weather=resources.weather,
        features=resources.features,
        holidays=resources.holidays,
        progress=resources.progress,
        window_days=window_days,
        batch_size=batch_size,
        lookback=lookback,
    )


def parts(resources: Resources, *, interval_seconds: float = INTERVAL_SECONDS, lookback: timedelta | None = None) -> Parts:
    """What features brings to a process. `lookback` None: new tables reach back to the first reading."""
    settings = load(FeatureSettings)
    service = build(resources, window_days=settings.rolling_window_days, batch_size=settings.batch_size, lookback=lookback)
    return handlers.parts(
        service,
        jobs=resources.jobs,
        clock=resources.clock,
        interval=timedelta(seconds=interval_seconds),
        site_id=settings.site_id,
        lease=resources.job_lease,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_modes(parser)


def _add_more_arguments(parser: argparse.ArgumentParser) -> None:
    mode = _add_modes(parser)
    mode.add_argument("--catalog", action="store_true", help="print every feature with its unit and meaning (Markdown)")


def _add_modes(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--once", action="store_true", help="build the tables of the lookback, then stop")
    mode.add_argument("--continuous", action="store_true", help="keep the tables up to date until Ctrl-C")
    mode.add_argument("--status", action="store_true", help="show the state of each site's table")
    parser.add_argument("--lookback-days", type=positive(float), metavar="N", help="with --once (default: FE_LOOKBACK_DAYS, else 30)")
    parser.add_argument("--interval", type=positive(float), metavar="S", help="seconds between rounds (default: 3600)")
    return mode


def execute(options: argparse.Namespace, resources: Resources) -> int:
    if options.interval is not None and not options.continuous:
        raise UsageError("--interval goes with --continuous; leave it out or add --continuous")
    if options.lookback_days is not None and not options.once:
        raise UsageError("--lookback-days goes with --once; leave it out or add --once")
    settings = load(FeatureSettings, lookback_days=options.lookback_days)
    if getattr(options, "catalog", False):
        sys.stdout.write(page(catalog(window_days=settings.rolling_window_days)))
        return 0
    lookback = timedelta(days=settings.lookback_days)
    if options.continuous:
        interval = options.interval or INTERVAL_SECONDS
        return run_until_signalled(resources, [parts(resources, interval_seconds=interval, lookback=lookback)])
    service = build(resources, window_days=settings.rolling_window_days, batch_size=settings.batch_size, lookback=lookback)
    return _status(service, settings) if options.status else _once(service, settings, resources)


def _once(service: FeatureService, settings: FeatureSettings, resources: Resources) -> int:
    sites = [service.site(settings.site_id)] if settings.site_id else service.sites()
    if not sites:
        print(NOTHING_YET)
        return 0
    done: list[TableBuilt] = []
    with progress("Building features", len(sites)) as advance:
        nows = {site.site_id: resources.clock.now_at(site) for site in sites}
        for table in service.build_many(nows, lookback=timedelta(days=settings.lookback_days)):
            done.append(table)
            advance(1)
    done.sort(key=lambda table: table.site_id)
    rows = [(table.site_id, table.rows, table.interval.start, table.interval.end, table.catalog_version) for table in done]
    print_table(("site", "rows", "from (UTC)", "to (UTC)", "catalog"), rows)
    return 0


def _status(service: FeatureService, settings: FeatureSettings) -> int:
    sites = service.status(site_id=settings.site_id)
    if not sites:
        print(NOTHING_YET)
        return 0
    print_table(
        ("site", "rows", "from (UTC)", "to (UTC)", "built at (UTC)", "waiting since (UTC)", "good, 7 days", "flagged steps, 7 days",
         "weather of (UTC)",
         "catalog", "last error"),
        [
            (
                table.site_id, table.rows,
                table.interval.start if table.interval else None, table.interval.end if table.interval else None,
                table.built_at, table.pending.start if table.pending else None,
                None if table.good_share is None else f"{table.good_share:.1%}", _flagged(table),
                table.weather_issued_at, table.catalog_version, table.last_error,
            )
            for table in sites
        ],
    )  # fmt: skip
    return 0


def _flagged(table: FeatureStatus) -> str | None:
    """Such as `spike 3, frozen 12`."""
    return ", ".join(f"{str(flag.name).lower().replace('_', ' ')} {count}" for flag, count in table.flagged.items()) or None


SCRIPT = Command(
    name="run_feature_engineering",
    summary="Build feature tables from the readings in the cloud store.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
FEATURES = replace(
    SCRIPT,
    name="features",
    examples=f"{EXAMPLES}\n  {{program}} --catalog                      what each feature is, as a page",
    add_arguments=_add_more_arguments,
)
COMMANDS: tuple[Command, ...] = (FEATURES,)


def cli(argv: Sequence[str] | None = None) -> int:
    """`run_feature_engineering.py`."""
    return script(SCRIPT, argv)
