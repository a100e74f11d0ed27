"""Server-sent events: what happens, as it happens."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from services.api.routes.context import READS, Needs, answers
from services.api.routes.live import Announcement, Announcements, Listener, TooManyListenersError
from services.api.routes.problems import ProblemException
from services.api.routes.strict import StrictRoute

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=StrictRoute)

RETRY_MILLISECONDS = 3000
_EXAMPLE = (
    "retry: 3000\n\nevent: schedule.run.published.v1\nid: 6f0c\n"
    'data: {"type": "schedule.run.published.v1", "site_id": "home", "schedule_id": "home.20240615T120000Z"}\n\n'
)


class EventStream(StreamingResponse):
    """An answer that does not end."""

    media_type = "text/event-stream"


@router.get(
    "", operation_id="stream_events", summary="Listen to what happens", response_class=EventStream,
    responses=answers(None, *READS, description="A stream of server-sent events.",
                      extra={200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}}}),
)  # fmt: skip
async def stream_events(needs: Needs) -> EventStream:
    """Use it to show changes without polling: new readings, forecasts, schedules and models, by type and site.

    An event says that something happened; read what is true from the other operations. A comment every 15 seconds keeps
    the connection. A client that falls behind is disconnected; after reconnecting it reads afresh.
    """
    try:
        listener = needs.announcements.join()
    except TooManyListenersError:
        raise ProblemException(503, "too_many_listeners", "Close a stream or try again later.", headers={"Retry-After": "30"}) from None
    return EventStream(stream(needs.announcements, listener), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def stream(announcements: Announcements, listener: Listener) -> AsyncIterator[str]:
    """The text of a stream; the listener's place is given back at its end."""
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        async for announcement in listener.announcements():
            yield ": still here\n\n" if announcement is None else _message(announcement)
    finally:
        announcements.leave(listener)


def _message(announcement: Announcement) -> str:
    return f"event: {announcement.event.TYPE}\nid: {announcement.id}\ndata: {json.dumps(announcement.body())}\n\n"
