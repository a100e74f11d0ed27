"""What people and programs ask of the platform: sites, tariffs, readings, forecasts, schedules, savings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from shared.contracts.evaluations import EVALUATION_FILE, EvaluationDocument
from shared.contracts.reading_frames import frame_from_documents
from shared.contracts.readings import ReadingDocument
from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.forecast import Forecast, Target
from shared.domain.reading import FIELDS, VALUE_COLUMNS, Quality
from shared.domain.savings import SavingsReport
from shared.domain.schedule import Schedule
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import EPOCH, Interval, TimeGrid, floor_to
from shared.ports.errors import NotFoundError, UnavailableError
from shared.ports.forecast_store import ForecastStore
from shared.ports.model_store import POOL, ModelManifest, ModelStore, Promotion
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.quarantine_store import QuarantineStore
from shared.ports.reading_store import ReadingStore
from shared.ports.savings_store import SavingsStore
from shared.ports.schedule_store import ScheduleStore
from shared.ports.site_store import SiteStore, TariffStore

FURTHEST_AHEAD = timedelta(minutes=5)
"""A reading stamped further ahead of now is refused: it would move watermarks past data still to come."""
CLOCK_TOLERANCE = timedelta(seconds=2)
"""A reading stamped further ahead than this is stored and flagged."""
OLDEST = EPOCH.replace(year=2000)
"""Older stamps come from a clock that was never set."""
WATCH_STEP = "watch"
"""The forecaster's look for drift, a step for each target."""
PREPARING_STEPS = ("sync", "features", "forecast")
MAX_SERIES_STEPS = 10_000


