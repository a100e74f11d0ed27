"""The envelope of every message: CloudEvents attribute names, and the ids that let one reading be followed."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.contracts.base import Instant, Wire, first_flaw
from shared.contracts.events import EVENTS, Event


class UnknownEventError(ValueError):
    """A message whose type, major version or body this program does not know."""


class Envelope(Wire):
    """CloudEvents 1.0 attributes; `data` is the event's body."""

    specversion: str = "1.0"
    id: str
    type: str
    source: str
    time: Instant
    correlationid: str
    causationid: str | None = None
    data: dict[str, Any]

    def event(self) -> Event:
        """The body as its model. Raises `UnknownEventError`, in one line."""
        try:
            model = EVENTS[self.type]
        except KeyError:
            raise UnknownEventError(f"message type is {self.type!r}: {_what_is_known(self.type)}") from None
        try:
            return model.model_validate(self.data)
        except ValidationError as problem:
            raise UnknownEventError(f"message of type {self.type!r} is malformed: {first_flaw(problem)}") from None


def _what_is_known(type_: str) -> str:
    name, _, major = type_.rpartition(".v")
    others = sorted(known for known in EVENTS if known.rpartition(".v")[0] == name)
    if not others:
        return f"this program knows {', '.join(sorted(EVENTS))}"
    newer = major.isdigit() and int(major) > int(others[-1].rpartition(".v")[2])
    remedy = "upgrade this program, then replay the message" if newer else "upgrade the program that sent it"
    return f"this program knows {', '.join(others)}; {remedy}"


def wrap(event: Event, *, source: str, time: datetime, cause: Envelope | None = None, correlation_id: str | None = None) -> Envelope:
    """Put an event in its envelope. The correlation id is the cause's, else the given one, else new."""
    own = str(uuid.uuid4())
    return Envelope(
        id=own,
        type=event.TYPE,
        source=source,
        time=time,
        correlationid=cause.correlationid if cause else (correlation_id or own),
        causationid=cause.id if cause else None,
        data=event.model_dump(mode="json"),
    )
