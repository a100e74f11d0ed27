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

    On heartbeat loss it raises `CancelledError` into tasks that nobody has cancelled; and what it raises when a link goes may take
    the place of a real cancellation. The task itself knows.
    """
    try:
        yield
    except asyncio.CancelledError:
        if _cancelled():
            raise
        raise LinkLostError(f"the link to RabbitMQ was lost while {doing}") from None
    except CONNECTION_EXCEPTIONS as problem:
        if _cancelled():
            raise asyncio.CancelledError from problem
        raise LinkLostError(f"the link to RabbitMQ was lost while {doing} ({one_line(problem)})") from problem
    except Exception as problem:
        if type(problem) is not Exception or problem.args:
            raise
        # nameless: what the library answers to a question that comes just after the link has gone
        raise LinkLostError(f"the link to RabbitMQ was lost while {doing}") from None


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def one_line(problem: BaseException) -> str:
    """The text of an error without line breaks, or its name when it has none."""
    return " ".join(str(problem).split()) or type(problem).__name__
