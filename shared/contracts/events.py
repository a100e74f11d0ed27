"""One model per message. The type is `<context>.<noun>.<past participle>.v<major>`; commands end in `.requested`."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Instant, Wire
from shared.contracts.reading_columns import ReadingColumns
from shared.contracts.readings import ReadingDocument
from shared.domain.forecast import Target


class Event(Wire):
    """A message's body. `TYPE` is its type and routing key."""

    TYPE: ClassVar[str]


class ReadingsRecorded(Event):
    """A gateway has measured; the rows are in its edge store already."""

    TYPE: ClassVar[str] = "telemetry.reading.recorded.v1"
    site_id: str
    readings: list[ReadingDocument] = Field(max_length=10_000)


class ReadingColumnsRecorded(Event):
    """As `telemetry.reading.recorded.v1`, for many readings: in columns."""

    TYPE: ClassVar[str] = "telemetry.reading.recorded.v2"
    site_id: str
    readings: ReadingColumns


class SyncWindowCompleted(Event):
    """Readings of this interval are in the cloud store."""

    TYPE: ClassVar[str] = "sync.window.completed.v1"
    site_id: str
    start: Instant
    end: Instant
    accepted: int
    rejected: int


class FeaturesTableBuilt(Event):
    """Features of this interval are in the cloud store."""

    TYPE: ClassVar[str] = "features.table.built.v1"
    site_id: str
    start: Instant
    end: Instant
    rows: int
    catalog_version: str


class ModelTrainingRequested(Event):
    """Please train this site's models."""

    TYPE: ClassVar[str] = "model.training.requested.v1"
    site_id: str


class ModelTrainingCompleted(Event):
    """A model was trained and tested; `promoted` says whether it serves now."""

    TYPE: ClassVar[str] = "model.training.completed.v1"
    site_id: str
    target: Target
    model_name: str
    model_version: str
    promoted: bool
    skill: float | None


class ModelDrifted(Event):
    """A model's errors or data have changed since its training. It is trained again daily; this is for people to look at."""

    TYPE: ClassVar[str] = "forecast.model.drifted.v1"
    site_id: str
    target: Target
    model_version: str
    alarm: str
    still_serves: bool


class ForecastRunPublished(Event):
    """New forecasts of a site are in the cloud store."""

    TYPE: ClassVar[str] = "forecast.run.published.v1"
    site_id: str
    issued_at: Instant
    targets: list[Target]
    forecast_ids: list[str]


class ScheduleRunRequested(Event):
    """Please plan this site now."""

    TYPE: ClassVar[str] = "schedule.run.requested.v1"
    site_id: str


class ScheduleRunPublished(Event):
    """A new schedule of a site is in the cloud store."""

    TYPE: ClassVar[str] = "schedule.run.published.v1"
    site_id: str
    schedule_id: str
    issued_at: Instant
    status: str


class JobBatchRequested(Event):
    """Please do these jobs, as far as nobody has them yet."""

    job_ids: list[str] = Field(min_length=1, max_length=500)


class FeaturesBatchRequested(JobBatchRequested):
    """Please build the features of these sites."""

    TYPE: ClassVar[str] = "features.batch.requested.v1"


class TrainingBatchRequested(JobBatchRequested):
    """Please train the models of these sites."""

    TYPE: ClassVar[str] = "model.batch.requested.v1"


class ForecastBatchRequested(JobBatchRequested):
    """Please forecast these sites."""

    TYPE: ClassVar[str] = "forecast.batch.requested.v1"


class ScheduleBatchRequested(JobBatchRequested):
    """Please plan these sites."""

    TYPE: ClassVar[str] = "schedule.batch.requested.v1"


EVENTS: dict[str, type[Event]] = {
    event.TYPE: event
    for event in (
        ReadingsRecorded,
        ReadingColumnsRecorded,
        SyncWindowCompleted,
        FeaturesTableBuilt,
        ModelTrainingRequested,
        ModelTrainingCompleted,
        ModelDrifted,
        ForecastRunPublished,
        ScheduleRunRequested,
        ScheduleRunPublished,
        FeaturesBatchRequested,
        TrainingBatchRequested,
        ForecastBatchRequested,
        ScheduleBatchRequested,
    )
}
