"""What the API says beside the shared documents: lists, verdicts, series, status."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.contracts.base import Duration, Instant, Wire
from shared.contracts.evaluations import EvaluationDocument
from shared.contracts.readings import ReadingDocument
from shared.contracts.sites import SiteDocument
from shared.domain.forecast import Target
from shared.domain.time import parse_instant


def _query_instant(value: Any) -> Any:
    # an unescaped plus sign arrives as a space
    return parse_instant(value.replace(" ", "+"), "time") if isinstance(value, str) else value


QueryInstant = Annotated[
    datetime,
    BeforeValidator(_query_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2024-06-15T14:30:00Z"]}),
]
"""RFC 3339 with offset in a query."""


class SiteList(Wire):
    """Every site, sorted by id."""

    items: list[SiteDocument]
    next: str | None = Field(default=None, description="cursor of the next page; null on the last one")


class SitePatch(Wire):
    """A JSON merge patch (RFC 7396) of a site: what is absent stays, null goes back to the default."""

    name: str | None = None
    timezone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    resolution: Duration | None = None
    battery: dict[str, Any] | None = Field(default=None, description="any fields of BatteryDocument")
    solar: dict[str, Any] | None = Field(default=None, description="any fields of SolarDocument")
    ev: dict[str, Any] | None = Field(default=None, description="any fields of EvDocument")
    grid: dict[str, Any] | None = Field(default=None, description="any fields of GridDocument")
    simulated: bool | None = None
    live: bool | None = None


class StepProgressDocument(Wire):
    """How far one step of the platform has come with a site."""

    step: str = Field(description="`sync`, `features` or `forecast`")
    watermark: Instant | None = Field(description="everything before it is done")
    updated_at: Instant
    rows: int
    rejected: int
    last_error: str | None


class SiteStatusDocument(Wire):
    """How far the platform has come with a site: what there is, what is being prepared."""

    site_id: str
    now: Instant = Field(description="the time at this site; for imported history the end of its readings")
    time_stands: bool = Field(description="true for imported history: `now` does not move")
    has_tariff: bool
    readings_start: Instant | None = Field(description="timestamp of the oldest reading")
    readings_end: Instant | None = Field(description="just after the newest reading")
    readings_count: int
    readings_refused: int = Field(description="rows in quarantine")
    steps: list[StepProgressDocument]
    forecasts_issued_at: dict[Target, Instant] = Field(description="when the newest forecast of each target was issued")
    schedule_id: str | None
    schedule_issued_at: Instant | None


class ReadingBatch(Wire):
    """Readings of one site, at most 10,000 in 1 MB. Each row is judged alone: a bad one does not stop the others."""

    readings: list[ReadingDocument] = Field(min_length=1, max_length=10_000)


class RowFaultDocument(Wire):
    """What is wrong with a value of a row."""

    pointer: str = Field(description="JSON pointer into the row", examples=["/solar/generation_kw"])
    detail: str


class RefusedRowDocument(Wire):
    """A row that was not stored as a reading; it is kept in quarantine."""

    index: int = Field(description="its place in the batch, from 0")
    errors: list[RowFaultDocument]


class BatchVerdict(Wire):
    """What became of a batch: accepted = inserted + updated + unchanged."""

    site_id: str
    accepted: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    refused_rows: list[RefusedRowDocument]


class StoredReading(ReadingDocument):
    """A reading as it is stored, values that a flag doubts included."""

    quality: list[str] = Field(description="why it deserves less trust, such as `spike`; empty when nothing is wrong")


class ReadingList(Wire):
    """Readings sorted by time, then device."""

    site_id: str
    items: list[StoredReading]
    next: str | None = Field(default=None, description="cursor of the next page; null on the last one")


class ReadingSeriesDocument(Wire):
    """Means of readings over equal steps; null where nothing was measured."""

    site_id: str
    start: Instant
    resolution: Duration
    values: dict[str, list[float | None]] = Field(description="by column, such as `total_load_kw`")


class ScheduleSummary(Wire):
    """A schedule's id; the plan itself is at `/v1/schedules/{schedule_id}`."""

    schedule_id: str


class ScheduleList(Wire):
    """Schedules of a site, newest first."""

    site_id: str
    items: list[ScheduleSummary]
    next: str | None = Field(default=None, description="cursor of the next page; null on the last one")


class ModelDocument(Wire):
    """A stored version of a model."""

    model_version: str
    model_name: str
    trained_at: Instant
    data_start: Instant = Field(description="it learned from data since then")
    data_end: Instant = Field(description="and before then")
    catalog_version: str = Field(description="of the features that it reads")
    features: list[str]
    metrics: dict[str, float] = Field(description="figures of its rolling-origin test, such as `pinball`, `skill`, `coverage_80`")


class PromotionDocument(Wire):
    """From a moment on a version served, for a reason."""

    model_version: str | None = Field(description="null: from then on a baseline served")
    promoted_at: Instant
    reason: str


class DriftDocument(Wire):
    """Whether the champion still does as well as in its test, and its data still look like those that it learned from."""

    watched_at: Instant
    alarm: str | None = Field(description="what has changed, in words; null while nothing has")


class PoolDocument(Wire):
    """A model that all sites share. It serves a site before its first training as it is; afterwards models named `pooled` adapt it."""

    model_version: str
    trained_at: Instant
    data_end: Instant
    sites: int = Field(description="from which it was learned")


class ModelList(Wire):
    """The models of one target of a site."""

    site_id: str
    target: Target
    champion: str | None = Field(description="the version that serves; null where a baseline does")
    items: list[ModelDocument] = Field(description="newest first; the champion, the one before it and the newest few are kept")
    promotions: list[PromotionDocument] = Field(description="who served when, oldest first; the newest 100")
    pool: PoolDocument | None = Field(description="what all sites share; null where nothing was learned from several sites")
    drift: DriftDocument | None = Field(description="null before the first look")
    evaluation: EvaluationDocument | None = Field(description="of the champion, else of the newest version; null where there is none")


class PlanningAccepted(Wire):
    """The plan is being made; ask for the newest schedule after a while."""

    site_id: str
    status: Literal["planning"] = "planning"
    result_url: str
    retry_after_seconds: int


class LiveDocument(Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyDocument(Wire):
    """The process and what it depends on."""

    status: Literal["ready", "not_ready"]
    problems: dict[str, str] = Field(description="what does not work, by part; empty when everything does")
