"""`--enable-influxdb`: its options, what they mean together, and the copying that they ask for."""

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.ports.errors import UnavailableError
from shared.runtime.cli import UsageError
from shared.runtime.resources import Resources
from shared.runtime.settings import InfluxSettings, load

if TYPE_CHECKING:
    from services.gateway_sim.service import GatewayService

MOST_RETENTION_DAYS = 36_500

_OPTIONS = ("url", "token", "org", "bucket", "retention_days")


def add_influx_arguments(parser: argparse.ArgumentParser) -> None:
    """The customer's options. None is a value that was not given: the environment, then the default decides."""
    default = InfluxSettings.model_fields
    group = parser.add_argument_group(
        "InfluxDB", "readings are stored locally first; what InfluxDB misses while it is away is written later"
    )
    group.add_argument("--enable-influxdb", action="store_true", help="write readings to InfluxDB 2, too")
    group.add_argument("--influxdb-url", metavar="URL", help=f"default: INFLUXDB_URL, else {default['url'].default}")
    group.add_argument("--influxdb-token", metavar="TOKEN", help="default: INFLUXDB_TOKEN, where other users of this machine cannot see it")
    group.add_argument("--influxdb-org", metavar="ORG", help=f"default: INFLUXDB_ORG, else {default['org'].default}")
    group.add_argument(
        "--influxdb-bucket", metavar="BUCKET", help=f"made when it is missing (default: INFLUXDB_BUCKET, else {default['bucket'].default})"
    )
    group.add_argument(
        "--influxdb-retention-days",
        metavar="DAYS",
        type=_whole_days,
        help=f"how long readings are kept there (default: {default['retention_days'].default})",
    )


def influx_settings(options: argparse.Namespace) -> InfluxSettings | None:
    """Where to copy readings to; None without `--enable-influxdb`. Raises `UsageError` for what cannot be, before anything is done."""
    given = {name: getattr(options, f"influxdb_{name}") for name in _OPTIONS}
    if not options.enable_influxdb:
        if alone := [f"--influxdb-{name.replace('_', '-')}" for name, value in given.items() if value is not None]:
            raise UsageError(f"{', '.join(alone)}: add --enable-influxdb, or leave {'it' if len(alone) == 1 else 'them'} out")
        return None
    settings = load(InfluxSettings, **given)
    if not settings.token.get_secret_value().strip():
        raise UsageError("InfluxDB needs a token that may read and write: set INFLUXDB_TOKEN, or give --influxdb-token TOKEN")
    for name, value in (("org", settings.org), ("bucket", settings.bucket)):
        if not value.strip():
            raise UsageError(f"--influxdb-{name} (INFLUXDB_{name.upper()}) is empty; name one, or leave it out")
    if not 1 <= settings.retention_days <= MOST_RETENTION_DAYS:
        raise UsageError(f"INFLUXDB_RETENTION_DAYS is {settings.retention_days}: must be from 1 to {MOST_RETENTION_DAYS}")
    return settings


class InfluxCopy:
    """A gateway's readings on InfluxDB. `tell` brings a line to the person at the keyboard."""

    def __init__(self, resources: Resources, service: "GatewayService", settings: InfluxSettings, *, tell: Callable[[str], None]) -> None:
        from services.gateway_sim.service import MirrorService

        self._where = f"bucket {settings.bucket!r} on InfluxDB at {settings.url}"
        self._tell = tell
        self._clock = resources.clock
        self._retention = timedelta(days=settings.retention_days)
        self._away: UnavailableError | None = None
        store = resources.influx_edge(settings)
        self.mirror: MirrorService = MirrorService(
            site_id=service.home.site_id,
            device_id=service.home.device_id,
            step=service.step,
            edge=resources.edge,
            announcements=resources.announcements,
            mirror=store,
            retention=self._retention,
        )

    def prepare(self) -> None:
        """Make the bucket where it is missing. Raises `SupplierError` for what a person must mend; a server that is away is none."""
        try:
            kept = self.mirror.prepare()
        except UnavailableError as problem:
            self._away = problem
            return
        if kept != self._retention:
            ours = f"{kept / timedelta(days=1):g} days" if kept else "for ever"
            self._tell(f"{self._where} was there before and keeps data {ours}, not {self._retention.days} days; it is left as it is")

    def say_that_it_begins(self) -> None:
        """For a gateway that goes on. Its log tells when the server is away."""
        if self._away is None:
            self._tell(f"readings are copied to {self._where}")

    def finish(self) -> int | None:
        """Write all that the server lacks; how many readings that were. None, with a warning, when it is away."""
        try:
            if self._away is not None:
                raise self._away
            return self.mirror.copy_all(now=self._clock.now())
        except UnavailableError as problem:
            self._tell(f"warning: {problem}; the readings are kept locally, and the next run with --enable-influxdb writes them")
            return None

    def __str__(self) -> str:
        return self._where


def _whole_days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_RETENTION_DAYS):
        raise argparse.ArgumentTypeError(f"{text} must be a whole number of days from 1 to {MOST_RETENTION_DAYS}")
    return int(text)
