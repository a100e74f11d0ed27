"""Exchanges and queues as data. Whichever process starts first declares them."""

from dataclasses import dataclass

from shared.contracts import events

EVENTS_EXCHANGE = "der.events"
COMMANDS_EXCHANGE = "der.commands"
DEAD_EXCHANGE = "der.dead"


RETRY_LEVELS = 3
"""The first, the second, and every later retry wait in queues of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A consumer's queue, bound to its routing keys."""

    name: str
    exchange: str
    routing_keys: tuple[str, ...]
    shared: bool = True
    """Shared: all processes of the consumer take from one durable queue, with retry and dead queues. Else per instance: every
    process has a copy of its own, which ends with it, holds the newest messages, and is lossy: a sweep makes up for it."""

    @property
    def retries(self) -> tuple[str, ...]:
        """Where messages wait for their next try, a level each: a short wait never queues behind a long one."""
        return tuple(f"{self.name}.retry.{level}" for level in range(1, RETRY_LEVELS + 1)) if self.shared else ()

    @property
    def dead(self) -> str | None:
        """Where messages go that were given up, through `DEAD_EXCHANGE` by this queue's name."""
        return f"{self.name}.dead" if self.shared else None


def exchange_of(event_type: str) -> str:
    """Where messages of that type are published: commands end in `.requested`, and go to their one consumer."""
    return COMMANDS_EXCHANGE if ".requested." in event_type else EVENTS_EXCHANGE


def queue(consumer: str, noun_verb: str, *event_types: type[events.Event], major: int = 1, shared: bool = True) -> Queue:
    """The queue of a consumer for events, or for commands, which end in `.requested`. Raises `ValueError` for a mixture."""
    keys = tuple(event.TYPE for event in event_types)
    if len({exchange_of(key) for key in keys}) != 1:
        raise ValueError(f"queue {consumer}.{noun_verb} must take either commands or events, not {', '.join(keys) or 'nothing'}")
    return Queue(name=f"{consumer}.{noun_verb}.v{major}", exchange=exchange_of(keys[0]), routing_keys=keys, shared=shared)


SYNC_READINGS = queue("sync", "readings-store", events.ReadingsRecorded, events.ReadingColumnsRecorded)
FEATURES_BUILD = queue("features", "table-build", events.SyncWindowCompleted)
FEATURES_BATCH = queue("features", "batch-build", events.FeaturesBatchRequested)
FORECASTER_RUN = queue("forecaster", "forecast-run", events.FeaturesTableBuilt, events.ModelTrainingCompleted)
FORECASTER_TRAIN = queue("forecaster", "model-train", events.ModelTrainingRequested)
FORECASTER_BATCH = queue("forecaster", "batch-run", events.ForecastBatchRequested)
FORECASTER_TRAIN_BATCH = queue("forecaster", "batch-train", events.TrainingBatchRequested)
OPTIMIZER_REPLAN = queue("optimizer", "schedule-replan", events.ForecastRunPublished)
OPTIMIZER_RUN = queue("optimizer", "schedule-run", events.ScheduleRunRequested)
OPTIMIZER_BATCH = queue("optimizer", "batch-run", events.ScheduleBatchRequested)
GATEWAY_SCHEDULE = queue("gateway_sim", "schedule-follow", events.ScheduleRunPublished, shared=False)
API_ANNOUNCE = queue(
    "api", "events-announce",
    events.SyncWindowCompleted, events.ForecastRunPublished, events.ScheduleRunPublished, events.ModelTrainingCompleted,
    events.ModelDrifted,
    shared=False,
)  # fmt: skip

QUEUES: tuple[Queue, ...] = (
    SYNC_READINGS,
    FEATURES_BUILD,
    FEATURES_BATCH,
    FORECASTER_RUN,
    FORECASTER_TRAIN,
    FORECASTER_BATCH,
    FORECASTER_TRAIN_BATCH,
    OPTIMIZER_REPLAN,
    OPTIMIZER_RUN,
    OPTIMIZER_BATCH,
    GATEWAY_SCHEDULE,
    API_ANNOUNCE,
)
