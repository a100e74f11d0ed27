"""What the others publish is told to whoever listens here."""

from collections.abc import Callable, Sequence

from shared.contracts.events import Event
from shared.contracts.topology import API_ANNOUNCE
from shared.runtime.logging import current_correlation
from shared.runtime.worker import Parts, Subscription

Announce = Callable[[Event, str | None], None]
"""Called from a worker thread with an event and the correlation id of the work that made it."""


def parts(announce: Announce) -> Parts:
    """The api's part of a process: it passes announcements on and publishes nothing."""

    def handle(event: Event) -> Sequence[Event]:
        announce(event, current_correlation())
        return ()

    return Parts(name="api", subscriptions=(Subscription(queue=API_ANNOUNCE, handle=handle),))
