"""Work that several workers share: what is to be done once, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.time import as_utc


class JobKind(StrEnum):
    """What is done; a job is for one site, or for `FLEET`."""

    FEATURES = "features.build"
    TRAINING = "model.train"
    POOL = "pool.train"
    FORECAST = "forecast.run"
    SCHEDULE = "schedule.run"


FLEET = "fleet"
"""Stands for the site in a job of a kind that is for all sites together."""


class JobState(StrEnum):
    """Queued, running, failed: work that is still to be done. Done, given up: the end."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"
    """It is tried again when it is due."""
    DONE = "done"
    GIVEN_UP = "given_up"


def slot_of(moment: datetime) -> str:
    """A moment as the slot of a job: `20240615T143000Z`, with microseconds where it has some."""
    moment = as_utc(moment)
    return f"{moment:%Y%m%dT%H%M%S}{f'.{moment.microsecond:06}' if moment.microsecond else ''}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work. Whoever asks for the same kind, site and slot asks for the same job, which is done once.

    Raises `InvalidValueError` for a site or slot that is no identifier.
    """

    kind: JobKind
    site_id: str
    slot: str
    """What it is for: the clock hour of a forecast, the day of a training, the id of the message that asked for it."""

    def __post_init__(self) -> None:
        require_identifier("site_id", self.site_id)
        require_identifier("slot", self.slot)

    @property
    def job_id(self) -> str:
        """`forecast.run:home:20240615T140000Z`."""
        return f"{self.kind}:{self.site_id}:{self.slot}"


def job_of(job_id: str) -> Job:
    """The job of an id. Raises `InvalidValueError` for a text that is none."""
    kind, _, rest = job_id.partition(":")
    site_id, _, slot = rest.partition(":")
    try:
        return Job(kind=JobKind(kind), site_id=site_id, slot=slot)
    except ValueError:
        kinds = ", ".join(JobKind)
        raise InvalidValueError("job id", job_id, f"must be KIND:SITE:SLOT with a kind of {kinds}; `der jobs` lists them") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to do a job, for a while. It is worth nothing once the job has a greater fence."""

    job: Job
    owner: str
    fence: int
    """Grows with each claim of the job, also of one that was forgotten and requested anew later."""
    attempts: int
    """This one is counted."""
    until: datetime
    """From then on another worker may take the job over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job and how far it has come."""

    job: Job
    state: JobState
    attempts: int
    fence: int
    requested_at: datetime
    due_at: datetime
    """Queued: when it was requested. Running: the end of its lease. Failed: when it is tried again. Else: when it ended."""
    owner: str | None = None
    """Who has it or had it last."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """When it was done or given up."""
    error: str | None = None
    """How its last attempt failed."""
    result: Mapping[str, object] = field(default_factory=dict)
    """A few words and numbers that can be written as JSON."""
