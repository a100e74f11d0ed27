"""Readings per second from gateways into the cloud store, and how long one is on its way, against the servers alone.

    python benchmarks/ingest.py
    python benchmarks/ingest.py --quick --json ingest.json

Starts a RabbitMQ and a PostgreSQL of its own (Debian: rabbitmq-server, postgresql). Everything shares this machine: gateways,
broker, sync, database. The reference publishes the same messages, prepared beforehand, by aio-pika alone and copies each as it
comes into a table of the same columns and key by a bare COPY: no checks, no flags, no envelopes, no counts. The embedded line
sends the same messages through the in-process bus into SQLite; its reference is `executemany` of rows that are ready.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psycopg

from embedded_store import bare_sqlite, some_readings
from ingestion import bare, gateways
from ingestion.gateways import Load
from ingestion.platform import living_platform
from services.sync import main as sync
from shared.domain.reading import VALUE_COLUMNS
from shared.runtime.life import spare_collections
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import RuntimeSettings, load
from shared.runtime.worker import Worker
from tests.live import servers
from tests.live.broker import Broker
from tests.live.database import Database

SITES = 50
TURNS = 3
GOAL_READINGS_PER_SECOND = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table."""

    work: str
    readings_per_second: float
    reference_readings_per_second: float | None = None
    lag_p50_seconds: float | None = None
    lag_p99_seconds: float | None = None

    @property
    def ratio(self) -> float | None:
        reference = self.reference_readings_per_second
        return None if reference is None else self.readings_per_second / reference


def measure_bare(broker: Broker, database: Database, given: Load) -> float:
    """Readings per second from the first publish to the last commit with nothing around the servers."""
    vhost, name = broker.new_vhost(), database.new_database()
    spawn = multiprocessing.get_context("spawn")
    ready, ended = spawn.Event(), spawn.Queue()
    storing = spawn.Process(target=_bare_store, args=(given, broker.url(vhost), database.url(name), ready, ended))
    storing.start()
    ready.wait(timeout=60)
    started = spawn.Queue()
    publishing = spawn.Process(target=_bare_publish, args=(given, broker.url(vhost), started))
    publishing.start()
    begin, end = float(started.get(timeout=120)), float(ended.get(timeout=180))
    publishing.join()
    storing.join()
    broker.drop_vhost(vhost)
    database.drop_database(name)
    return given.readings / (end - begin)


def _bare_store(given: Load, broker: str, database: str, ready: object, ended: "multiprocessing.Queue[float]") -> None:
    ended.put(asyncio.run(bare.store(given, broker=broker, database=database, ready=ready)))


def _bare_publish(given: Load, url: str, started: "multiprocessing.Queue[float]") -> None:
    seconds = asyncio.run(bare.publish(given, url=url))
    started.put(time.time() - seconds)


def measure_platform(broker: Broker, database: Database, given: Load, folder: Path) -> tuple[float, list[float]]:
    """Readings per second from the first publish to the last commit, and the sorted lags in seconds."""
    spawn = multiprocessing.get_context("spawn")
    with living_platform(broker, database, folder) as platform:
        started = spawn.Queue()
        publishing = spawn.Process(target=_publish, args=(given, platform.environment, started))
        publishing.start()
        begin = float(started.get(timeout=300))
        publishing.join()
        platform.until(lambda: platform.rows() >= given.readings, every=0.5)  # a look takes a database process of its own
        return given.readings / (platform.last_commit() - begin), platform.commit_lags()


def _publish(given: Load, environment: dict[str, str], started: "multiprocessing.Queue[float]") -> None:
    os.environ.update(environment)

    async def published() -> float:
        bus = open_resources(load(RuntimeSettings)).bus
        spare_collections()
        begin = time.time()
        await gateways.publish(given, bus)
        await bus.close()
        return begin

    started.put(asyncio.run(published()))


