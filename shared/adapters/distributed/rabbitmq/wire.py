"""Envelopes as messages: the body is the envelope in UTF-8 JSON, headers say what happened to the message so far."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import aio_pika
import orjson
from aio_pika.abc import AbstractIncomingMessage, DeliveryMode, HeadersType
from pydantic import ValidationError

from shared.adapters.distributed.rabbitmq.declaration import DELIVERY_LIMIT
from shared.contracts.base import first_flaw
from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue
from shared.ports.dead_letters import DeadLetter
from shared.ports.errors import RejectedMessageError

LARGEST_BODY = 8 * 2**20
LONGEST_REASON = 1_000
"""Characters: headers must fit in one frame."""
ATTEMPTS, REASON, FIRST_AT, LAST_AT, QUEUE = "x-der-attempts", "x-der-reason", "x-der-first-at", "x-der-last-at", "x-der-queue"


def message_of(envelope: Envelope) -> aio_pika.Message:
    """Raises `ValueError` for one that no consumer would take."""
    body = orjson.dumps({name: getattr(envelope, name) for name in Envelope.model_fields})
    if len(body) > LARGEST_BODY:
        raise ValueError(f"a message of type {envelope.type} has {len(body)} bytes: must be at most {LARGEST_BODY}; send smaller batches")
    return aio_pika.Message(
        body,
        message_id=envelope.id,
        correlation_id=envelope.correlationid,
        type=envelope.type,
        timestamp=envelope.time,
        app_id=envelope.source,
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def envelope_of(body: bytes) -> Envelope:
    """Raises `RejectedMessageError` for a body that is none."""
    if len(body) > LARGEST_BODY:
        raise RejectedMessageError(f"the body has {len(body)} bytes: must be at most {LARGEST_BODY}")
    try:
        return Envelope.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as problem:
        raise RejectedMessageError(f"the body is not JSON: {problem}") from None
    except ValidationError as problem:
        raise RejectedMessageError(f"the body is not an envelope: {first_flaw(problem)}") from None


def attempts_before(message: AbstractIncomingMessage) -> int:
    """Deliveries that ended in a retry."""
    attempts = message.headers.get(ATTEMPTS, 0)
    return attempts if isinstance(attempts, int) and attempts > 0 else 0


def copy_of(message: AbstractIncomingMessage, *, headers: HeadersType | None = None, expiration: float | None = None) -> aio_pika.Message:
    """The same message, without what brokers and retries wrote on it."""
    return aio_pika.Message(
        message.body,
        headers=headers,
        expiration=expiration,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        type=message.type,
        timestamp=message.timestamp,
        app_id=message.app_id,
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def history(message: AbstractIncomingMessage, queue: Queue, *, attempts: int, reason: str, now: datetime) -> HeadersType:
    """Headers of a message that was not handled."""
    first_at = message.headers.get(FIRST_AT)
    return {
        ATTEMPTS: attempts,
        REASON: reason[:LONGEST_REASON],
        FIRST_AT: first_at if isinstance(first_at, str) else now.isoformat(),
        LAST_AT: now.isoformat(),
        QUEUE: queue.name,
    }


def identity(message: AbstractIncomingMessage) -> str:
    """Its id; one that came without has the digest of its body."""
    return message.message_id or hashlib.sha256(message.body).hexdigest()[:32]


def letter_of(message: AbstractIncomingMessage, queue: Queue) -> DeadLetter:
    """What lies in a dead queue."""
    headers: dict[str, Any] = dict(message.headers)
    try:
        envelope = envelope_of(message.body)
    except RejectedMessageError:
        envelope = None
    attempts, reason, last_at = attempts_before(message), str(headers.get(REASON, "not said")), _moment(headers.get(LAST_AT))
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and deaths[0].get("reason") == "delivery_limit":
        attempts, last_at = attempts + DELIVERY_LIMIT + 1, deaths[0].get("time")
        reason = f"its consumer ended {DELIVERY_LIMIT + 1} times while handling it, and never said how that went"
    last_at = last_at or message.timestamp or datetime.fromtimestamp(0, UTC)
    return DeadLetter(
        id=identity(message),
        queue=queue.name,
        envelope=envelope,
        body=message.body,
        reason=reason,
        attempts=attempts,
        first_at=_moment(headers.get(FIRST_AT)) or message.timestamp or last_at,
        last_at=last_at,
    )


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
