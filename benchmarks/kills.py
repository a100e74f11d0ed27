"""Kill sync, the broker and the database at random moments under load, and count what is lost or there twice.

    python benchmarks/kills.py
    python benchmarks/kills.py --quick --json kills.json

Gateways record 500 readings/s: each batch of 100 is committed to the edge store first (from then on it is acknowledged) and
published second. `run_cloud_sync.py --continuous` takes messages and sweeps; each part is killed by SIGKILL ten times, a random
time after it worked again, and started again at once. At the end the cloud store must hold the edge's readings, value for value.
Starts a RabbitMQ and a PostgreSQL of its own (Debian: rabbitmq-server, postgresql).
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from ingestion import gateways
from ingestion.gateways import Load
from ingestion.platform import Platform, living_platform
from services.gateway_sim.handlers import recorded_events
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.contracts.envelope import wrap
from shared.domain.reading import KEY_COLUMNS, VALUE_COLUMNS
from shared.domain.time import EPOCH, Interval
from shared.ports.bus import MessageBus
from shared.ports.errors import UnavailableError
from tests.live import servers

BATCH = 100
SITES = 50
READINGS_PER_SECOND = 500
SWEEP_SECONDS = 2.0
CATCH_UP_SECONDS = 60.0
SETTLED_SECONDS = 2.0
"""RabbitMQ 3.10 may never open a quorum queue again that was made within a second of the broker's end."""


@dataclass(slots=True, kw_only=True)
class Line:
    """What killing one part did."""

    part: str
    kills: int = 0
    recoveries_seconds: list[float] = field(default_factory=list)
    """From the moment that the part was started again and listened until a new reading was in the cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was acknowledged, and what became of it."""

    acknowledged: int
    lost: int
    duplicates: int
    changed: int


class Recorder:
    """Gateways that write their edge store and publish, whatever becomes of the message."""

    def __init__(self, edge: SqliteEdgeStore, bus: MessageBus) -> None:
        self._edge, self._bus = edge, bus
        self._publishing: set[asyncio.Task[None]] = set()
        self.unpublished = 0

    async def record(self, stop: asyncio.Event) -> None:
        homes = [gateways.some_values(site_id, BATCH) for site_id in gateways.site_ids(Load(messages=0, sites=SITES))]
        number = 0
        started = time.perf_counter()
        while not stop.is_set():
            await asyncio.sleep(max(0.0, started + number * BATCH / READINGS_PER_SECOND - time.perf_counter()))
            readings = gateways.measured(homes[number % SITES], now=datetime.now(UTC))
            await asyncio.to_thread(self._edge.write, readings)
            task = asyncio.create_task(self._publish(readings))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)
            number += 1
        await asyncio.gather(*self._publishing)

    async def _publish(self, readings: pd.DataFrame) -> None:
        for event in recorded_events(readings["site_id"].iloc[0], readings):
            try:
                await self._bus.publish(wrap(event, source="gateway_sim", time=datetime.now(UTC)))
            except UnavailableError:
                self.unpublished += 1  # the sweep makes up for it: that is what is tested


async def campaign(platform: Platform, *, kills: int, seed: int) -> tuple[list[Line], Outcome, int]:
    """Kill each part so many times in a random order; returns what happened."""
    lines = {part: Line(part=part) for part in ("sync", "broker", "database")}
    order = [part for part in lines for _ in range(kills)]
    chance = random.Random(seed)  # noqa: S311  # when to kill is no secret
    chance.shuffle(order)
    stop = asyncio.Event()
    edge = SqliteEdgeStore(platform.folder / "edge.sqlite")
    with closing(edge), platform.resources() as resources:
        recorder = Recorder(edge, resources.bus)
        recording = asyncio.create_task(recorder.record(stop))
        await asyncio.to_thread(progress_after, platform, 0)
        await asyncio.sleep(SETTLED_SECONDS)
        for part in order:
            await asyncio.sleep(chance.uniform(0.2, 3.0))
            await asyncio.to_thread(getattr(platform, f"kill_{part}"))
            stored = await asyncio.to_thread(platform.rows)
            lines[part].recoveries_seconds.append(await asyncio.to_thread(progress_after, platform, stored))
            lines[part].kills += 1
        stop.set()
        await recording
        await resources.bus.close()
        outcome = await asyncio.to_thread(compare, platform, edge)
    return list(lines.values()), outcome, recorder.unpublished