class MissingError(NotFoundError):
    """What was asked for is not there (yet). `code` names the case for a program."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class ConflictError(Exception):
    """The request is sound but does not fit the present state. `code` names the case for a program."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row: a JSON pointer from the row, and why."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row of a batch that is not stored as a reading, and its text as it was sent."""

    index: int
    device_id: str
    timestamp: str
    faults: tuple[Fault, ...]
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReadings:
    """What became of a batch."""

    inserted: int
    updated: int
    unchanged: int
    refused: tuple[RefusedRow, ...]
    interval: Interval | None
    """From the first to just after the last stored timestamp; None when no row was stored."""

    @property
    def accepted(self) -> int:
        return self.inserted + self.updated + self.unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSeries:
    """Means of readings on a grid; each column of shape (steps,) with NaN where nothing was measured."""

    grid: TimeGrid
    columns: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPage:
    """Some readings in order, and whether more follow."""

    rows: pd.DataFrame
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStatus:
    """How far the platform has come with a site."""

    site: Site
    readings: Interval | None
    rows: int
    quarantined: int
    steps: tuple[Progress, ...]
    forecasts: Mapping[Target, datetime]
    """When the newest forecast of each target was issued."""
    schedule: Schedule | None
    has_tariff: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteModels:
    """The models of one target of a site."""

    champion: str | None
    versions: Sequence[ModelManifest]
    """Newest first."""
    promotions: Sequence[Promotion]
    """Oldest first."""
    watch: Progress | None
    """The last look for drift; its `last_error` is the alarm."""
    evaluation: EvaluationDocument | None
    """Of the champion, else of the newest version."""
    pool: ModelManifest | None
    """What all sites share; None where there is no such model."""


class ApiService:
    """Use cases of the API on ports. Raises `MissingError` for what is not there."""

    def __init__(
        self,
        *,
        sites: SiteStore,
        tariffs: TariffStore,
        readings: ReadingStore,
        quarantine: QuarantineStore,
        forecasts: ForecastStore,
        schedules: ScheduleStore,
        savings: SavingsStore,
        progress: ProgressStore,
        models: ModelStore,
    ) -> None:
        self._sites = sites
        self._tariffs = tariffs
        self._readings = readings
        self._quarantine = quarantine
        self._forecasts = forecasts
        self._schedules = schedules
        self._savings = savings
        self._progress = progress
        self._models = models

    def sites(self) -> list[Site]:
        """Every site, sorted by id."""
        return self._sites.list()

    def site(self, *, site_id: str) -> Site:
        """The site of that id."""
        site = self._sites.get(site_id) if _is_identifier(site_id) else None
        if site is None:
            raise MissingError("unknown_site", f"There is no site {site_id!r}; GET /v1/sites lists the sites there are.")
        return site

    def create_site(self, *, site: Site) -> None:
        """Add a site. Raises `ConflictError` when its id is taken."""
        if self._sites.get(site.site_id) is not None:
            raise ConflictError("site_exists", f"Site {site.site_id!r} exists already; change it with PUT /v1/sites/{site.site_id}.")
        self._sites.put(site)

    def replace_site(self, *, site: Site) -> bool:
        """Create or replace a site; True when it is new."""
        new = self._sites.get(site.site_id) is None
        self._sites.put(site)
        return new

    def remove_site(self, *, site_id: str) -> None:
        """Delete a site with all that belongs to it; models that this process may only read are left to the forecaster."""
        self.site(site_id=site_id)
        self._sites.delete(site_id)
        with suppress(UnavailableError):
            self._models.forget(site_id)

    def tariff(self, *, site_id: str) -> Tariff:
        """The tariff in force at a site."""
        self.site(site_id=site_id)
        tariff = self._tariffs.get(site_id)
        if tariff is None:
            raise MissingError("no_tariff", f"Site {site_id!r} has no tariff yet; set it with PUT /v1/sites/{site_id}/tariff.")
        return tariff

    def set_tariff(self, *, site_id: str, tariff: Tariff) -> None:
        """Replace the tariff of a site."""
        self.site(site_id=site_id)
        self._tariffs.put(site_id, tariff)

    def record_readings(
        self, *, site_id: str, documents: Mapping[int, ReadingDocument], refused: Sequence[RefusedRow], now: datetime
    ) -> RecordedReadings:
        """Store the sound rows of a batch (by their place in it), put the others into quarantine.

        `refused` are the rows whose form is wrong already. Of two rows with one key the later one wins.
        """
        self.site(site_id=site_id)
        sound: list[ReadingDocument] = []
        bad = list(refused)
        for index, document in documents.items():
            faults = row_faults(document, now=now)
            if faults:
                bad.append(_refused(index, document, faults))
            else:
                sound.append(document)
        bad.sort(key=lambda row: row.index)
        self._keep_refused(site_id, bad, now)
        if not sound:
            return RecordedReadings(inserted=0, updated=0, unchanged=0, refused=tuple(bad), interval=None)
        frame = _frame(site_id, sound, now)
        counts = self._readings.upsert(frame, stored_at=now)
        stamps = [document.timestamp for document in sound]
        return RecordedReadings(
            inserted=counts.inserted,
            updated=counts.updated,
            unchanged=counts.unchanged,
            refused=tuple(bad),
            interval=Interval(start=min(stamps), end=max(stamps) + timedelta(microseconds=1)),
        )

    def readings(self, *, site_id: str, interval: Interval, limit: int, after: tuple[datetime, str] | None) -> ReadingPage:
        """The oldest `limit` readings of an interval, or those after a timestamp and device."""
        self.site(site_id=site_id)
        extra = 0
        if after is not None:
            interval = Interval(start=max(after[0], interval.start), end=max(interval.end, after[0]))
            extra = len(self._readings.latest(site_id=site_id))
        rows = self._readings.read(site_id=site_id, interval=interval, limit=limit + extra + 1)
        if after is not None:
            moment, device = pd.Timestamp(after[0]), after[1]
            rows = rows[(rows["timestamp"] > moment) | ((rows["timestamp"] == moment) & (rows["device_id"] > device))]
        return ReadingPage(rows=rows.head(limit), more=len(rows) > limit)

    def latest_readings(self, *, site_id: str) -> pd.DataFrame:
        """The newest reading of each device of a site."""
        self.site(site_id=site_id)
        return self._readings.latest(site_id=site_id)

    def reading_series(self, *, site_id: str, interval: Interval, step: timedelta, columns: Sequence[str]) -> ReadingSeries:
        """Mean of each column over each step, whole steps from the one that holds the interval's start."""
        self.site(site_id=site_id)
        unknown = sorted(set(columns) - set(VALUE_COLUMNS))
        if unknown:
            raise InvalidValueError("columns", unknown[0], f"must be of {', '.join(VALUE_COLUMNS)}")
        if step <= timedelta(0) or interval.duration / step > MAX_SERIES_STEPS:
            raise InvalidValueError(
                "resolution",
                str(step),
                f"must be above zero and give at most {MAX_SERIES_STEPS} steps; take a coarser one or a shorter interval",
            )
        grid = TimeGrid.over(Interval(start=floor_to(interval.start, step), end=interval.end), step)
        rows = self._readings.read(site_id=site_id, interval=grid.interval, columns=columns)
        index = (rows["timestamp"] - pd.Timestamp(grid.start)) // pd.Timedelta(step)
        means = rows[list(columns)].groupby(index.to_numpy()).mean().reindex(range(grid.count))
        return ReadingSeries(grid=grid, columns=means)

    def forecast(self, *, site_id: str, target: Target, as_of: datetime | None = None) -> Forecast:
        """The newest forecast issued at or before `as_of`."""
        self.site(site_id=site_id)
        forecast = self._forecasts.latest(site_id=site_id, target=target, as_of=as_of)
        if forecast is None:
            raise MissingError(
                "no_forecast", f"Site {site_id!r} has no {target} forecast{_known_then(as_of)}; one is made hourly once it has readings."
            )
        return forecast

    def models(self, *, site_id: str, target: Target) -> SiteModels:
        """The versions that are stored, who served when, and the evaluation of the one that serves."""
        self.site(site_id=site_id)
        champion = self._models.champion(owner=site_id, target=target)
        versions = self._models.versions(owner=site_id, target=target)
        judged = champion or next((manifest.model_version for manifest in versions), None)
        return SiteModels(
            champion=champion,
            versions=versions,
            promotions=self._models.promotions(owner=site_id, target=target),
            watch=self._progress.get(step=f"{WATCH_STEP}.{target}", site_id=site_id),
            evaluation=self._evaluation(site_id, target, judged) if judged else None,
            pool=self._pool(target),
        )

    def schedule(self, *, schedule_id: str) -> Schedule:
        """The schedule of that id."""
        schedule = self._schedules.get(schedule_id)
        if schedule is None:
            raise MissingError("unknown_schedule", f"There is no schedule {schedule_id!r}; GET /v1/sites/{{site_id}}/schedules lists them.")
        return schedule

    def latest_schedule(self, *, site_id: str, as_of: datetime | None = None) -> Schedule:
        """The newest schedule issued at or before `as_of`."""
        self.site(site_id=site_id)
        schedule = self._schedules.latest(site_id=site_id, as_of=as_of)
        if schedule is None:
            raise MissingError(
                "no_schedule", f"Site {site_id!r} has no schedule{_known_then(as_of)}; ask for one with POST /v1/sites/{site_id}/schedules."
            )
        return schedule

    def schedule_ids(self, *, site_id: str, limit: int) -> list[str]:
        """Newest first."""
        self.site(site_id=site_id)
        return self._schedules.list_ids(site_id=site_id, limit=limit)

    def require_plannable(self, *, site_id: str) -> None:
        """Raises `ConflictError` when no plan could be made of this site whatever happens."""
        self.site(site_id=site_id)
        if self._tariffs.get(site_id) is None:
            raise ConflictError("no_tariff", f"Site {site_id!r} has no tariff to plan by; set it with PUT /v1/sites/{site_id}/tariff.")

    def savings(self, *, site_id: str) -> SavingsReport:
        """The newest replay of policies on the site's own history."""
        self.site(site_id=site_id)
        report = self._savings.latest(site_id=site_id)
        if report is None:
            raise MissingError("no_savings", f"Site {site_id!r} has no savings report yet; one is made once it has some days of readings.")
        return report

    def status(self, *, site_id: str) -> SiteStatus:
        """How far the platform has come with a site."""
        site = self.site(site_id=site_id)
        extent = self._readings.extent(site_id=site_id)
        steps = (self._progress.get(step=step, site_id=site_id) for step in PREPARING_STEPS)
        newest = {target: self._forecasts.latest(site_id=site_id, target=target) for target in Target}
        return SiteStatus(
            site=site,
            readings=extent[0] if extent else None,
            rows=extent[1] if extent else 0,
            quarantined=self._quarantine.count(site_id=site_id),
            steps=tuple(step for step in steps if step is not None),
            forecasts={target: forecast.issued_at for target, forecast in newest.items() if forecast is not None},
            schedule=self._schedules.latest(site_id=site_id),
            has_tariff=self._tariffs.get(site_id) is not None,
        )

    def _evaluation(self, site_id: str, target: Target, version: str) -> EvaluationDocument | None:
        """None for a version from before evaluations were kept."""
        document = self._models.load(owner=site_id, target=target, model_version=version).files.get(EVALUATION_FILE)
        return EvaluationDocument.model_validate_json(document) if document else None

    def _pool(self, target: Target) -> ModelManifest | None:
        version = self._models.champion(owner=POOL, target=target)
        stored = self._models.versions(owner=POOL, target=target) if version else []
        return next((manifest for manifest in stored if manifest.model_version == version), None)

    def _keep_refused(self, site_id: str, rows: Sequence[RefusedRow], now: datetime) -> None:
        if rows:
            self._quarantine.put(
                pd.DataFrame(
                    {
                        "site_id": site_id,
                        "device_id": [row.device_id for row in rows],
                        "timestamp": [row.timestamp for row in rows],
                        "reason": ["; ".join(f"{fault.pointer}: {fault.detail}" for fault in row.faults) for row in rows],
                        "document": [row.document for row in rows],
                        "stored_at": pd.Timestamp(now),
                    }
                )
            )