def measure_embedded(given: Load, folder: Path) -> float:
    """Readings per second from gateways through the in-process bus into the cloud store, all in one process."""

    async def ingest(resources: Resources) -> float:
        stop = asyncio.Event()
        worker = Worker(bus=resources.bus, clock=resources.clock, parts=[sync.parts(resources, interval_seconds=3600)])
        working = asyncio.create_task(worker.run(stop))
        spare_collections()
        begin = time.perf_counter()
        await gateways.publish(given, resources.bus)
        for place, site_id in enumerate(gateways.site_ids(given)):
            due = len(range(place, given.messages, given.sites)) * gateways.MESSAGE_ROWS
            while (resources.readings.extent(site_id=site_id) or (None, 0))[1] < due:  # noqa: ASYNC110  # a store says nothing by itself
                await asyncio.sleep(0.02)
        spent = time.perf_counter() - begin
        stop.set()
        await working
        await resources.bus.close()
        return spent

    with open_resources(RuntimeSettings(state_dir=folder, log_level="warning")) as resources:
        return given.readings / asyncio.run(ingest(resources))


def measure_bare_sqlite(given: Load, file: Path) -> float:
    """Readings per second by `executemany`, a durable commit for each message."""
    written, _ = bare_sqlite(file, some_readings(given.readings), batch=gateways.MESSAGE_ROWS)
    return given.readings / written


def measure(*, seconds: int) -> list[Line]:
    """Each in turns with its reference; the median of each."""
    offered = Load(
        messages=seconds * GOAL_READINGS_PER_SECOND // gateways.MESSAGE_ROWS, sites=SITES, readings_per_second=GOAL_READINGS_PER_SECOND
    )
    unhurried = Load(messages=offered.messages, sites=SITES)
    broker, database = servers.broker(), servers.database()
    _keep_commit_times(database)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reached, reference, embedded, sqlite = [], [], [], []
        for turn in range(TURNS):
            reference.append(measure_bare(broker, database, unhurried))
            reached.append(measure_platform(broker, database, unhurried, folder / f"fast-{turn}")[0])
            sqlite.append(measure_bare_sqlite(unhurried, folder / f"bare-{turn}.sqlite"))
            embedded.append(measure_embedded(unhurried, folder / f"embedded-{turn}"))
        steady, lags = measure_platform(broker, database, offered, folder / "steady")
    return [
        Line(work="as fast as it goes", readings_per_second=median(reached), reference_readings_per_second=median(reference)),
        Line(
            work=f"{GOAL_READINGS_PER_SECOND:,} offered",
            readings_per_second=steady,
            lag_p50_seconds=quantile(lags, 0.5),
            lag_p99_seconds=quantile(lags, 0.99),
        ),
        Line(work="embedded", readings_per_second=median(embedded), reference_readings_per_second=median(sqlite)),
    ]


def _keep_commit_times(database: Database) -> None:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    database.kill()
    database.begin()


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few seconds of load: for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args(argv)
    seconds = 5 if options.quick else 60
    try:
        lines = measure(seconds=seconds)
    finally:
        servers.end()
    shape = f"{SITES} homes, messages of {gateways.MESSAGE_ROWS} readings of {len(VALUE_COLUMNS)} values"
    print(f"{shape}, {seconds} s of load, {os.cpu_count()} cores for everything")
    print(f"{'':22}{'readings/s':>12}{'bare servers':>14}{'ratio':>8}{'lag p50 s':>11}{'lag p99 s':>11}")
    for line in lines:
        cells = (line.reference_readings_per_second, line.ratio, line.lag_p50_seconds, line.lag_p99_seconds)
        texts = [f"{value:{form}}" if value is not None else "" for value, form in zip(cells, (",.0f", ".2f", ".2f", ".2f"), strict=True)]
        print(f"{line.work:22}{line.readings_per_second:12,.0f}{texts[0]:>14}{texts[1]:>8}{texts[2]:>11}{texts[3]:>11}")
    if options.json:
        figures = {line.work: asdict(line) | {"ratio": line.ratio} for line in lines}
        options.json.write_text(json.dumps({"seconds": seconds, "sites": SITES, "figures": figures}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
