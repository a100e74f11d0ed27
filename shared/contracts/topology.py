"""Exchanges and queues as data. Whichever process starts first declares them."""

from dataclasses import dataclass

from shared.contracts import events

EVENTS_EXCHANGE = "der.events"
COMMANDS_EXCHANGE = "der.commands"
DEAD_EXCHANGE = "der.dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A consumer's queue, bound to its routing keys; each has a retry and a dead queue."""

    name: str
    exchange: str
    routing_keys: tuple[str, ...]

    @property
    def retry(self) -> str:
        return f"{self.name}.retry"

    @property
    def dead(self) -> str:
        return f"{self.name}.dead"


def queue(consumer: str, noun_verb: str, *event_types: type[events.Event], major: int = 1) -> Queue:
    """The queue of a consumer for events, or for commands, which end in `.requested`. Raises `ValueError` for a mixture."""
    keys = tuple(event.TYPE for event in event_types)
    commands = {".requested." in key for key in keys}
    if len(commands) != 1:
        raise ValueError(f"queue {consumer}.{noun_verb} must take either commands or events, not {', '.join(keys) or 'nothing'}")
    exchange = COMMANDS_EXCHANGE if commands == {True} else EVENTS_EXCHANGE
    return Queue(name=f"{consumer}.{noun_verb}.v{major}", exchange=exchange, routing_keys=keys)


SYNC_READINGS = queue("sync", "readings-store", events.ReadingsRecorded)
FEATURES_BUILD = queue("features", "table-build", events.SyncWindowCompleted)
FORECASTER_RUN = queue("forecaster", "forecast-run", events.FeaturesTableBuilt, events.ModelTrainingCompleted)
FORECASTER_TRAIN = queue("forecaster", "model-train", events.ModelTrainingRequested)
OPTIMIZER_REPLAN = queue("optimizer", "schedule-replan", events.ForecastRunPublished)
OPTIMIZER_RUN = queue("optimizer", "schedule-run", events.ScheduleRunRequested)
GATEWAY_SCHEDULE = queue("gateway_sim", "schedule-follow", events.ScheduleRunPublished)
API_ANNOUNCE = queue(
    "api", "events-announce",
    events.SyncWindowCompleted, events.ForecastRunPublished, events.ScheduleRunPublished, events.ModelTrainingCompleted,
)  # fmt: skip

QUEUES: tuple[Queue, ...] = (
    SYNC_READINGS,
    FEATURES_BUILD,
    FORECASTER_RUN,
    FORECASTER_TRAIN,
    OPTIMIZER_REPLAN,
    OPTIMIZER_RUN,
    GATEWAY_SCHEDULE,
    API_ANNOUNCE,
)