def row_faults(document: ReadingDocument, *, now: datetime) -> tuple[Fault, ...]:
    """What makes a well-formed reading unbelievable: values beyond any device, a clock that is wrong."""
    faults = []
    if document.timestamp > now + FURTHEST_AHEAD:
        faults.append(Fault(pointer="/timestamp", detail=f"is more than 5 minutes ahead of now ({now.isoformat(timespec='seconds')})"))
    if document.timestamp < OLDEST:
        faults.append(Fault(pointer="/timestamp", detail="is before 2000-01-01: the clock of the device was never set"))
    for field in FIELDS:
        value = _value(document, field.section, field.name)
        if value is not None and not field.low <= value <= field.high:
            pointer = f"/{field.section}/{field.name}" if field.section else f"/{field.name}"
            faults.append(Fault(pointer=pointer, detail=f"must be between {field.low:g} and {field.high:g}"))
    return tuple(faults)


def _value(document: ReadingDocument, section: str, name: str) -> float | None:
    holder = getattr(document, section) if section else document
    value: float | None = getattr(holder, name)
    return value


def _refused(index: int, document: ReadingDocument, faults: tuple[Fault, ...]) -> RefusedRow:
    return RefusedRow(
        index=index,
        device_id=document.device_id,
        timestamp=document.timestamp.isoformat(),
        faults=faults,
        document=document.model_dump_json(),
    )


def _frame(site_id: str, documents: Sequence[ReadingDocument], now: datetime) -> pd.DataFrame:
    """`READING_COLUMNS`; of two documents with one key the later one."""
    by_key = {(document.device_id, document.timestamp): document for document in documents}
    frame = frame_from_documents(list(by_key.values()), site_id=site_id)
    ahead = frame["timestamp"] > pd.Timestamp(now + CLOCK_TOLERANCE)
    frame["quality"] = np.where(ahead, int(Quality.CLOCK_AHEAD), int(Quality.GOOD))
    return frame


def _known_then(as_of: datetime | None) -> str:
    return f" issued by {as_of.isoformat()}" if as_of else ""


def _is_identifier(site_id: str) -> bool:
    try:
        require_identifier("site_id", site_id)
    except InvalidValueError:
        return False
    return True
