"""What routes get from the composition root, and how they document their answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request

from services.api.routes.live import Announcements
from services.api.routes.problems import MEDIA_TYPE
from services.api.service import ApiService
from shared.ports.bus import MessageBus
from shared.ports.clock import Clock

Check = Callable[[], str | None]
"""Says in one line what does not work, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a route may use."""

    service: ApiService
    bus: MessageBus
    clock: Clock
    announcements: Announcements
    planner_timeout: timedelta = timedelta(seconds=8)
    checks: Mapping[str, Check] = field(default_factory=dict)
    """By part, for the readiness page."""


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Needs = Annotated[Context, Depends(_context)]

_DESCRIPTIONS = {
    400: "The body is not JSON, or names a field twice.",
    403: "A browser sent this for a page of another origin.",
    404: "No such thing, or not yet; `code` tells which.",
    409: "It does not fit the present state; `code` tells why.",
    413: "The body has more than 1 MB, or the batch more than 10,000 rows.",
    415: "The body is not `application/json`.",
    421: "The host name is not one that is served here.",
    422: "A value is wrong; `errors` points at each.",
    500: "Our mistake; the log holds its `trace_id`.",
    503: "Something that this needs does not answer; try again after `Retry-After` seconds.",
}
EVERYWHERE = (421, 500, 503)
READS = (422, *EVERYWHERE)
WRITES = (400, 403, 413, 415, 422, *EVERYWHERE)


def answers(
    example: Any, *problems: int, status: int = 200, description: str = "It worked.", extra: Any = None
) -> dict[int | str, dict[str, Any]]:
    """The documented answers of an operation: the good one with its example, and each problem."""
    found: dict[int | str, dict[str, Any]] = {status: {"description": description}}
    if example is not None:
        found[status]["content"] = {"application/json": {"example": example}}
    for code in sorted(set(problems)):
        schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
        found[code] = {"description": _DESCRIPTIONS[code], "content": {MEDIA_TYPE: schema}}
    return found | (extra or {})
