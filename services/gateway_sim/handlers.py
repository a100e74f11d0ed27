"""Clock and messages in, events out: a reading at each due moment, the newest schedule followed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pandas as pd

from services.gateway_sim.service import GatewayService, MirrorService
from shared.contracts import topology
from shared.contracts.events import Event, ReadingColumnsRecorded, ScheduleRunPublished
from shared.contracts.reading_frames import columns_from_frame
from shared.domain.time import EPOCH
from shared.ports.clock import Clock
from shared.ports.errors import RetryableError
from shared.ports.schedule_store import ScheduleStore
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer

TICK = timedelta(seconds=1)
"""How late a reading may be; asking whether one is due costs nothing."""
SWEEP = timedelta(seconds=60)
"""How long a schedule may go unnoticed when its message was lost."""
MESSAGE_ROWS = 200

Emit = Callable[[pd.DataFrame], None]


def parts(
    *,
    service: GatewayService,
    clock: Clock,
    schedules: ScheduleStore,
    origin: datetime = EPOCH,
    emit: Emit | None = None,
    mirror: MirrorService | None = None,
) -> Parts:
    """Record at every `origin + k x step`; follow the newest schedule. `emit` sees the readings of each recording.

    `mirror` copies them to a server in its own time: a server that is slow or away delays no recording.
    """

    def record() -> Sequence[Event]:
        done = service.record(now=clock.now(), origin=origin)
        if emit is not None and done.rows:
            emit(done.readings)
        return recorded_events(service.home.site_id, done.readings)

    def sweep() -> Sequence[Event]:
        newest = schedules.latest(site_id=service.home.site_id)
        if newest is not None:
            service.follow(newest)
        return ()

    def follow(event: Event) -> Sequence[Event]:
        if isinstance(event, ScheduleRunPublished) and event.site_id == service.home.site_id:
            schedule = schedules.get(event.schedule_id)
            if schedule is None:
                raise RetryableError(f"schedule {event.schedule_id} is not in the store yet")
            service.follow(schedule)
        return ()

    return Parts(
        name="gateway_sim",
        subscriptions=(Subscription(queue=topology.GATEWAY_SCHEDULE, handle=follow),),
        timers=(
            Timer(name="follow", every=SWEEP, step=sweep),
            Timer(name="record", every=min(service.step, TICK), step=record),
            *((_mirror_timer(mirror, clock=clock),) if mirror is not None else ()),
        ),
        alone=True,
    )


def _mirror_timer(mirror: MirrorService, *, clock: Clock) -> Timer:
    def copy() -> Sequence[Event]:
        before = mirror.another
        mirror.copy(now=clock.now())
        if mirror.another != before:
            logger("gateway_sim").warning("two gateways share a name", problem=mirror.another)
        return ()

    return Timer(name="mirror", every=TICK, step=copy)


def recorded_events(site_id: str, readings: pd.DataFrame) -> list[Event]:
    """The readings in messages of at most 200."""
    return [
        ReadingColumnsRecorded(site_id=site_id, readings=columns_from_frame(readings.iloc[first : first + MESSAGE_ROWS]))
        for first in range(0, len(readings), MESSAGE_ROWS)
    ]
