"""Structured logs: one event per fact, the correlation id in every line, on standard error.

The library is imported with the first logger, because a command that answers and ends logs nothing.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import structlog

_waiting: list[tuple[str, str]] = []
"""Level and form that were asked for and are not set up yet."""


def configure(*, level: str, form: str) -> None:
    """Set up logging for this process, once: at once where the library is in use already, else before its first line."""
    _waiting[:] = [(level, form)]
    if "structlog" in sys.modules:
        set_up()


def set_up() -> None:
    """Do what `configure` put off. Whoever opens a part that logs by itself calls this first."""
    if not _waiting:
        return
    import structlog

    level, form = _waiting.pop()
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


def logger(name: str) -> "structlog.typing.FilteringBoundLogger":
    """The logger of a part, named after it."""
    import structlog

    set_up()
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(part=name))


@contextmanager
def correlation(correlation_id: str) -> Iterator[None]:
    """Put the correlation id in every line logged inside."""
    import structlog

    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        yield


def current_correlation() -> str | None:
    """The correlation id of the work under way, in this task or in a thread that it started."""
    import structlog

    found = structlog.contextvars.get_contextvars().get("correlation_id")
    return None if found is None else str(found)


def _to_standard_error(*_args: object) -> "structlog.PrintLogger":
    """What standard error is when a line is logged, not when logging was set up."""
    import structlog

    return structlog.PrintLogger(sys.stderr)


def _keep(_logger: object, _method: str, event: "structlog.typing.EventDict") -> "structlog.typing.EventDict":
    return event
