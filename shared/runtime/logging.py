"""Structured logs: one event per fact, the correlation id in every line, on standard error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import structlog


def configure(*, level: str, form: str) -> None:
    """Set up logging for this process, once."""
    # plain tracebacks: the renderer's own would show local variables, and so whatever secret they hold
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else console
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if form == "json" else _keep,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=_to_standard_error,
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a part, named after it."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(part=name))


@contextmanager
def correlation(correlation_id: str) -> Iterator[None]:
    """Put the correlation id in every line logged inside."""
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        yield


def current_correlation() -> str | None:
    """The correlation id of the work under way, in this task or in a thread that it started."""
    found = structlog.contextvars.get_contextvars().get("correlation_id")
    return None if found is None else str(found)


def _to_standard_error(*_args: object) -> structlog.PrintLogger:
    """What standard error is when a line is logged, not when logging was set up."""
    return structlog.PrintLogger(sys.stderr)


def _keep(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event
