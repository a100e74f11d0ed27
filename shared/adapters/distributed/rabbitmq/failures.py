"""What the client library raises, told as what it means."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.ports.errors import UnavailableError


class LinkLostError(UnavailableError):
    """The connection or the channel is gone, or does not answer: what was under way may or may not have happened."""


@contextmanager
def link_errors(doing: str) -> Iterator[None]:
    """Raises `LinkLostError` for whatever the library raises when a link goes.

    On heartbeat loss it raises `CancelledError` into tasks that nobody has cancelled; a real cancellation is counted by the task.
    """
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise LinkLostError(f"the link to RabbitMQ was lost while {doing}") from None
    except CONNECTION_EXCEPTIONS as problem:
        raise LinkLostError(f"the link to RabbitMQ was lost while {doing} ({one_line(problem)})") from problem


def one_line(problem: BaseException) -> str:
    """The text of an error without line breaks, or its name when it has none."""
    return " ".join(str(problem).split()) or type(problem).__name__
