"""`der run`: one home and everything that serves it, in one process."""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.api import main as api
from services.api.settings import ApiSettings
from services.embedded import forecasting, home_import
from services.embedded.pipeline import Pipeline
from services.features import main as features
from services.gateway_sim import main as gateway_sim
from services.gateway_sim.settings import read_configuration
from services.optimizer import main as optimizer
from services.sync import main as sync
from shared.contracts.events import Event
from shared.domain.site import Site
from shared.domain.time import Interval
from shared.runtime.cli import UsageError, readable_file
from shared.runtime.command import Command
from shared.runtime.http_server import bind, url_of
from shared.runtime.instance_lock import hold
from shared.runtime.life import run_until_signalled
from shared.runtime.logging import logger
from shared.runtime.progress import silent
from shared.runtime.resources import Resources
from shared.runtime.settings import load
from shared.runtime.worker import Parts, Timer

SPEECHLESS = frozenset({"home", "homes", "site", "sites", "data", "readings", "export"})
HISTORY_DAYS = 60
SAVINGS_DAYS = 7
SAVINGS_EVERY = timedelta(days=1)
SAVINGS_CHECK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Savings:
    """Keeps the savings report of every site at most a day old."""

    resources: Resources
    pipeline: Pipeline

    def step(self) -> Sequence[Event]:
        for site in self.resources.sites.list():
            if self._due(site):
                report = self.pipeline.backtest(site, days=SAVINGS_DAYS)
                share = report.captured_share("planned")
                logger("embedded").info("savings replayed", site=site.site_id, captured_share=None if share is None else round(share, 3))
        return ()

    def _due(self, site: Site) -> bool:
        if site.battery is None or self.resources.tariffs.get(site.site_id) is None:
            return False
        now, newest = self.resources.clock.now_at(site), self.resources.savings.latest(site_id=site.site_id)
        extent = self.resources.readings.extent(site_id=site.site_id)
        long_enough = extent is not None and extent[0].duration > timedelta(days=SAVINGS_DAYS)
        return long_enough and (newest is None or now - newest.made_at > SAVINGS_EVERY)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="where to listen: 127.0.0.1, ::1 or localhost (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of the page and the API, 0 for any free one (default: PORT, else 8000)")
    parser.add_argument("--config", type=readable_file, metavar="FILE", help="the simulated home (see: der simulate --generate-config)")
    parser.add_argument(
        "--days",
        type=gateway_sim.days_of_history,
        default=HISTORY_DAYS,
        metavar="N",
        help=f"days to simulate when there is nothing yet ({HISTORY_DAYS})",
    )
    parser.add_argument("--data", type=readable_file, metavar="FILE", help="measurements of a home instead of a simulated one")
    parser.add_argument("--site", metavar="ID", help="what to call the home of --data (default: after its file)")
    home_import.add_reading_arguments(parser)


def _execute(options: argparse.Namespace, resources: Resources) -> int:
    started = time.perf_counter()
    settings = load(ApiSettings, host=options.host, port=options.port)
    with hold(resources.state_dir, "der run"), bind(settings.host, settings.port, variable="PORT") as place:
        if options.data is not None:
            home_import.import_with_options(options, resources, path=options.data, site_id=options.site or site_id_of(options.data))
        gateway = _gateway(options, resources)
        pipeline = Pipeline(resources)
        pipeline.replicate()
        sites = resources.sites.list()
        if not sites:
            raise UsageError(f"state folder {str(resources.state_dir)!r} has no site; run `der sync --status` to see why")
        for site in sites:
            pipeline.prepare(site)
        app, api_parts = api.create(resources)

        url = url_of(settings.host, place)

        def ready() -> None:
            print(f"ready in {time.perf_counter() - started:.1f} s: {url}   API: {url}docs   Ctrl-C stops", file=sys.stderr, flush=True)

        return run_until_signalled(
            resources,
            [*gateway, sync.parts(resources), features.parts(resources), forecasting.parts(resources), optimizer.parts(resources),
             api_parts, _savings_parts(resources)],
            companions=[api.server(app, place, ready=ready)],
        )  # fmt: skip


def site_id_of(path: Path) -> str:
    """A site id from a file's name; from its folder's where the name says nothing (`konstanz/home.parquet`)."""
    stem = path.name.split(".", 1)[0]
    name = path.absolute().parent.name if stem.lower() in SPEECHLESS else stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:64] or "imported"


def _gateway(options: argparse.Namespace, resources: Resources) -> list[Parts]:
    """The simulated gateway, brought up to date: for an empty state folder, or where it lived before."""
    config = read_configuration(options.config) if options.config is not None else gateway_sim.default_home()
    known = {extent.site_id: extent.last for extent in resources.edge.extents()}
    service = gateway_sim.build(resources, config)
    if known and service.home.site_id not in known:
        return []
    now = resources.clock.now()
    start = known.get(service.home.site_id, now - timedelta(days=options.days))
    gateway_sim.backfill(resources, service, Interval(start=min(start, now), end=now))
    return [gateway_sim.parts(resources, service)]


def _savings_parts(resources: Resources) -> Parts:
    savings = _Savings(resources=resources, pipeline=Pipeline(resources, bar=silent))
    return Parts(name="embedded", timers=(Timer(name="savings", every=SAVINGS_CHECK, step=savings.step),))


RUN = Command(
    name="run",
    summary="One home in one process: readings, forecasts, schedule, page and API.",
    examples="""\
  der run                                    a simulated home on http://127.0.0.1:8000/
  der run --port 8080                        elsewhere
  der run --config home.json                 a home of your own making
  der run --data home.csv --timezone Europe/Berlin --tariff tariff.json
  der --state-dir /srv/der run               all state in that folder

The first start simulates 60 days, the next one continues where it was. Ctrl-C stops it.""",
    add_arguments=_add_arguments,
    execute=_execute,
)
COMMANDS: tuple[Command, ...] = (RUN,)
