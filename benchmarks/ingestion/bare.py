"""The reference: the same messages by aio-pika alone, prepared beforehand, each copied as it comes by a bare COPY."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import aio_pika
import orjson
import psycopg

from ingestion.gateways import PUBLISHERS, Load, measured, some_values
from services.gateway_sim.handlers import recorded_events
from shared.contracts.envelope import wrap
from shared.domain.reading import VALUE_COLUMNS

QUEUE = "bare"
_NUMBERS = ", ".join(f"{name} double precision" for name in VALUE_COLUMNS)
TABLE = (
    f"CREATE TABLE bare (site_id text, timestamp timestamptz, device_id text, {_NUMBERS}, time_of_use_period text,"
    " quality smallint, stored_at timestamptz, PRIMARY KEY (site_id, timestamp, device_id))"
)


async def publish(load: Load, *, url: str) -> float:
    """Publish bodies that are ready, confirmed, as many at once as the gateways do; returns the seconds."""
    bodies = _bodies(load)
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange, numbers = channel.default_exchange, iter(range(load.messages))
        started = time.perf_counter()

        async def gateway() -> None:
            for number in numbers:
                message = aio_pika.Message(bodies[number], delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await exchange.publish(message, routing_key=QUEUE, mandatory=True)

        await asyncio.gather(*(gateway() for _ in range(PUBLISHERS)))
        return time.perf_counter() - started


def _bodies(load: Load) -> list[bytes]:
    """As many bodies as messages, no two readings of one key."""
    now = datetime.now(UTC)
    event = recorded_events("home", measured(some_values("home"), now=now))[0]
    data = wrap(event, source="bare", time=now).data
    bodies = []
    for number in range(load.messages):
        data["site_id"] = f"message-{number:06}"
        bodies.append(orjson.dumps(data))
    return bodies


async def store(load: Load, *, broker: str, database: str, ready: object) -> float:
    """Consume and COPY, a transaction for each message, until all are stored; returns the moment (`time.time`) of the last commit."""
    connection = await aio_pika.connect(broker)
    async with connection, await psycopg.AsyncConnection.connect(database) as postgres:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=50)
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await postgres.execute(TABLE)
        await postgres.commit()
        ready.set()  # type: ignore[attr-defined]
        left = load.messages
        async with queue.iterator() as messages:
            async for message in messages:
                await _copy(postgres, orjson.loads(message.body))
                await message.ack()
                left -= 1
                if left == 0:
                    break
        return time.time()


async def _copy(postgres: psycopg.AsyncConnection, data: dict[str, Any]) -> None:
    site_id, readings, now = data["site_id"], data["readings"], datetime.now(UTC)
    values = [readings["values"][name] for name in VALUE_COLUMNS]
    rows = zip(readings["timestamp"], readings["device_id"], readings["time_of_use_period"], *values, strict=True)
    async with postgres.cursor() as cursor:
        async with cursor.copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "timestamptz", "text", *["float8"] * len(VALUE_COLUMNS), "text", "int2", "timestamptz"])
            for moment, device_id, period, *numbers in rows:
                await copy.write_row((site_id, datetime.fromisoformat(moment), device_id, *numbers, period, 0, now))
        await postgres.commit()