def progress_after(platform: Platform, stored: int) -> float:
    """Seconds until the cloud holds more than that."""
    started = time.perf_counter()
    platform.until(lambda: platform.rows() > stored)
    return time.perf_counter() - started


def compare(platform: Platform, edge: SqliteEdgeStore) -> Outcome:
    """Every acknowledged reading against the cloud's, after the last sweeps."""
    everything = Interval(start=EPOCH, end=datetime(2100, 1, 1, tzinfo=UTC))
    recorded = sum(extent.rows for extent in edge.extents())
    with suppress(RuntimeError):  # what did not come in time counts as lost below
        platform.until(lambda: platform.rows() >= recorded, seconds=CATCH_UP_SECONDS)
    keys = list(KEY_COLUMNS)
    at_edge = pd.concat([edge.read(site_id=extent.site_id, interval=everything, limit=extent.rows) for extent in edge.extents()])
    with platform.resources() as resources:
        sites = [site.site_id for site in resources.sites.list()]
        in_cloud = pd.concat([resources.readings.read(site_id=site_id, interval=everything) for site_id in sites])
    both = at_edge.merge(in_cloud, on=keys, how="inner", suffixes=("_edge", "_cloud"), validate="many_to_many")
    numbers = list(VALUE_COLUMNS)
    edge_values = both[[f"{name}_edge" for name in numbers]].to_numpy()
    cloud_values = both[[f"{name}_cloud" for name in numbers]].to_numpy()
    return Outcome(
        acknowledged=len(at_edge),
        lost=len(at_edge) - len(at_edge.merge(in_cloud[keys].drop_duplicates(), on=keys)),
        duplicates=int(in_cloud.duplicated(keys).sum()),
        changed=int((edge_values != cloud_values).any(axis=1).sum()),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0 when nothing was lost, changed or doubled, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one kill of each part: for CI")
    parser.add_argument("--seed", type=int, default=1, help="of the order and the moments of the kills (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args(argv)
    for address in ("RABBITMQ_TEST_URL", "POSTGRES_TEST_URL"):
        os.environ.pop(address, None)  # nobody else's server is killed
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "platform"
            with living_platform(servers.broker(), servers.database(), folder, sweep_seconds=SWEEP_SECONDS) as platform:
                lines, outcome, unpublished = asyncio.run(campaign(platform, kills=1 if options.quick else 10, seed=options.seed))
    finally:
        servers.end()
    print(
        f"{READINGS_PER_SECOND} readings/s of {SITES} homes in batches of {BATCH}, a sweep every {SWEEP_SECONDS:g} s, seed {options.seed}"
    )
    print(f"{'killed':12}{'times':>8}{'progress again after, median s':>34}{'longest s':>12}")
    for line in lines:
        longest = max(line.recoveries_seconds)
        print(f"{line.part:12}{line.kills:8}{statistics.median(line.recoveries_seconds):34.2f}{longest:12.2f}")
    print(
        f"acknowledged {outcome.acknowledged:,} readings ({unpublished} messages found no broker): "
        f"lost {outcome.lost}, duplicates {outcome.duplicates}, changed {outcome.changed}"
    )
    if options.json:
        figures = {"seed": options.seed, "parts": [asdict(line) for line in lines], "outcome": asdict(outcome), "unpublished": unpublished}
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if outcome.lost or outcome.duplicates or outcome.changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
